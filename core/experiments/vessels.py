"""Retinal vessel segmentation (report R1): which pixels of a fundus photograph are vessel?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from core.config import RunConfig, knob
from core.errors import UserError
from core.experiments.experiment import Arm, Experiment, Recipe, Reported
from core.experiments.setup import Say, Setup, say_nothing

if TYPE_CHECKING:
    from torch import nn

    from core.data.layouts.vessels import VesselItem, VesselSet
    from core.data.torch_datasets.crops import MaskedPicture
    from core.data.torch_datasets.fundus import FundusBatches
    from core.data.torch_datasets.labelled import LabelledPicture, PreparedPicture
    from core.data.transforms.arrays import Pixels
    from core.data.transforms.fundus import FundusPreparation
    from core.engine.score import Score
    from core.engine.task import Task, TaskData

SMALLEST_PATCH = 32
WIDTHS = {"unet": ((64, 128, 256, 512), 1024), "unet-small": ((16, 32, 64), 128)}


@dataclass(frozen=True, kw_only=True)
class VesselsConfig(RunConfig):
    """Knobs of vessel segmentation."""

    colour: str = knob(
        "rgb", "What the network sees: rgb; green, where vessels stand out most; grey, 0.299 R + 0.587 G + 0.114 B.",
        choices=("rgb", "green", "grey"), group="Pictures",
    )  # fmt: skip
    normalise: str = knob(
        "field-of-view",
        "unit divides by 255; field-of-view makes mean 0 and deviation 1 inside the round part that shows the retina; "
        "local does so around each pixel, which takes uneven light away.",
        choices=("field-of-view", "local", "unit"), group="Pictures", advanced=True,
    )  # fmt: skip
    size: int = knob(0, "Resize whole pictures to a square of this side; 0 keeps their shape.", low=0, high=4096,
                     unit="pixels", group="Pictures", advanced=True)  # fmt: skip
    diameter: int = knob(
        0,
        "Scale pictures so that the field of view is this wide, which makes vessels of all cameras alike; 0 keeps the "
        "scale. Scores are still counted at the photograph's own size.",
        low=0, high=4096, unit="pixels", group="Pictures",
    )  # fmt: skip
    soft_masks: bool = knob(
        False,
        "Learn how much of a pixel is vessel where masks are shrunk, and the mean of both observers where two have "
        "drawn; else the first observer's yes and no.", group="Pictures", advanced=True,
    )  # fmt: skip
    patch: int = knob(160, "Side of the random patches to train on; 0 trains on whole pictures.", low=0, high=2048,
                      unit="pixels", group="Pictures")  # fmt: skip
    patches: int = knob(24, "Patches of each picture in one epoch.", low=1, high=10_000, group="Pictures")
    flips: bool = knob(True, "Mirror and quarter-turn at random.", group="Augmentation")
    rotation: float = knob(0.0, "Largest further turn to either side.", low=0.0, high=180.0, unit="degrees",
                           group="Augmentation", advanced=True)  # fmt: skip
    scale: float = knob(1.0, "Enlarge or shrink by up to this factor.", low=1.0, high=4.0, group="Augmentation")
    colour_shift: float = knob(0.0, "Strength of random contrast and brightness.", low=0.0, high=1.0,
                               group="Augmentation")  # fmt: skip
    blur: float = knob(0.0, "Largest random blur; noise grows with it.", low=0.0, high=5.0, unit="pixels",
                       group="Augmentation", advanced=True)  # fmt: skip
    loss: str = knob("bce-dice", "What goes down: focal Tversky, or cross-entropy plus Dice.",
                     choices=("bce-dice", "focal-tversky"))  # fmt: skip
    alpha: float = knob(0.5, "Focal Tversky only: weight of false alarms.", low=0.0, high=1.0, advanced=True)
    beta: float = knob(0.5, "Focal Tversky only: weight of misses.", low=0.0, high=1.0, advanced=True)
    gamma: float = knob(0.75, "Focal Tversky only: exponent.", low=0.1, high=5.0, advanced=True)
    threshold: float = knob(0.5, "Probability from which a pixel counts as vessel.", low=0.01, high=0.99,
                            group="Prediction", advanced=True)  # fmt: skip
    test_flips: bool = knob(
        False, "Average the prediction over the picture and its three mirror images, four times the work. Used when a "
        "run is evaluated or tried, not while it trains.", group="Prediction",
    )  # fmt: skip
    test_turns: bool = knob(
        False, "Average over the picture turned by a quarter as well, twice the work again.", group="Prediction",
        advanced=True,
    )  # fmt: skip
    tile: int = knob(1024, "Predict larger pictures in overlapping tiles of this side; 0 in one piece.", low=0,
                     high=8192, unit="pixels", group="Prediction", advanced=True)  # fmt: skip

    def __post_init__(self) -> None:
        """Hold the knobs against each other.

        Raises:
            UserError: If whole pictures of different sizes would make a batch, or patches or tiles are too small.
        """
        super().__post_init__()
        if not self.patch and not self.size and self.batch_size > 1:
            raise UserError(
                f"batch_size was given as {self.batch_size} with patch 0, but whole pictures may differ in size; set "
                "batch_size to 1, or give a size or a patch."
            )
        for name, value in (("patch", self.patch), ("tile", self.tile)):
            if 0 < value < SMALLEST_PATCH:
                raise UserError(f"{name} was given as {value}; 0, or at least {SMALLEST_PATCH} pixels, is allowed.")


class VesselsSetup(Setup[VesselsConfig, "VesselSet", "VesselItem"]):
    """Builds U-Nets, fundus preparation and patches."""

    @property
    def preparation(self) -> "FundusPreparation":
        """Return how a photograph becomes the network's input."""
        from core.data.transforms.fundus import FundusPreparation

        config = self.config
        return FundusPreparation(config.colour, config.normalise, config.size, config.diameter)

    def build_network(self) -> "nn.Module":
        """Return the arm's U-Net; the large one has the report's 3×3 head."""
        from core.models.unet import UNet

        widths, bottleneck = WIDTHS[self.config.arm]
        kernel = 3 if self.config.arm == "unet" else 1
        return UNet(self.preparation.channels, widths=widths, bottleneck=bottleneck, head_kernel=kernel)

    def build_task(self, network: "nn.Module", *, careful: bool = False) -> "Task":
        """Join the network with its loss; careful prediction averages over flips where the config asks for it."""
        from core.engine.tiles import ALL_FLIPS, AS_IT_IS
        from core.tasks.segmentation import SegmentationTask
        from core.tasks.segmentation_losses import build_bce_dice, build_focal_tversky

        own = self.config
        loss = build_bce_dice() if own.loss == "bce-dice" else build_focal_tversky(own.alpha, own.beta, own.gamma)
        flips = ALL_FLIPS if own.test_flips and careful else AS_IT_IS
        turns = own.test_turns and careful
        return SegmentationTask(network, loss, threshold=own.threshold, tile=own.tile, flips=flips, turns=turns)

    def build_data(self, network: "nn.Module", *, say: Say = say_nothing) -> "TaskData":
        """Open the set, hold back a part for validation and cut patches from the rest."""
        from core.data.torch_datasets.crops import Augmentation, PatchDataset
        from core.data.torch_datasets.fundus import load_labelled

        own = self.config
        training, held = self.split_training(self.found)
        dataset = PatchDataset(
            [self._prepare(load_labelled(item)) for item in training],
            patch=own.patch,
            per_picture=own.patches,
            augmentation=Augmentation(own.flips, own.rotation, own.scale, own.colour_shift, own.blur),
            seed=own.seed,
        )
        names = ", ".join(item.name for item in held) or "nothing"
        note = f"{len(training)} pictures to train on, {len(held)} to validate on ({names})."
        return self.join_data(dataset, list(self.whole_images(held)), training, note)

    def _prepare(self, picture: "LabelledPicture") -> "MaskedPicture":
        """Return what patches are cut from."""
        from core.data.torch_datasets.crops import MaskedPicture

        image, mask, inside = self.preparation.prepare_pair(picture, soft=self.config.soft_masks)
        return MaskedPicture(image, mask, inside, self.preparation.prepare_known(picture))

    def whole_images(self, items: Sequence["VesselItem"]) -> "FundusBatches":
        """Return whole photographs."""
        from core.data.torch_datasets.fundus import FundusBatches

        return FundusBatches(items, self.preparation)

    def prepare_picture(self, pixels: "Pixels") -> "PreparedPicture":
        """Find the field of view and prepare the photograph as in training."""
        from core.data.torch_datasets.labelled import PreparedPicture
        from core.data.transforms.fundus import find_field_of_view

        inside = find_field_of_view(pixels)
        said = self.preparation.describe(pixels, inside)
        return PreparedPicture(self.preparation.prepare_tensor(pixels, inside), inside, (said,) if said else ())


