"""Small pictures of many things (report R3): a CNN from scratch against a partly fine-tuned pretrained network."""

from pathlib import Path
from typing import ClassVar

from core.experiments.classification import ClassificationExperiment
from core.experiments.classification_config import SMALL_CNN, Way
from core.experiments.experiment import Arm, Recipe, Reported


class Objects(ClassificationExperiment):
    """The question, its arms and recipes."""

    slug = "objects"
    title = "Small objects"
    question = "How far does a small network from scratch get, and how far one that has seen ImageNet?"
    usual_splits = ("train", "val")
    synthetic_pictures = 2500
    fewest_pictures = 300
    data_help = (
        "The name synthetic, or a folder: files called {class}_{number}.png (train_50/ and val_50/, or one folder), or "
        "a folder for each class such as CIFAR-10's."
    )
    ways: ClassVar = {
        "small-cnn": Way(SMALL_CNN, pretrained=False),
        "lite0-last-stage": Way("efficientnet-lite0", "last-stage"),
        "lite0-frozen": Way("efficientnet-lite0", "head"),
        "convnext-last-stage": Way("convnext-tiny", "last-stage"),
    }
    arms = (
        Arm("small-cnn", "Small CNN from scratch", "The report's two convolutions and two linear layers, 0.55 million "
            "parameters for 50 classes."),
        Arm("lite0-last-stage", "EfficientNet-Lite0, last stage", "Bundled ImageNet weights; the last stage and the "
            "last layer are trained, what comes before is computed once for each picture."),
        Arm("lite0-frozen", "Frozen EfficientNet-Lite0", "Bundled ImageNet weights; only the last layer is trained."),
        Arm("convnext-last-stage", "ConvNeXt-Tiny, last stage", "The report's network: everything frozen but the last "
            "stage and the classifier. Its weights have to be downloaded."),
    )  # fmt: skip
    recipes = (
        Recipe(
            "improved",
            "Improved",
            "The small CNN learns from mirrored, shifted and relit pictures with a rate that rises and falls once; the "
            "report's saw the same pictures 80 times and learnt them by heart. The pretrained arms go through few "
            "epochs with the same kind of schedule.",
            {"epochs": 8, "batch_size": 64, "learning_rate": 1e-3, "schedule": "one-cycle", "weight_decay": 2e-2,
             "label_smoothing": 0.1},
            {
                "small-cnn": {"epochs": 40, "size": 32, "learning_rate": 3e-3, "flip": True, "shift": 0.1,
                              "colour": 0.2},
                "lite0-frozen": {"epochs": 30, "learning_rate": 3e-3},
            },
        ),
        Recipe(
            "reported",
            "As reported",
            "Report R3: the small CNN at 32×32, Adam at 3e-4, batches of 32, 80 epochs; the pretrained network with "
            "Adam at 5e-4, batches of 128, 50 epochs, pictures enlarged to 232 and cut to 224. No augmentation.",
            {"epochs": 50, "batch_size": 128, "learning_rate": 5e-4, "optimizer": "adam", "resize": 232},
            {"small-cnn": {"epochs": 80, "batch_size": 32, "learning_rate": 3e-4, "size": 32, "resize": 0}},
        ),
        Recipe(
            "quick",
            "Quick look",
            "Fifty drawn classes, under a minute on two processor cores.",
            {"epochs": 6, "batch_size": 64, "learning_rate": 2e-3, "schedule": "one-cycle", "weight_decay": 1e-2,
             "size": 96, "weights": "auto", "per_class": 30},
            {
                "small-cnn": {"epochs": 20, "size": 32, "per_class": 0, "learning_rate": 3e-3},
                "lite0-frozen": {"epochs": 20, "learning_rate": 5e-3},
                "convnext-last-stage": {"epochs": 2, "size": 64},
            },
        ),
    )  # fmt: skip
    reported = (
        Reported("accuracy", 0.307, "Report R3, validation", "small-cnn", "50 classes of 32×32"),
        Reported("accuracy", 0.902, "Report R3, validation", "convnext-last-stage", "50 classes of 32×32"),
        Reported("accuracy", 0.75, "Report R3, the course's simple baseline", data="50 classes of 32×32"),
        Reported("accuracy", 0.86, "Report R3, the course's strong baseline", data="50 classes of 32×32"),
    )

    def make_data(self, folder: Path, *, n: int, seed: int = 0) -> None:
        """Write small synthetic pictures of fifty classes in the report's layout."""
        from core.data.synthetic.objects.make import write_objects

        write_objects(folder, n=n, seed=seed)


EXPERIMENT = Objects()
