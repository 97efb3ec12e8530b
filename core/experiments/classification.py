"""What all experiments with one class per picture share: knobs, backbones found and loaded, features computed once."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from core.config import RunConfig
from core.data.layouts.class_names import plain_class, positive_class, say_list
from core.data.traits import Traits
from core.errors import UserError
from core.experiments.classification_config import SMALL_CNN, ClassificationConfig, Way
from core.experiments.experiment import Experiment, Reported
from core.experiments.lone_image import refuse_lone_image
from core.experiments.pretraining import announce_weights, load_pretrained
from core.experiments.setup import Say, Setup, say_nothing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from core.data.layouts.classes import ClassifiedSet
    from core.data.layouts.found_classes import ClassifiedItem
    from core.data.torch_datasets.classification import Normalisation, ValidationBatches
    from core.data.torch_datasets.decoded import Framing, PictureStack
    from core.data.torch_datasets.labelled import PreparedPicture
    from core.data.transforms.arrays import Pixels
    from core.data.transforms.augment import PictureAugmentation
    from core.engine.score import Score
    from core.engine.task import Batch, Task, TaskData
    from core.models.classifier import ClassificationNetwork

PLAIN = (0.5, 0.5, 0.5)
"""Mean and deviation of pictures for networks that were trained by nobody before."""
LARGEST_FEATURES = 2 << 30
"""Bytes of features of a frozen part above which they are computed anew in every epoch."""
FEATURE_BATCH = {"cpu": 4}
"""Pictures whose features are computed at once, by device: on a processor, maps of more do not stay in its cache
(EfficientNet-Lite0 at 224 pixels, one core: 14 ms a picture by fours, 21 ms by sixteens)."""
LARGER_BATCH, TRIAL_BATCH = 64, 4
VAL_CHANGED = "val-changed"
"""The pictures that were held back, each changed as training pictures are."""
MONITORS = ("accuracy", "roc_auc", "macro_f1")
"""Scores that can decide which epoch is kept."""


class ClassificationSetup(Setup[ClassificationConfig, "ClassifiedSet", "ClassifiedItem"]):
    """Builds networks on backbones, decoded pictures and features."""

    precision: ClassVar[str] = "fp32"
    """bf16 moves EfficientNet-Lite0's features by 9 % (root mean square, 24 pictures of steel), enough to turn answers
    that are not sure; so features of a frozen part are computed in fp32 as well, unless a precision is asked for."""

    @property
    def entry(self) -> "ClassificationExperiment":
        """Return the experiment."""
        return cast("ClassificationExperiment", self.experiment)

    @property
    def way(self) -> Way:
        """Return what the arm trains."""
        return self.entry.ways[self.config.arm]

    def split_items(self, data: str, split: str) -> "Sequence[ClassifiedItem]":
        """Return what is in a split, labelled as the network numbers its classes; refuse classes it does not know."""
        from core.data.layouts.classes import with_classes

        found = with_classes(self.open_data(data), self.traits.classes)
        return self.items_of(found, "val" if split == VAL_CHANGED else split)

    def split_training(self, found: "ClassifiedSet") -> "tuple[Sequence[ClassifiedItem], Sequence[ClassifiedItem]]":
        """Hold back a part of every class."""
        from core.data.layouts.classes import train_and_validation_by_class

        return train_and_validation_by_class(found, self.config.validation, self.config.share)

    def read_traits(self) -> Traits:
        """Return the data's classes, and the colours that the backbone expects."""
        if self.way.backbone == SMALL_CNN:
            return Traits(self.found.classes, PLAIN, PLAIN)
        from core.models.backbone_specs import find_backbone

        spec = find_backbone(self.way.backbone)
        return Traits(self.found.classes, spec.mean, spec.std)

    @property
    def framing(self) -> "Framing":
        """Return how a whole picture becomes the network's square."""
        from core.data.torch_datasets.decoded import Framing

        return Framing(self.config.size, self.config.resize, even=self.config.even_light)

    @property
    def normalisation(self) -> "Normalisation":
        """Return what makes the square's colours small numbers."""
        from core.data.torch_datasets.classification import Normalisation

        return Normalisation(self.traits.mean, self.traits.deviation)

    def build_network(self) -> "nn.Module":
        """Return the arm's network."""
        from core.models.backbones import build_backbone
        from core.models.classifier import Classifier
        from core.models.small_cnn import SmallCNN

        classes, way = len(self.traits.classes), self.way
        if way.backbone == SMALL_CNN:
            return SmallCNN(classes, size=(self.config.size, self.config.size))
        return Classifier(build_backbone(way.backbone), classes, tuned=way.tuned, all_stages=self.config.all_stages)

    def begin(self, network: "nn.Module", earlier: Path | None) -> tuple[str, ...]:
        """Load ImageNet weights where the arm builds on them.

        Raises:
            UserError: If they cannot be had and the config insists on them.
        """
        if not self.way.pretrained:
            return ()
        from core.models.classifier import Classifier

        return load_pretrained(cast(Classifier, network).backbone, self.config.weights)

    def build_task(self, network: "nn.Module", *, careful: bool = False) -> "Task":
        """Join the network with cross-entropy and the scores of the classes; careful answers are means over views."""
        from core.tasks.classification import ClassificationTask

        classes = self.traits.classes
        return ClassificationTask(
            network, classes, monitor=self.experiment.score_of(self.config.arm),
            positive=positive_class(classes, self.entry.positive), label_smoothing=self.config.label_smoothing,
            views=self.config.test_views if careful else "one",
        )  # fmt: skip

    def build_data(self, network: "nn.Module", *, say: Say = say_nothing) -> "TaskData":
        """Decode the pictures once; where the frozen part always sees the same ones, keep what it makes of them."""
        import numpy as np

        from core.data.layouts.classes import at_most_of_each, labels_of, say_untrained
        from core.data.torch_datasets.classification import (
            ClassifiedDataset,
            FeatureDataset,
            ValidationBatches,
            build_batch_loader,
        )
        from core.engine.task import TaskData

        own, fingerprint = self.config, self.found.fingerprint()
        training, held = self.split_training(self.found)
        training = at_most_of_each(training, own.per_class)
        items = [*training, *held]
        pictures = self._with_copies(self._decoded(items, fingerprint, say), len(training))
        rows, rest = np.arange(len(training)), np.arange(len(training), len(items))
        rows, labels = np.append(rows, np.arange(len(items), len(pictures))), labels_of(items)
        labels = np.append(labels, np.tile(labels[: len(training)], own.copies))
        network = cast("ClassificationNetwork", network)
        key = self._key(items, fingerprint, network) | self._copies_key(len(training))
        features, said = self._features(network, pictures, key, say)
        dataset: Any
        if features is None:
            dataset = ClassifiedDataset(
                pictures, labels, normalisation=self.normalisation, augmentation=self.changed_anew, seed=own.seed,
                rows=rows,
            )  # fmt: skip
            held_out = ValidationBatches(items, pictures, normalisation=self.normalisation, rows=rest)
        else:
            dataset = FeatureDataset(features, labels, rows=rows)
            held_out = ValidationBatches(items, pictures, features=features, rows=rest)
        loader = build_batch_loader(dataset, batch_size=own.batch_size, seed=own.seed)
        note = f"{self.found.title}: {len(training)} pictures to train on, {len(held)} to validate on."
        notes = (*self.found.notes, note, *say_untrained(self.found, training), said)
        return TaskData(loader, held_out, fingerprint, notes, tuple(item.name for item in training))

    @property
    def augmentation(self) -> "PictureAugmentation":
        """Return the random changes of training pictures."""
        from core.data.transforms.augment import PictureAugmentation

        own = self.config
        return PictureAugmentation(
            own.flip, own.shift, own.scale, own.rotation, own.colour, own.trivial_augment, own.stretch, own.grain
        )

    @property
    def changed_anew(self) -> "PictureAugmentation":
        """Return the changes that are made in every epoch; those of copies are none of them."""
        augmentation = self.augmentation
        return type(augmentation)() if self.config.copies else augmentation

    def _with_copies(self, pictures: "PictureStack", training: int) -> "PictureStack":
        """Return the stack, followed by the copies of its first pictures, those to train on."""
        from core.data.torch_datasets.classification import WithCopies

        copies, seed = self.config.copies, self.config.seed
        return WithCopies(pictures, self.augmentation, copies=copies, first=training, seed=seed) if copies else pictures

    def _decoded(self, items: Sequence["ClassifiedItem"], key: str, say: Say) -> "PictureStack":
        from core.data.array_cache import cache_folder
        from core.data.torch_datasets.classification import load_pixels
        from core.data.torch_datasets.decoded import decode_all

        return decode_all(
            items, load_pixels, framing=self.framing, key=key, folder=cache_folder(),
            progress=lambda done, all_of_them: say(f"Decoding pictures: {done} of {all_of_them}."),
        )  # fmt: skip

    def _key(self, items: Sequence["ClassifiedItem"], fingerprint: str, network: "nn.Module") -> dict[str, object]:
        """Return what decides the features: weights, pictures, frame, and where the network is cut."""
        from core.engine.checkpoint import fingerprint_of

        return {
            "data": fingerprint,
            "items": [item.name for item in items],
            "frame": [self.config.size, self.config.resize, self.config.even_light],
            "colours": [self.traits.mean, self.traits.deviation],
            "weights": fingerprint_of(network),
            "cut": [self.way.tuned, self.config.all_stages],
        }

    def _copies_key(self, training: int) -> dict[str, object]:
        """Return what decides the copies; nothing where there are none."""
        own = self.config
        return {"copies": [repr(self.augmentation), own.copies, training, own.seed]} if own.copies else {}

    def _features(
        self, network: "ClassificationNetwork", pictures: "PictureStack", key: Mapping[str, object], say: Say
    ) -> "tuple[NDArray[np.float32] | None, str]":
        """Return what the frozen part makes of all pictures, and say why it does or does not."""
        import torch

        from core.data.array_cache import cache_folder, kept_array
        from core.engine.device import choose_compute, choose_device
        from core.engine.features import iterate_features

        if not network.is_fixed:
            return None, "The whole network is trained, so every picture goes through all of it in every epoch."
        if not self.config.keep_features:
            return None, "Features of the frozen part are computed anew in every epoch, as asked."
        if self.changed_anew.changes:
            return None, (
                "Training pictures are changed at random, so the frozen part is run in every epoch: it costs about as "
                f"much as computing all features {self.config.epochs} times."
            )
        part = network.held_still.eval()
        example = self.normalisation.normalise(pictures[:TRIAL_BATCH])
        with torch.inference_mode():
            shape = tuple(part(example[:1]).shape[1:])
        if 4 * len(pictures) * math.prod(shape) > LARGEST_FEATURES:
            return None, "The frozen part's features would not fit into the cache, so they are computed in every epoch."
        device = choose_device(self.config.device)
        precision = self._feature_precision(device)
        at_once = FEATURE_BATCH.get(device, LARGER_BATCH)

        def open_rows(rows: slice) -> "Tensor":
            return self.normalisation.normalise(pictures[rows])

        batches = (partial(open_rows, rows) for rows in _in_batches(len(pictures), at_once))

        def compute() -> "Iterator[NDArray[np.float32]]":
            setting = choose_compute(
                part, example, device=device, precision=precision, memory_format=self.config.memory_format,
                training=False,
            )  # fmt: skip
            yield from iterate_features(part, batches, setting)

        features = kept_array(
            {**key, "computed": [device, precision]}, compute, shape=(len(pictures), *shape), dtype="float32",
            folder=cache_folder(),
            progress=lambda done, all_of_them: say(f"Computing features: {done} of {all_of_them}."),
        )  # fmt: skip
        size = features.nbytes / 2**20
        return features, f"Features of the frozen part are computed once and kept ({size:.0f} MiB, {precision})."

    def _feature_precision(self, device: str) -> str:
        """Return the number format of features; beside the changes of copies, a shorter one's rounding is nothing."""
        from core.engine.device import short_format

        if self.config.precision != "auto":
            return self.config.precision
        return short_format(device) if self.config.copies else self.precision

    def build_split(self, data: str, split: str) -> "Iterable[Batch]":
        """Return a split's pictures with their labels; of :data:`VAL_CHANGED` a copy of each, changed as in training.

        Raises:
            UserError: If the set has classes that the network does not know.
        """
        import numpy as np

        from core.data.torch_datasets.classification import ValidationBatches, WithCopies, load_pixels
        from core.data.torch_datasets.decoded import PicturesOnDemand

        items = self.split_items(data, split)
        if split != VAL_CHANGED:
            return self.whole_images(items)
        pictures: PictureStack = PicturesOnDemand(items, load_pixels, self.framing)
        count = len(items)
        pictures = WithCopies(pictures, self.augmentation, copies=1, first=count, seed=self.config.seed)
        rows = np.arange(count, 2 * count)
        return ValidationBatches([*items, *items], pictures, normalisation=self.normalisation, rows=rows)

    def whole_images(self, items: "Sequence[ClassifiedItem]") -> "ValidationBatches":
        """Return whole pictures with their labels."""
        from core.data.torch_datasets.classification import ValidationBatches, load_pixels
        from core.data.torch_datasets.decoded import PicturesOnDemand

        pictures = PicturesOnDemand(items, load_pixels, self.framing)
        return ValidationBatches(items, pictures, normalisation=self.normalisation)

    def prepare_picture(self, pixels: "Pixels") -> "PreparedPicture":
        """Frame and normalise a picture as in training."""
        import numpy as np

        from core.data.torch_datasets.labelled import PreparedPicture

        square = self.framing.frame(pixels)
        images: Tensor = self.normalisation.normalise(square[None])
        side, before = self.config.size, f"{pixels.shape[1]}×{pixels.shape[0]}"
        notes = () if pixels.shape[:2] == square.shape[:2] else (f"The network saw it at {side}×{side}, not {before}.",)
        return PreparedPicture(images, np.ones(pixels.shape[:2], np.bool_), notes)


