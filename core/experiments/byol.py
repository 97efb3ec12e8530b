"""Self-supervised pre-training with BYOL and what it is worth (report R3): five ways to a classifier."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from core.config import RunConfig
from core.errors import UserError
from core.experiments.classification import ClassificationExperiment, ClassificationSetup
from core.experiments.classification_config import Way
from core.experiments.experiment import Arm, Recipe, Reported
from core.experiments.pretraining import announce_weights
from core.experiments.self_supervision import ByolConfig, PretrainSetup
from core.experiments.setup import Setup
from core.paths import as_path

if TYPE_CHECKING:
    from torch import nn

    from core.data.traits import Traits
    from core.engine.score import Score
    from core.models.classifier import Classifier

PRETRAIN = "pretrain"
BLIND = ("byol-whole", "byol-head")
"""Arms that build on a pre-training."""
SHARED = (
    "backbone", "size", "resize", "even_light", "validation", "hidden", "projection", "tau", "smallest_cut", "gallery",
    "device", "precision", "memory_format",
)  # fmt: skip
"""Knobs that a classifier's run hands on to the pre-training that it builds on."""


class DownstreamSetup(ClassificationSetup):
    """Builds classifiers on the backbone that the knob names, from nothing, from ImageNet or from a pre-training."""

    @property
    def way(self) -> Way:
        """Return what the arm trains, on the knob's backbone."""
        return replace(super().way, backbone=cast(ByolConfig, self.config).backbone)

    def begin(self, network: "nn.Module", earlier: Path | None) -> tuple[str, ...]:
        """Load the pre-trained backbone, or ImageNet's weights, as the arm asks.

        Raises:
            UserError: If those weights are not there, or are of another backbone.
        """
        if self.config.arm not in BLIND:
            return super().begin(network, earlier)
        given = cast(ByolConfig, self.config).backbone_from
        folder = as_path(given) if given else earlier
        if folder is None:
            raise UserError(f"The arm {self.config.arm} builds on a pre-training; train the arm {PRETRAIN} first.")
        return (self._load_backbone(cast("Classifier", network), folder),)

    def _load_backbone(self, network: "Classifier", folder: Path) -> str:
        from core.data.traits import Traits
        from core.engine.checkpoint import load_card, load_weights

        card = load_card(folder)
        values = card.get("config", {})
        if card.get("experiment") != self.experiment.slug or values.get("arm") != PRETRAIN:
            raise UserError(f"The checkpoint in {folder} is no pre-training of {self.experiment.slug}; give one.")
        config = cast(ByolConfig, self.experiment.read_config(values))
        own = cast(ByolConfig, self.config)
        if config.backbone != own.backbone:
            raise UserError(
                f"The pre-training in {folder} is of {config.backbone}, this run of {own.backbone}; set backbone to it."
            )
        source: Any = self.experiment.set_up(config, Traits.from_json(card.get("traits", {}))).build_network()
        load_weights(folder, {"online": source})
        network.backbone.load_state_dict(source.backbone.state_dict())
        score = card.get("validation", {}).get("knn_accuracy")
        worth = "" if score is None else f", nearest-neighbour accuracy {100 * score:.1f} %"
        return f"The backbone was pre-trained without labels (epoch {card.get('epoch', '?')}{worth})."


