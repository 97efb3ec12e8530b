"""Drawn leaves of three species: the whole file of a small experiment, to begin from.

It is no part of the catalogue: tests/experiments/test_a_new_experiment.py puts it there for a moment.
"""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from core.experiments.classification import ClassificationExperiment
from core.experiments.classification_config import SMALL_CNN, Way
from core.experiments.experiment import Arm, Recipe

if TYPE_CHECKING:
    import numpy as np

    from core.data.transforms.arrays import Pixels

SIDE = 64
LENGTHS = {"beech": 1.5, "linden": 1.0, "willow": 3.0}
"""How many times as long as wide a leaf is."""


class Leaves(ClassificationExperiment):
    """The question, its arms and recipes."""

    slug = "leaves"
    title = "Leaves"
    question = "Which of three species is a leaf from, told by its outline alone?"
    synthetic_pictures = 240
    fewest_pictures = 24
    ways: ClassVar = {"small-cnn": Way(SMALL_CNN), "lite0-frozen": Way("efficientnet-lite0", "head")}
    arms = (
        Arm("small-cnn", "Small CNN from scratch", "Two convolutions and two linear layers."),
        Arm("lite0-frozen", "Frozen EfficientNet-Lite0", "Bundled ImageNet weights; only the last layer is trained."),
    )
    recipes = (
        Recipe(
            "improved", "Improved", "A rate that rises and falls once; the small CNN sees the leaves turned at random.",
            {"epochs": 30, "batch_size": 32, "learning_rate": 3e-3, "schedule": "one-cycle"},
            {"small-cnn": {"size": 64, "rotation": 180.0, "flip": True}},
        ),
        Recipe(
            "quick", "Quick look", "Small pictures, under a minute on two processor cores.",
            {"epochs": 10, "batch_size": 16, "learning_rate": 3e-3, "schedule": "one-cycle", "size": 96,
             "weights": "auto"},
            {"small-cnn": {"size": 32}},
        ),
    )  # fmt: skip

    def make_data(self, folder: Path, *, n: int, seed: int = 0) -> None:
        """Draw leaves into a folder for each species."""
        from core.data.synthetic.class_folders import write_class_folders

        write_class_folders(folder, draw_leaf, tuple(LENGTHS), n=n, seed=seed)


def draw_leaf(rng: "np.random.Generator", species: str) -> "Pixels":
    """Return one leaf; area, place, turn, colours and brightness do not depend on the species."""
    import cv2
    import numpy as np

    width = np.sqrt(rng.uniform(0.12, 0.18) * SIDE**2 / (np.pi * LENGTHS[species]))
    middle, turn = SIDE / 2 + rng.uniform(-4, 4, 2), rng.uniform(0, 360)
    leaf = ((float(middle[0]), float(middle[1])), (2 * width, 2 * width * LENGTHS[species]), turn)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(mask, leaf, 255, -1, cv2.LINE_AA)
    share = mask[..., None] / 255
    picture = share * rng.uniform(60, 140, 3) + (1 - share) * rng.uniform(100, 220, 3)
    picture += rng.uniform(110, 150) - picture.mean() + rng.normal(0, 6, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


EXPERIMENT = Leaves()
