"""Industrial defect classification (report R1): which defect does an inspection picture show, if any?"""

from pathlib import Path
from typing import ClassVar

from core.experiments.classification import ClassificationExperiment
from core.experiments.classification_config import Way
from core.experiments.experiment import Arm, Recipe, Reported

FROZEN = "Nothing but the last layer is trained, so the rest is computed once for each picture."
LAST = "The last stage and the last layer are trained; what comes before is computed once for each picture."
FULL = "Every layer is trained further."
SCRATCH = "Every layer is trained, from random values."


class Aoi(ClassificationExperiment):
    """The question, its arms and recipes."""

    slug = "aoi"
    title = "Industrial inspection"
    question = "Which defect does an inspection picture show, and does a frozen ImageNet network suffice to tell?"
    class_order = ("normal", "void", "horizontal defect", "vertical defect", "edge defect", "particle")
    synthetic_pictures = 900
    fewest_pictures = 60
    data_help = (
        "The name synthetic, or a folder: train.csv (ID,Label) with train_images/, or a folder for each class, with or "
        "without train/, val/ and test/."
    )
    ways: ClassVar = {
        "lite0-frozen": Way("efficientnet-lite0", "head"),
        "lite0-last-stage": Way("efficientnet-lite0", "last-stage"),
        "lite0-full": Way("efficientnet-lite0"),
        "lite0-scratch": Way("efficientnet-lite0", pretrained=False),
        "resnet18-frozen": Way("resnet18", "head"),
        "resnet18-last-stage": Way("resnet18", "last-stage"),
        "resnet18-full": Way("resnet18"),
        "resnet18-scratch": Way("resnet18", pretrained=False),
    }
    arms = (
        Arm("lite0-frozen", "Frozen EfficientNet-Lite0", f"{FROZEN} Its ImageNet weights come with Fovea."),
        Arm("lite0-last-stage", "EfficientNet-Lite0, last stage", LAST),
        Arm("lite0-full", "EfficientNet-Lite0, fine-tuned", FULL),
        Arm("lite0-scratch", "EfficientNet-Lite0 from scratch", SCRATCH),
        Arm("resnet18-frozen", "Frozen ResNet-18", f"The report's network. {FROZEN}"),
        Arm("resnet18-last-stage", "ResNet-18, last stage", LAST),
        Arm("resnet18-full", "ResNet-18, fine-tuned", FULL),
        Arm("resnet18-scratch", "ResNet-18 from scratch", SCRATCH),
    )
    recipes = (
        Recipe(
            "improved",
            "Improved",
            "A higher rate that falls to nothing (one-cycle AdamW) and more passes over the data, which cost little "
            "where features are computed once; arms that train more see mirrored, shifted and relit pictures.",
            {
                "epochs": 30, "batch_size": 32, "learning_rate": 5e-3, "schedule": "one-cycle", "weight_decay": 1e-2,
                "label_smoothing": 0.05,
            },
            {
                **{arm: {"epochs": 12, "learning_rate": 1e-3} for arm in ("lite0-last-stage", "resnet18-last-stage")},
                **{
                    arm: {"epochs": 12, "learning_rate": 1e-3, "flip": True, "shift": 0.05, "colour": 0.2}
                    for arm in ("lite0-full", "lite0-scratch", "resnet18-full", "resnet18-scratch")
                },
            },
        ),
        Recipe(
            "reported",
            "As reported",
            "Report R1: Adam at 1e-3, cross-entropy, 10 epochs of batches of 32, pictures squashed to 224×224 and "
            "normalised as ImageNet's, nothing changed at random. The report trained the frozen ResNet-18 only.",
            {"epochs": 10, "batch_size": 32, "learning_rate": 1e-3, "optimizer": "adam"},
        ),
        Recipe(
            "quick",
            "Quick look",
            "Drawn surfaces at a smaller size, under a minute on two processor cores.",
            {
                "epochs": 15, "batch_size": 32, "learning_rate": 5e-3, "schedule": "one-cycle", "weight_decay": 1e-2,
                "size": 128, "weights": "auto",
            },
            {
                **{arm: {"epochs": 8, "learning_rate": 2e-3} for arm in ("lite0-last-stage", "resnet18-last-stage")},
                **{
                    arm: {"epochs": 3, "learning_rate": 2e-3, "size": 96}
                    for arm in ("lite0-full", "lite0-scratch", "resnet18-full", "resnet18-scratch")
                },
            },
        ),
    )  # fmt: skip
    reported = (
        Reported("accuracy", 0.9644, "Report R1, best of 10 epochs, validation", "resnet18-frozen", "its own set"),
        Reported("accuracy", 0.9526, "Report R1, after epoch 1, validation", "resnet18-frozen", "its own set"),
        Reported("accuracy", 0.9585, "Report R1, after epoch 10, validation", "resnet18-frozen", "its own set"),
    )  # fmt: skip

    def make_data(self, folder: Path, *, n: int, seed: int = 0) -> None:
        """Write synthetic inspection pictures in the report's layout."""
        from core.data.synthetic.aoi.make import write_aoi

        write_aoi(folder, n=n, seed=seed)


EXPERIMENT = Aoi()
