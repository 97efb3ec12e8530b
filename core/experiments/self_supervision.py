"""BYOL's knobs, and how a pre-training is built: views, target, and a gallery whose labels only look on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from core.config import knob
from core.errors import UserError
from core.experiments.classification import ClassificationSetup
from core.experiments.classification_config import ClassificationConfig, Way
from core.experiments.setup import Say, say_nothing

if TYPE_CHECKING:
    from torch import nn

    from core.data.layouts.found_classes import ClassifiedItem
    from core.data.torch_datasets.classification import ValidationBatches
    from core.data.torch_datasets.decoded import PictureStack
    from core.data.torch_datasets.neighbours import NeighbourBatches
    from core.data.transforms.byol_views import TwoViewsDataset
    from core.engine.task import Task, TaskData
    from core.models.gallery import Gallery, SearchableNetwork

LARGER = 1.5
"""Pictures that views are cut from are kept at this multiple of the views' side."""
PLACES = 10_000
"""More pictures than this do not fit into a gallery."""


@dataclass(frozen=True, kw_only=True)
class ByolConfig(ClassificationConfig):
    """Knobs of pre-training and of the classifiers."""

    backbone: str = knob(
        "efficientnet-lite0",
        "The network that is pre-trained and built on. EfficientNet-Lite0's ImageNet weights come with Fovea, the "
        "ResNets' are downloaded for the arms that need them, and for the tiny CNN there are none.",
        choices=("efficientnet-lite0", "resnet18", "resnet50", "tiny-cnn"), group="Network",
    )  # fmt: skip
    backbone_from: str = knob(
        "", "Folder of a pre-training's checkpoint for the two arms that build on one; empty takes the run of the same "
        "recipe, data and seed, which is started first if there is none.", group="Network", advanced=True,
    )  # fmt: skip
    hidden: int = knob(4096, "Width inside projector and predictor; 4096 in the paper.", low=8, high=16_384,
                       group="Pre-training", advanced=True)  # fmt: skip
    projection: int = knob(256, "Width of what online and target network are compared by; 256 in the paper.", low=4,
                           high=4096, group="Pre-training", advanced=True)  # fmt: skip
    tau: float = knob(
        0.996, "How much of itself the target network keeps in the first step; it rises to 1 at the last. 0.996 is for "
        "the paper's 1,000 epochs; the authors took 0.97 for 40.", low=0.0, high=1.0, group="Pre-training",
    )  # fmt: skip
    smallest_cut: float = knob(
        0.08, "Smallest part of a picture's area that a view shows. Smaller cuts make the task harder.", low=0.01,
        high=1.0, group="Pre-training",
    )  # fmt: skip
    gallery: int = knob(
        30, "Training pictures of each class that the checkpoint carries as 64×64 copies: neighbours are sought among "
        "them, for the score and for pictures you try.", low=1, high=1000, unit="pictures", group="Pre-training",
        advanced=True,
    )  # fmt: skip


