"""Land cover from satellite pictures (report R3): FCN-32s against DeepLabV3, and what ImageNet weights are worth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from core.config import RunConfig, knob
from core.data.traits import Traits
from core.errors import UserError
from core.experiments.experiment import Arm, Experiment, Recipe, Reported
from core.experiments.pretraining import WEIGHTS, WEIGHTS_HELP, announce_weights, load_pretrained
from core.experiments.setup import Say, Setup, say_nothing

if TYPE_CHECKING:
    from torch import Tensor, nn

    from core.data.layouts.landcover import LandcoverItem, LandcoverSet
    from core.data.torch_datasets.labelled import PreparedPicture
    from core.data.torch_datasets.landcover import LandcoverBatches, LandcoverPreparation
    from core.data.transforms.arrays import Pixels
    from core.engine.score import Score
    from core.engine.task import Task, TaskData
    from core.models.backbone_specs import BackboneSpec
    from core.models.fcn import FCN32s

SCRATCH = "lite0-unet-scratch"
BACKBONES = {
    "lite0-unet": "efficientnet-lite0", "fcn32s": "vgg16", "deeplabv3": "resnet50", SCRATCH: "efficientnet-lite0",
}  # fmt: skip
SMALLEST_TILE = 64
FIRST_PICTURES, FIRST_SIDE = 24, 160
"""What layers of random weights are scaled on."""
SIDE = 256
"""Of the drawn pictures, pixels."""


@dataclass(frozen=True, kw_only=True)
class LandcoverConfig(RunConfig):
    """Knobs of land cover segmentation."""

    size: int = knob(
        512,
        "Shrink pictures so that their longer side is at most this; 0 keeps their size. Scores are counted at the "
        "picture's own size.",
        low=0, high=8192, unit="pixels", group="Pictures",
    )  # fmt: skip
    crop: int = knob(160, "Side of the random square crops to train on; a crop as large as the picture is the whole "
                     "picture.", low=32, high=2048, unit="pixels", group="Pictures")  # fmt: skip
    crops: int = knob(4, "Crops of each picture in one epoch.", low=1, high=10_000, group="Pictures")
    flips: bool = knob(True, "Mirror and quarter-turn at random: seen from above, no side is up.", group="Augmentation")
    scale: float = knob(1.0, "Enlarge or shrink by up to this factor.", low=1.0, high=4.0, group="Augmentation")
    colour: float = knob(0.0, "Strength of random brightness, contrast and saturation.", low=0.0, high=1.0,
                         group="Augmentation")  # fmt: skip
    weights: str = knob("pretrained", WEIGHTS_HELP, choices=WEIGHTS, group="Network")
    width: int = knob(4096, "FCN-32s only: maps of the two convolutions between VGG-16 and the classes; 4096 is as "
                      "published, with 120 of 134 million weights in them.", low=16, high=4096, group="Network",
                      advanced=True)  # fmt: skip
    dropout: float = knob(0.5, "FCN-32s only: share of these maps that a step leaves out.", low=0.0, high=0.9,
                          group="Network", advanced=True)  # fmt: skip
    even_start: bool = knob(
        True, "FCN-32s only, where it starts from random weights: scale each layer once so that its maps differ on the "
        "first pictures as much as batch normalisation would make them. Fifteen layers of random weights make all "
        "places look alike.", group="Network", advanced=True,
    )  # fmt: skip
    auxiliary: float = knob(0.4, "DeepLabV3 only: weight of the loss of a second, plain answer from the last stage but "
                            "one; 0 builds none.", low=0.0, high=1.0, group="Network", advanced=True)  # fmt: skip
    tile: int = knob(1024, "Predict larger pictures in overlapping tiles of this side; 0 in one piece.", low=0,
                     high=8192, unit="pixels", group="Prediction", advanced=True)  # fmt: skip
    test_flips: bool = knob(
        False, "Average the prediction over the picture and its three mirror images, four times the work. Used when a "
        "run is evaluated or tried, not while it trains.", group="Prediction",
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Hold the knobs against each other.

        Raises:
            UserError: If tiles are too small to tell anything.
        """
        super().__post_init__()
        if 0 < self.tile < SMALLEST_TILE:
            raise UserError(f"tile was given as {self.tile}; 0, or at least {SMALLEST_TILE} pixels, is allowed.")