class ClassificationExperiment(Experiment):
    """An entry whose arms differ in the network and in how much of it is trained.

    A subclass says slug, title, question, ways, arms, recipes, how many pictures to draw, and ``make_data``.

    Attributes:
        ways: What each arm trains, by the arm's slug.
        positive: The class that is looked for, where there is one; among those of a data set
            :func:`core.data.layouts.class_names.positive_class` finds it.
        class_order: Names in the order of the labels, where the report says it; empty where the folder decides.
    """

    kind = "classification"
    config_type = ClassificationConfig
    setup_type = ClassificationSetup
    verb = "Classify it"
    monitor = "accuracy"
    reported: ClassVar[tuple[Reported, ...]] = ()
    data_help = "The name synthetic, or a folder for each class, with or without train/, val/ and test/."
    score_titles: ClassVar[Mapping[str, str]] = {
        "accuracy": "Accuracy", "top5_accuracy": "Top-5 accuracy", "macro_f1": "Macro F1",
        "balanced_accuracy": "Mean recall", "roc_auc": "ROC AUC", "pr_auc": "PR AUC", "sensitivity": "Sensitivity",
        "specificity": "Specificity", "f1": "F1", "calibration_error": "Calibration error", "loss": "Loss",
    }  # fmt: skip
    lower_is_better = frozenset({"loss", "calibration_error"})
    ways: ClassVar[Mapping[str, Way]]
    positive: ClassVar[str] = ""
    class_order: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        """Hold the declarations against each other, so that a slip is told where it was made."""
        super().__init_subclass__()
        arms = {arm.slug for arm in cls.arms}
        if arms != set(cls.ways):
            raise TypeError(f"{cls.__name__}: arms are {sorted(arms)}, but ways are {sorted(cls.ways)}; name the same.")
        if cls.monitor not in MONITORS and cls.kind == "classification":
            raise TypeError(f"{cls.__name__}: monitor is {cls.monitor!r}; one of {', '.join(MONITORS)} is allowed.")

    def open_folder(self, folder: Path) -> "ClassifiedSet":
        """Recognise the folder's layout, and say which class is the positive one where that is not plain."""
        from core.data.layouts.classes import open_classified

        found = open_classified(folder, class_order=self.class_order)
        positive = positive_class(found.classes, self.positive)
        if positive is None or plain_class(found.classes[positive]) == plain_class(self.positive):
            return found
        name, others = found.classes[positive], [*found.classes[:positive], *found.classes[positive + 1 :]]
        note = f"The positive class of ROC AUC, sensitivity and specificity is {name}, against {say_list(others)}."
        return replace(found, notes=(*found.notes, note))

    def score_of(self, arm: str) -> "Score":
        """Return the score of :meth:`monitor_of`."""
        from core.tasks.classification import SCORES

        return SCORES[self.monitor_of(arm)]

    def announce(self, config: RunConfig) -> tuple[str, ...]:
        """Say where pretrained weights come from.

        Raises:
            UserError: If they cannot be had and are insisted on, or all_stages or batch_size does not go with the arm.
        """
        way, own = self.ways[config.arm], cast(ClassificationConfig, config)
        if own.all_stages and (way.tuned != "head" or way.backbone == SMALL_CNN):
            raise UserError(
                f"all_stages was asked for, but the arm {config.arm} trains more than the last layer; choose an arm "
                "that holds the whole network still, or set all_stages=False."
            )
        if own.batch_size == 1 and way.backbone:
            refuse_lone_image(self, own)
        return announce_weights(way.backbone, own.weights) if way.pretrained else ()


def _in_batches(length: int, at_once: int) -> Iterator[slice]:
    for start in range(0, length, at_once):
        yield slice(start, start + at_once)