class ByolExperiment(ClassificationExperiment):
    """The question, its arms and recipes."""

    slug = "byol"
    title = "Self-supervision"
    question = "What is it worth to look at pictures without labels before learning from labels?"
    kind = "neighbours"
    verb = "Find the nearest"
    config_type = ByolConfig
    setup_type = PretrainSetup
    monitor = "knn_accuracy"
    synthetic_pictures = 1250
    fewest_pictures = 100
    data_help = (
        "The name synthetic, or a folder with a folder for each class (with or without train/, val/ and test/), such "
        "as Office-Home, or a CSV of file names and labels beside a folder of pictures."
    )
    ways: ClassVar = {
        PRETRAIN: Way("", pretrained=False),
        "scratch-whole": Way("", pretrained=False),
        "supervised-whole": Way(""),
        "byol-whole": Way("", pretrained=False),
        "supervised-head": Way("", "head"),
        "byol-head": Way("", "head", pretrained=False),
    }
    arms = (
        Arm(PRETRAIN, "BYOL pre-training", "A backbone learns, without labels, to predict what its own slow average "
            "makes of another view of a picture. Try it on a picture and it finds the nearest ones it knows."),
        Arm("scratch-whole", "A: from scratch", "No pre-training; the whole network learns from labels.",
            "classification", "accuracy"),
        Arm("supervised-whole", "B: ImageNet, whole network", "Begins with ImageNet weights; everything is trained.",
            "classification", "accuracy"),
        Arm("byol-whole", "C: BYOL, whole network", "Begins with the pre-trained backbone; everything is trained. The "
            "pre-training is started first if it has not been done.", "classification", "accuracy"),
        Arm("supervised-head", "D: ImageNet, classifier only", "ImageNet weights stay as they are; one linear layer is "
            "trained.", "classification", "accuracy"),
        Arm("byol-head", "E: BYOL, classifier only", "The pre-trained backbone stays as it is; one linear layer is "
            "trained. It shares its pre-training with C.", "classification", "accuracy"),
    )  # fmt: skip
    recipes = (
        Recipe(
            "improved",
            "Improved",
            "A tiny CNN at 32 pixels: only steps make a pre-training worth anything, and it takes thousands in the "
            "time of a few hundred at the report's size. (ResNet-18 at 32 pixels was tried: its stem leaves too little "
            "of such pictures, and its nearest neighbours became worse while the loss fell.) It goes slower (Adam's "
            "0.01 is harsh) with a rate that rises and falls once, a target that follows faster because there are few "
            "epochs, narrow heads, and cuts that show more of the picture. The classifiers need fewer epochs with such "
            "a rate; mirroring and relighting instead of TrivialAugment for whole networks; nothing for the linear "
            "layers, whose features are then computed once. The two arms with ImageNet weights take EfficientNet-Lite0 "
            "at 96 pixels, whose weights come with Fovea.",
            {"backbone": "tiny-cnn", "size": 32, "hidden": 512, "projection": 128, "tau": 0.98, "smallest_cut": 0.5,
             "schedule": "one-cycle", "weight_decay": 1e-2, "batch_size": 64, "epochs": 30, "learning_rate": 2e-3,
             "flip": True, "shift": 0.1, "colour": 0.2},
            {
                PRETRAIN: {"epochs": 60, "weight_decay": 0.0, "flip": False, "shift": 0.0, "colour": 0.0},
                "supervised-whole": {"backbone": "efficientnet-lite0", "size": 96, "epochs": 6, "learning_rate": 1e-3},
                "supervised-head": {"backbone": "efficientnet-lite0", "size": 96, "epochs": 30, "learning_rate": 5e-3,
                                    "flip": False, "shift": 0.0, "colour": 0.0},
                "byol-head": {"epochs": 30, "learning_rate": 5e-3, "flip": False, "shift": 0.0, "colour": 0.0},
            },
        ),
        Recipe(
            "reported",
            "As reported",
            "Report R3: ResNet-50 at 128×128. BYOL with Adam at 0.01, batches of 256, 10 epochs, the paper's views and "
            "target; then classifiers with Adam at 5e-4, batches of 64, 100 epochs, mirroring and TrivialAugment. "
            "It wants a GPU.",
            {"backbone": "resnet50", "size": 128, "epochs": 100, "batch_size": 64, "learning_rate": 5e-4,
             "optimizer": "adam", "flip": True, "trivial_augment": True},
            {PRETRAIN: {"epochs": 10, "batch_size": 256, "learning_rate": 0.01, "flip": False,
                        "trivial_augment": False}},
        ),
        Recipe(
            "quick",
            "Quick look",
            "Under a minute each on two processor cores: a tiny CNN on 32 pixels, because a pre-training needs a "
            "thousand steps to be worth more than random weights; narrow heads, gentle cuts. The two arms with "
            "ImageNet weights need a network that has some: EfficientNet-Lite0 at 48 pixels, so they are not compared "
            "on equal terms here. Number format and memory order are set, not tried: these are the fastest for these "
            "networks on processors.",
            {"backbone": "tiny-cnn", "size": 32, "hidden": 512, "projection": 128, "tau": 0.98, "smallest_cut": 0.5,
             "schedule": "one-cycle", "batch_size": 32, "epochs": 15, "learning_rate": 2e-3, "validation": 0.2,
             "weights": "auto", "precision": "fp32", "memory_format": "channels-last"},
            {
                PRETRAIN: {"epochs": 28},
                "supervised-whole": {"backbone": "efficientnet-lite0", "size": 48, "epochs": 5},
                "supervised-head": {"backbone": "efficientnet-lite0", "size": 48, "learning_rate": 5e-3},
                "byol-head": {"learning_rate": 5e-3},
            },
        ),
    )  # fmt: skip
    reported = (
        Reported("accuracy", 0.41, "Report R3, setting A", "scratch-whole", "Office-Home, 65 classes"),
        Reported("accuracy", 0.595, "Report R3, setting B", "supervised-whole", "Office-Home, 65 classes"),
        Reported("accuracy", 0.496, "Report R3, setting C", "byol-whole", "Office-Home, 65 classes"),
        Reported("accuracy", 0.539, "Report R3, setting D", "supervised-head", "Office-Home, 65 classes"),
        Reported("accuracy", 0.34, "Report R3, setting E", "byol-head", "Office-Home, 65 classes"),
    )
    score_titles: ClassVar = {
        **ClassificationExperiment.score_titles,
        "knn_accuracy": "Nearest-neighbour accuracy", "knn5_accuracy": "Accuracy of the 5 nearest",
        "spread": "Spread of features",
    }  # fmt: skip

    def make_data(self, folder: Path, *, n: int, seed: int = 0) -> None:
        """Write synthetic photographs of twenty household things, a folder for each."""
        from core.data.synthetic.household.make import write_scenes

        write_scenes(folder, n=n, seed=seed)

    def set_up(self, config: RunConfig, traits: "Traits | None" = None) -> Setup[Any, Any, Any]:
        """Return what builds the pre-training, or a classifier."""
        build = PretrainSetup if config.arm == PRETRAIN else DownstreamSetup
        return build(self, config, traits)

    def score_of(self, arm: str) -> "Score":
        """Return the neighbours' score for the pre-training, accuracy for classifiers."""
        if arm == PRETRAIN:
            from core.tasks.self_supervision import KNN_ACCURACY

            return KNN_ACCURACY
        return super().score_of(arm)

    def prerequisite(self, config: RunConfig) -> RunConfig | None:
        """Return the pre-training of the same recipe, data, seed and network for the two arms that build on one.

        Whatever concerns the classifier alone is left out, so that both arms share one run.
        """
        own = cast(ByolConfig, config)
        if own.arm not in BLIND or own.backbone_from:
            return None
        changes = {name: getattr(own, name) for name in SHARED}
        return self.config(arm=PRETRAIN, recipe=own.recipe, data=own.data, seed=own.seed, changes=changes)

    def announce(self, config: RunConfig) -> tuple[str, ...]:
        """Say what the run begins with."""
        own = cast(ByolConfig, config)
        if own.arm in BLIND:
            given = f"the pre-training in {own.backbone_from}" if own.backbone_from else (
                f"the pre-training of the recipe {own.recipe}, which is started first if there is none"
            )  # fmt: skip
            return (f"It builds on {given}.",)
        return announce_weights(own.backbone, own.weights) if self.ways[own.arm].pretrained else ()


EXPERIMENT = ByolExperiment()
