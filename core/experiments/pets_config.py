"""Knobs of foreground segmentation of pets."""

from dataclasses import dataclass

from core.config import RunConfig, knob
from core.experiments.pretraining import WEIGHTS, WEIGHTS_HELP


@dataclass(frozen=True, kw_only=True)
class PetsConfig(RunConfig):
    """Knobs of foreground segmentation."""

    foreground: str = knob(
        "pet+border",
        "What is looked for: the animal without its outline, with it, or the outline alone. Masks that do not mark the "
        "outline get one, 2 % of the picture wide.",
        choices=("pet", "pet+border", "border"), group="Pictures",
    )  # fmt: skip
    size: int = knob(256, "Side of the square that the network sees; pictures are squashed into it. Scores are counted "
                     "at the picture's own size.", low=96, high=2048, unit="pixels", group="Pictures")  # fmt: skip
    test_size: int = knob(
        0, "Side of that square when the network is validated, evaluated or tried; 0 takes the side of training. A "
        "somewhat larger one often does better (Touvron et al., 2019), at the cost of the larger picture there alone.",
        low=0, high=2048, unit="pixels", group="Pictures", advanced=True,
    )  # fmt: skip
    normalise: str = knob(
        "imagenet",
        "own takes away mean and deviation of this data set's training pictures, imagenet those that ImageNet networks "
        "were trained with; unit only divides by 255.",
        choices=("own", "imagenet", "unit"), group="Pictures", advanced=True,
    )  # fmt: skip
    denoise: bool = knob(False, "Replace single pixels that stand out by the median around them, in every picture that "
                         "is read: against salt-and-pepper noise.", group="Pictures", advanced=True)  # fmt: skip
    flip: bool = knob(False, "Mirror left and right at random.", group="Augmentation")
    shift: float = knob(0.0, "Largest random shift, as a part of the side.", low=0.0, high=0.5, group="Augmentation")
    scale: float = knob(0.0, "Largest random change of size, as a part of it: 0.2 gives 0.8 to 1.2.", low=0.0, high=0.9,
                        group="Augmentation")  # fmt: skip
    rotation: float = knob(0.0, "Largest random turn to either side.", low=0.0, high=180.0, unit="degrees",
                           group="Augmentation")  # fmt: skip
    colour: float = knob(0.0, "Strength of random brightness, contrast and saturation.", low=0.0, high=1.0,
                         group="Augmentation")  # fmt: skip
    weights: str = knob("pretrained", WEIGHTS_HELP, choices=WEIGHTS, group="Network")
    frozen_stages: int = knob(
        0, "So many of the pretrained encoder's eight stages, from the picture on, keep their ImageNet weights: edges "
        "and colours need no new learning, and most of the time goes there.", low=0, high=8, group="Network",
        advanced=True,
    )  # fmt: skip
    decoder: str = knob(
        "whole", "Where the pretrained arm's decoder ends: at the whole size of the square, or at half of it, whose "
        "answer is enlarged by interpolation and takes a quarter less time.", choices=("whole", "half"),
        group="Network", advanced=True,
    )  # fmt: skip
    width: float = knob(1.0, "Factor on the channels of all layers that have no ImageNet weights; 1 is as reported.",
                        low=0.0625, high=2.0, group="Network", advanced=True)  # fmt: skip
    initialisation: str = knob(
        "he", "Random weights the layers start from: he keeps the size of gradients from layer to layer, default is "
        "PyTorch's own.", choices=("he", "default"), group="Network", advanced=True,
    )  # fmt: skip
    dropout: float = knob(0.1, "Share of the channels at the lowest resolution that a step leaves out; not for the "
                          "pretrained arm.", low=0.0, high=0.9, group="Network", advanced=True)  # fmt: skip
    double_sigmoid: bool = knob(
        False, "Let cross-entropy put a sigmoid on values that went through one already, as the report's code did. A "
        "pixel is foreground where the first sigmoid says at least the threshold.", advanced=True,
    )  # fmt: skip
    threshold: float = knob(0.5, "Probability from which a pixel counts as foreground.", low=0.01, high=0.99,
                            group="Prediction", advanced=True)  # fmt: skip
    test_mirror: bool = knob(
        False, "Average the prediction over the picture and its mirror image, twice the work. Used when a run is "
        "evaluated or tried, not while it trains.", group="Prediction",
    )  # fmt: skip