class PretrainSetup(ClassificationSetup):
    """Builds BYOL: two views of every picture without its label, and a gallery whose labels only look on."""

    @property
    def own(self) -> ByolConfig:
        """Return the knobs."""
        return cast(ByolConfig, self.config)

    @property
    def way(self) -> Way:
        """Return the backbone that the knob names, from random weights."""
        return Way(self.own.backbone, pretrained=False)

    @cached_property
    def parts(self) -> "tuple[Sequence[ClassifiedItem], Sequence[ClassifiedItem]]":
        """Return the pictures that are trained on and those held back."""
        training, held = self.split_training(self.found)
        if len(training) < 2:
            raise UserError(f"{self.found.title} has {len(training)} training pictures; BYOL compares at least 2.")
        return training, held

    def build_network(self) -> "nn.Module":
        """Return the online network with an empty gallery.

        Raises:
            UserError: If the gallery would be too large.
        """
        from core.models.backbones import build_backbone
        from core.models.gallery import Gallery, SearchableNetwork

        own, places = self.own, self.own.gallery * len(self.traits.classes)
        if places > PLACES:
            raise UserError(
                f"gallery was given as {own.gallery}, which makes {places:,} pictures of {len(self.traits.classes)} "
                f"classes; the checkpoint can carry {PLACES:,}. Lower it."
            )
        backbone = build_backbone(own.backbone)
        features = backbone.spec.features
        return SearchableNetwork(
            backbone, features, Gallery(places, features), hidden=own.hidden, projection=own.projection
        )

    def build_task(self, network: "nn.Module", *, careful: bool = False) -> "Task":
        """Join the network with a target that starts as its copy; ``careful`` needs none, it only takes features."""
        from core.tasks.self_supervision import Pace, SelfSupervisionTask

        searchable = cast("SearchableNetwork", network)
        if careful:
            return SelfSupervisionTask(searchable, None)
        count = len(self.parts[0])
        steps = self.config.epochs * (count // min(self.config.batch_size, count))
        return SelfSupervisionTask(searchable, Pace(steps, self.own.tau))

    def build_data(self, network: "nn.Module", *, say: Say = say_nothing) -> "TaskData":
        """Decode the pictures once, hang the gallery, and say what the features of the start are worth."""
        from core.data.layouts.classes import at_most_of_each
        from core.data.loaders import build_training_loader
        from core.data.torch_datasets.neighbours import NeighbourBatches
        from core.engine.task import TaskData

        training, held = self.parts
        fingerprint = self.found.fingerprint()
        hung = at_most_of_each(training, self.own.gallery)
        larger = self._larger([*training, *held], fingerprint, say)
        loader = build_training_loader(
            self._views(larger, range(len(training))), length=len(training), batch_size=self.config.batch_size,
            seed=self.config.seed,
        )  # fmt: skip
        pictures = self._decoded(hung, fingerprint, say)
        self._hang(cast("SearchableNetwork", network).gallery, pictures, hung)
        views = self._views(larger, range(len(training), len(larger))) if held else None
        validation = NeighbourBatches(pictures, self.normalisation, self._held(held), views)
        note = (
            f"{self.found.title}: {len(training)} pictures to train on without their labels, {len(held)} to validate "
            f"on, neighbours sought among {len(hung)} of the former."
        )
        return TaskData(
            loader,
            validation,
            fingerprint,
            (*self.found.notes, note, self._judge(network, validation)),
            tuple(item.name for item in training),
        )

    def _larger(self, items: "Sequence[ClassifiedItem]", key: str, say: Say) -> "PictureStack":
        """Return squares that views are cut from."""
        from core.data.array_cache import cache_folder
        from core.data.torch_datasets.classification import load_pixels
        from core.data.torch_datasets.decoded import Framing, decode_all

        return decode_all(
            items, load_pixels, framing=Framing(round(LARGER * self.config.size), even=self.own.even_light),
            key=key, folder=cache_folder(),
            progress=lambda done, all_of_them: say(f"Decoding pictures: {done} of {all_of_them}."),
        )  # fmt: skip

    def _views(self, pictures: "PictureStack", rows: range) -> "TwoViewsDataset":
        import numpy as np

        from core.data.torch_datasets.classification import PicturePart
        from core.data.transforms.byol_views import FIRST_VIEW, SECOND_VIEW, TwoViewsDataset

        area = (self.own.smallest_cut, 1.0)
        return TwoViewsDataset(
            cast(Any, PicturePart(pictures, np.asarray(rows, np.intp))), side=self.config.size, seed=self.config.seed,
            recipes=(replace(FIRST_VIEW, area=area), replace(SECOND_VIEW, area=area)), mean=self.traits.mean,
            deviation=self.traits.deviation,
        )  # fmt: skip

    def _hang(self, gallery: "Gallery", pictures: "PictureStack", items: "Sequence[ClassifiedItem]") -> None:
        import torch

        from core.data.layouts.classes import labels_of
        from core.data.torch_datasets.neighbours import shrink_all
        from core.models.gallery import THUMBNAIL

        gallery.fill(shrink_all(pictures, THUMBNAIL), torch.from_numpy(labels_of(items)))

    def _held(self, held: "Sequence[ClassifiedItem]") -> "ValidationBatches":
        from core.data.torch_datasets.classification import ValidationBatches, load_pixels
        from core.data.torch_datasets.decoded import PicturesOnDemand

        pictures = PicturesOnDemand(held, load_pixels, self.framing)
        return ValidationBatches(held, pictures, normalisation=self.normalisation)

    def _judge(self, network: "nn.Module", validation: "NeighbourBatches") -> str:
        """Return what the features of random weights are worth; the number to beat."""
        from core.tasks.self_supervision import KNN_ACCURACY, SelfSupervisionTask

        network.eval()
        task = SelfSupervisionTask(cast("SearchableNetwork", network), None)
        scores = task.new_scores()
        for batch in validation:
            task.evaluate(batch, scores)
        network.train()
        found = scores.compute()
        if not found:
            return "Nothing is held back, so the features are not judged."
        chance = 100 / len(self.traits.classes)
        return (
            f"Before the first step, with random weights, nearest-neighbour accuracy is "
            f"{100 * found[KNN_ACCURACY.key]:.1f} % (guessing: {chance:.1f} %)."
        )