class Vessels(Experiment):
    """The question, its arms and recipes, and how a run is built."""

    slug = "vessels"
    title = "Retinal vessels"
    kind = "segmentation"
    question = "Which pixels of a fundus photograph are vessel, and how small can the network be that finds them?"
    caution = "For teaching and research, not for diagnosis."
    verb = "Find the vessels"
    share_title = "Vessel share of the field of view"
    thin = True
    config_type = VesselsConfig
    setup_type = VesselsSetup
    monitor = "dice"
    data_help = (
        "The name synthetic, or a folder: DRIVE, CHASE_DB1, STARE, HRF, or pairs (images/ and masks/ with equal names)."
    )
    arms = (
        Arm("unet-small", "Small U-Net", "0.48 million parameters: widths 16, 32, 64, bottleneck 128."),
        Arm("unet", "U-Net", "The report's network, 31.04 million parameters: widths 64 to 512, bottleneck 1024."),
    )
    recipes = (
        Recipe(
            "improved",
            "Improved",
            "Colour, normalised inside the field of view and scaled to one width; random patches with flips, "
            "quarter turns and light; cross-entropy plus Dice; one-cycle AdamW, and a moving average of the weights. "
            "Many small varied patches teach more in minutes than the same 20 whole pictures a hundred times: patches "
            "of 96 pixels in place of 160 gave held-back children 0.002 more Dice in a tenth less time. Masks stay "
            "soft where they are shrunk or where two observers differ, for which 0.45 is the better threshold; eight "
            "views of a picture are averaged in the end.",
            {
                "epochs": 17, "batch_size": 8, "learning_rate": 8e-3, "schedule": "one-cycle", "weight_decay": 1e-2,
                "gradient_clip": 1.0, "average": 0.99, "diameter": 540, "patch": 96, "patches": 72,
                "colour_shift": 0.15, "soft_masks": True, "threshold": 0.45, "test_flips": True, "test_turns": True,
            },
        ),
        Recipe(
            "reported",
            "As reported",
            "Report R1: grey pictures resized to 512×512, one at a time, no augmentation, focal Tversky loss, Adam, "
            "plateau, 100 epochs. The report's lack of colour, its squashed shape and its single pictures are kept, so "
            "that what they cost can be seen.",
            {
                "epochs": 100, "batch_size": 1, "learning_rate": 1e-3, "optimizer": "adam", "schedule": "plateau",
                "plateau_factor": 0.5, "plateau_patience": 5, "colour": "grey", "normalise": "unit", "size": 512,
                "patch": 0, "patches": 1, "flips": False, "loss": "focal-tversky", "alpha": 0.5, "beta": 0.5,
                "gamma": 0.75,
            },
        ),
        Recipe(
            "quick",
            "Quick look",
            "Under a minute on two processor cores with the synthetic pictures: enough to see it learn.",
            {
                "epochs": 6, "batch_size": 8, "learning_rate": 4e-3, "schedule": "one-cycle", "weight_decay": 1e-2,
                "gradient_clip": 1.0, "patch": 128, "patches": 8, "colour_shift": 0.1,
            },
            {"unet": {"epochs": 3, "batch_size": 4, "learning_rate": 1e-3, "patch": 96, "patches": 6}},
        ),
    )  # fmt: skip
    reported = (
        Reported("iou_mean", 0.3510, "Report R1, mIoU of the 20 DRIVE test images", "unet", "DRIVE"),
        Reported("dice", 0.828, "Galdran et al., 2020, a network of 70 k parameters", data="DRIVE"),
        Reported("dice", 0.787, "MMSegmentation's U-Net", data="DRIVE"),
        Reported("dice", 0.810, "MMSegmentation's U-Net", data="STARE"),
        Reported("dice", 0.802, "MMSegmentation's U-Net", data="CHASE_DB1"),
    )
    score_titles: ClassVar[Mapping[str, str]] = {
        "dice": "Dice", "iou": "IoU", "sensitivity": "Sensitivity", "specificity": "Specificity",
        "roc_auc": "ROC AUC", "pr_auc": "PR AUC", "cldice": "clDice", "dice_mean": "Dice, mean of pictures",
        "iou_mean": "IoU, mean of pictures", "cldice_mean": "clDice, mean of pictures", "loss": "Loss",
    }  # fmt: skip

    synthetic_pictures = 40
    fewest_pictures = 6

    def score_of(self, arm: str) -> "Score":
        """Return pooled Dice."""
        from core.tasks.segmentation import DICE

        return DICE

    def make_data(self, folder: Path, *, n: int, seed: int = 0) -> None:
        """Write synthetic fundus photographs in DRIVE's layout, half of them for testing."""
        from core.data.synthetic.fundus.make import write_drive

        write_drive(folder, n=n, seed=seed)

    def open_folder(self, folder: Path) -> "VesselSet":
        """Recognise the folder's layout."""
        from core.data.layouts.vessels import open_vessels

        return open_vessels(folder)


EXPERIMENT = Vessels()
