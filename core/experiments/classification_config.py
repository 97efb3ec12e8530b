"""Knobs of classifications, and what an arm trains."""

from dataclasses import dataclass

from core.config import RunConfig, knob
from core.errors import UserError
from core.experiments.pretraining import WEIGHTS, WEIGHTS_HELP
from core.models.backbone_specs import BACKBONES, TUNED

SMALL_CNN = "small-cnn"


@dataclass(frozen=True)
class Way:
    """What an arm trains.

    Attributes:
        backbone: Name in :data:`core.models.backbone_specs.BACKBONES`, or ``small-cnn``; empty where
            the setup builds another network itself.
        tuned: ``head``, ``last-stage`` or ``all``; the rest is held still.
        pretrained: Whether it starts from ImageNet weights; ``small-cnn`` never does.
    """

    backbone: str
    tuned: str = "all"
    pretrained: bool = True

    def __post_init__(self) -> None:
        """Hold the names against the known ones; nobody publishes weights of the small network."""
        if self.backbone not in ("", SMALL_CNN, *BACKBONES):
            known = ", ".join((SMALL_CNN, *BACKBONES))
            raise TypeError(f"A way's backbone was given as {self.backbone!r}; one of {known} is allowed.")
        if self.tuned not in TUNED:
            raise TypeError(f"A way's tuned was given as {self.tuned!r}; one of {', '.join(TUNED)} is allowed.")
        object.__setattr__(self, "pretrained", self.pretrained and self.backbone != SMALL_CNN)


@dataclass(frozen=True, kw_only=True)
class ClassificationConfig(RunConfig):
    """Knobs of a classification."""

    size: int = knob(224, "Side of the square that the network sees.", low=16, high=1024, unit="pixels",
                     group="Pictures")  # fmt: skip
    resize: int = knob(
        0, "Resize the shorter side to this and cut the square out of the middle; 0 squashes the whole picture into "
        "it.", low=0, high=2048, unit="pixels", group="Pictures", advanced=True,
    )  # fmt: skip
    even_light: bool = knob(
        False, "Give the middle of every picture the same mean and spread of brightness before the network sees it: "
        "against other exposures, films and screens. Not where brightness itself tells the classes apart.",
        group="Pictures", advanced=True,
    )  # fmt: skip
    per_class: int = knob(0, "Train on at most this many pictures of each class; 0 takes all.", low=0, high=1_000_000,
                          unit="pictures", group="Data")  # fmt: skip
    weights: str = knob("pretrained", WEIGHTS_HELP, choices=WEIGHTS, group="Network")
    keep_features: bool = knob(
        True, "Compute what the frozen part makes of each picture once and keep it. It is used where pictures are not "
        "changed anew in every epoch, and gives the same training in a fraction of the time.", group="Network",
        advanced=True,
    )  # fmt: skip
    all_stages: bool = knob(
        False, "Let the last layer see mean and spread of what every stage of the network finds, not the last features "
        "alone: earlier stages know textures that pictures unlike ImageNet's need. Only where nothing but the last "
        "layer is trained.", group="Network",
    )  # fmt: skip
    flip: bool = knob(False, "Mirror left and right at random.", group="Augmentation")
    shift: float = knob(0.0, "Largest random shift, as a part of the side.", low=0.0, high=0.5, group="Augmentation")
    scale: float = knob(1.0, "Enlarge or shrink by up to this factor.", low=1.0, high=3.0, group="Augmentation")
    rotation: float = knob(0.0, "Largest random turn to either side.", low=0.0, high=180.0, unit="degrees",
                           group="Augmentation")  # fmt: skip
    colour: float = knob(0.0, "Strength of random brightness, contrast and saturation.", low=0.0, high=1.0,
                         group="Augmentation")  # fmt: skip
    stretch: float = knob(
        1.0, "Make up to so many times as wide for its height, or as high for its width: where pictures of other "
        "shapes were squashed into squares, that tells nothing then.", low=1.0, high=3.0, group="Augmentation",
    )  # fmt: skip
    grain: float = knob(
        0.0, "Strength of random blur and noise: how sharp and how grainy a picture is tells nothing then.", low=0.0,
        high=1.0, group="Augmentation",
    )  # fmt: skip
    copies: int = knob(
        0, "Learn from each picture as it is and from so many changed copies, the same ones in every epoch: what a "
        "frozen part makes of them is then computed only once. 0 changes every picture anew in every epoch.", low=0,
        high=20, group="Augmentation", advanced=True,
    )  # fmt: skip
    trivial_augment: bool = knob(False, "One random operation of random strength on each picture: TrivialAugmentWide.",
                                 group="Augmentation", advanced=True)  # fmt: skip
    label_smoothing: float = knob(0.0, "Share of the target spread over all classes while training.", low=0.0, high=0.5,
                                  advanced=True)  # fmt: skip

    test_views: str = knob(
        "one", "Average the answer over the picture and its mirror image, or over these and both enlarged by 9/7: "
        "twice and five times the work. Used when a run is evaluated or tried, not while it trains.",
        choices=("one", "mirror", "mirror-and-larger"), group="Prediction",
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Hold the knobs against each other.

        Raises:
            UserError: If the square would be larger than the picture it is cut from.
        """
        super().__post_init__()
        if 0 < self.resize < self.size:
            raise UserError(
                f"resize was given as {self.resize}, less than the square of {self.size} that is cut out; give at "
                "least the size, or 0."
            )
        changes = self.flip or self.shift or self.scale > 1 or self.rotation or self.colour or self.stretch > 1
        if self.copies and not (changes or self.grain or self.trivial_augment):
            raise UserError(
                f"copies was given as {self.copies}, but no change of the pictures was asked for; ask for one, such as "
                "stretch, or give 0."
            )
        if self.all_stages and self.batch_size == 1:
            raise UserError(
                "all_stages was asked for with batch_size 1, but a scale is found within batches; give at least 2."
            )