class _Start:
    """The part of a network that takes ImageNet weights, and whether it has got them."""

    def __init__(self, spec: "BackboneSpec", load: Callable[..., object]) -> None:
        self.spec = spec
        self.loaded = False
        self._load = load

    def load_imagenet(self, state: "Mapping[str, Tensor]") -> None:
        self._load(state)
        self.loaded = True


class LandcoverSetup(Setup[LandcoverConfig, "LandcoverSet", "LandcoverItem"]):
    """Builds the networks, and crops of pictures with their labels."""

    def read_traits(self) -> Traits:
        """Return the classes, which are always the same, and the colours that the backbone expects."""
        from core.data.layouts.landcover import CLASSES

        return Traits(CLASSES, self._backbone.mean, self._backbone.std)

    @property
    def _backbone(self) -> "BackboneSpec":
        from core.models.backbone_specs import find_backbone

        return find_backbone(BACKBONES[self.config.arm])

    @property
    def preparation(self) -> "LandcoverPreparation":
        """Return how a picture becomes the network's input."""
        from core.data.torch_datasets.classification import Normalisation
        from core.data.torch_datasets.landcover import LandcoverPreparation

        return LandcoverPreparation(Normalisation(self.traits.mean, self.traits.deviation), self.config.size)

    def build_network(self) -> "nn.Module":
        """Return the arm's network."""
        from core.models.backbones import build_backbone
        from core.models.deeplab import DeepLabV3ResNet50
        from core.models.encoder_unet import EncoderUNet
        from core.models.fcn import FCN32s

        own, classes = self.config, len(self.traits.classes)
        if own.arm == "fcn32s":
            return FCN32s(classes, width=own.width, dropout=own.dropout)
        if own.arm == "deeplabv3":
            return DeepLabV3ResNet50(classes, auxiliary=own.auxiliary > 0)
        return EncoderUNet(build_backbone(self._backbone.name, pooled=False), classes)

    def begin(self, network: "nn.Module", earlier: Path | None) -> tuple[str, ...]:
        """Load ImageNet weights where the arm builds on them.

        Raises:
            UserError: If they cannot be had and the config insists on them.
        """
        if self.config.arm == SCRATCH:
            return ("Random weights, as the arm asks.",)
        built, own = cast(Any, network), self.config
        loads = {"fcn32s": "load_vgg16", "deeplabv3": "load_resnet50"}
        load = getattr(built, loads[own.arm]) if own.arm in loads else built.encoder.load_imagenet
        start = _Start(self._backbone, load)
        said = load_pretrained(start, own.weights)
        if own.arm == "fcn32s" and own.even_start and not start.loaded:
            self._even_out(built)
            said = (*said, "Its layers were scaled evenly on the first pictures.")
        return said

    def _even_out(self, network: "FCN32s") -> None:
        """Scale the layers of random weights on crops of the first training pictures."""
        import torch

        from core.data.torch_datasets.crops import Augmentation
        from core.data.torch_datasets.landcover import LandcoverDataset, open_picture
        from core.models.lsuv_init import even_out

        items = self.found.items("train")[:FIRST_PICTURES]
        pairs = [self.preparation.shrink_pair(open_picture(item)) for item in items]
        crop = min(self.config.crop, FIRST_SIDE, *(max(pair.shape[:2]) for pair in pairs))
        dataset = LandcoverDataset(
            pairs, crop=crop, per_picture=1, seed=self.config.seed, augmentation=Augmentation(),
            normalisation=self.preparation.normalisation,
        )  # fmt: skip
        even_out(network, network.hidden, torch.stack([dataset[0, number]["images"] for number in range(len(pairs))]))

    def build_task(self, network: "nn.Module", *, careful: bool = False) -> "Task":
        """Join the network with cross-entropy and mean IoU; careful prediction averages over flips where asked."""
        from core.data.layouts.landcover import render_labels
        from core.engine.tiles import ALL_FLIPS, AS_IT_IS
        from core.tasks.semantic import SemanticTask

        own = self.config
        return SemanticTask(
            network, self.traits.classes, render_labels, auxiliary=own.auxiliary, tile=own.tile,
            flips=ALL_FLIPS if own.test_flips and careful else AS_IT_IS,
        )  # fmt: skip

    def build_data(self, network: "nn.Module", *, say: Say = say_nothing) -> "TaskData":
        """Open the set and cut crops from its training pictures."""
        from core.data.torch_datasets.crops import Augmentation
        from core.data.torch_datasets.landcover import LandcoverDataset, open_picture
        from core.data.torch_datasets.whole_images import OpenedPictures

        own = self.config
        training, held = self.split_training(self.found)
        longest = [0]

        def open_one(number: int) -> "Pixels":
            say(f"Opening pictures: {number + 1} of {len(training)}.")
            pair = self.preparation.shrink_pair(open_picture(training[number]))
            longest[0] = max(longest[0], *pair.shape[:2])
            return pair

        pictures = OpenedPictures(len(training), open_one)
        crop = min(own.crop, longest[0])  # what a crop has beyond every picture would teach nothing
        dataset = LandcoverDataset(
            pictures, crop=crop, per_picture=own.crops, seed=own.seed, normalisation=self.preparation.normalisation,
            augmentation=Augmentation(flips=own.flips, scale=own.scale, colour=own.colour),
        )  # fmt: skip
        note = f"{len(training)} pictures to train on, {len(held)} to validate on; crops of {crop} pixels."
        return self.join_data(dataset, self.whole_images(held), training, note)

    def whole_images(self, items: "Sequence[LandcoverItem]") -> "LandcoverBatches":
        """Return whole pictures."""
        from core.data.torch_datasets.landcover import LandcoverBatches

        return LandcoverBatches(items, self.preparation)

    def split_items(self, data: str, split: str) -> "Sequence[LandcoverItem]":
        """Return what is in a split; where a set has no test images, these are its validation images."""
        tested = split != "test" or self.open_data(data).splits.get("test")
        return super().split_items(data, split if tested else "val")

    def prepare_picture(self, pixels: "Pixels") -> "PreparedPicture":
        """Shrink and normalise a picture as in training; an answer means something everywhere in it."""
        import numpy as np

        from core.data.torch_datasets.labelled import PreparedPicture

        images, before = self.preparation.prepare(pixels), pixels.shape[:2]
        height, width = images.shape[-2:]
        notes = (f"The network saw it at {width}×{height} instead of {before[1]}×{before[0]}.",)
        return PreparedPicture(images, np.ones(before, np.bool_), notes if before != (height, width) else ())


class Landcover(Experiment):
    """The question, its arms and recipes, and how a run is built."""

    slug = "landcover"
    title = "Land cover"
    kind = "semantic"
    question = (
        "What covers the ground in a satellite picture, and what helps most to tell: a sharper network or ImageNet "
        "weights?"
    )
    verb = "Map the land"
    config_type = LandcoverConfig
    setup_type = LandcoverSetup
    monitor = "miou"
    data_help = (
        "The name synthetic, or a folder with NNNN_sat.jpg and NNNN_mask.png in DeepGlobe's seven colours or "
        "the classes' numbers (0 urban to 5 barren, 6 unknown), in train/ and validation/ or in one folder. Where "
        "there is no test/, the split test means the validation pictures."
    )
    arms = (
        Arm(
            "lite0-unet",
            "EfficientNet-Lite0 U-Net",
            "A U-Net decoder on the encoder whose ImageNet weights come with the program: 5.2 million parameters.",
        ),
        Arm(
            "fcn32s",
            "FCN-32s",
            "The report's simple network: VGG-16, whose answer at a thirty-second of the size is enlarged at once; "
            "134.4 million parameters.",
        ),
        Arm(
            "deeplabv3",
            "DeepLabV3",
            "The report's better network: ResNet-50 that keeps an eighth of the size and looks at it at several "
            "widths; 39.6 million parameters, and 2.4 million more for a second answer while it trains.",
        ),
        Arm(
            SCRATCH,
            "The same U-Net from scratch",
            "The first arm with random weights: the difference is what ImageNet is worth.",
        ),
    )
    recipes = (
        Recipe(
            "improved",
            "Improved",
            "Many varied crops in place of few whole pictures: mirrored, quarter-turned, scaled and in another light; "
            "one-cycle AdamW, and the answer averaged over mirror images. Seen from above no side is up, so one "
            "picture serves for eight.",
            {
                "epochs": 20, "batch_size": 8, "learning_rate": 2e-3, "schedule": "one-cycle", "weight_decay": 1e-2,
                "gradient_clip": 1.0, "crop": 160, "crops": 4, "scale": 1.25, "colour": 0.15, "test_flips": True,
            },
            {"fcn32s": {"learning_rate": 1e-4}, "deeplabv3": {"learning_rate": 3e-4}},
        ),
        Recipe(
            "reported",
            "As reported",
            "Report R3: pictures of 512×512, up to 100 epochs. It tells no more, so the rest is read as plainly as "
            "possible: ImageNet weights, whole pictures in fours, no augmentation, Adam at a constant 1e-4, no second "
            "answer in DeepLabV3, the epoch with the best mean IoU kept.",
            {
                "epochs": 100, "batch_size": 4, "learning_rate": 1e-4, "optimizer": "adam", "size": 512, "crop": 512,
                "crops": 1, "flips": False, "auxiliary": 0.0, "width": 4096, "dropout": 0.5, "even_start": False,
            },
        ),
        Recipe(
            "quick",
            "Quick look",
            "Under a minute on two processor cores with the drawn pictures: enough to see it learn. Random weights "
            "where ImageNet's are not at hand, and a narrower FCN-32s.",
            {
                "epochs": 4, "batch_size": 4, "learning_rate": 2e-3, "schedule": "one-cycle", "weight_decay": 1e-2,
                "gradient_clip": 1.0, "crop": 96, "crops": 4, "weights": "auto",
            },
            {
                "fcn32s": {"epochs": 3, "learning_rate": 1e-4, "width": 256, "dropout": 0.0},
                "deeplabv3": {"epochs": 5, "batch_size": 8, "learning_rate": 1e-3, "crop": 64, "crops": 2},
            },
        ),
    )  # fmt: skip
    reported = (
        Reported("miou", 0.564, "Report R3, VGG16-FCN32s on the validation pictures", "fcn32s", "course set"),
        Reported("miou", 0.729, "Report R3, DeepLabV3-ResNet50 on the validation pictures", "deeplabv3", "course set"),
    )
    score_titles: ClassVar[Mapping[str, str]] = {
        "miou": "Mean IoU", "fwiou": "IoU, weighted by area", "pixel_accuracy": "Pixel accuracy",
        "iou_urban": "IoU urban", "iou_agriculture": "IoU agriculture", "iou_rangeland": "IoU rangeland",
        "iou_forest": "IoU forest", "iou_water": "IoU water", "iou_barren": "IoU barren", "loss": "Loss",
    }  # fmt: skip
    loss_level = (1.7918, "Six classes told apart by chance")

    synthetic_pictures = 40
    fewest_pictures = 6

    def score_of(self, arm: str) -> "Score":
        """Return mean IoU."""
        from core.tasks.semantic import MIOU

        return MIOU

    def announce(self, config: RunConfig) -> tuple[str, ...]:
        """Say where pretrained weights come from."""
        if config.arm == SCRATCH:
            return ()
        return announce_weights(BACKBONES[config.arm], cast(LandcoverConfig, config).weights)

    def make_data(self, folder: Path, *, n: int, seed: int = 0) -> None:
        """Write drawn satellite pictures in DeepGlobe's layout, every fifth to validate on."""
        from core.data.synthetic.landcover.make import write_landcover

        write_landcover(folder, n=n, seed=seed, side=SIDE)

    def open_folder(self, folder: Path) -> "LandcoverSet":
        """Find the pictures."""
        from core.data.layouts.landcover import open_landcover

        return open_landcover(folder)


EXPERIMENT = Landcover()
