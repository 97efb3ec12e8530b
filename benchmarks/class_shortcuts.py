"""What a classifier of two classes leans on beside what it is asked for: ROC AUC where one class alone is changed.

    python benchmarks/class_shortcuts.py CHECKPOINT --data FOLDER [--split val]

A change that shows nothing of the disease, such as a stretch, made to all pictures of one class and to none of the
other, should change little. Where it changes much, the classes differ by that in the training pictures too, and the
model has learned it. Each row: area with neither changed, with the first class changed, with the second changed.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from core.cli import open_checkpoint
from core.data.transforms.arrays import Pixels
from core.errors import UserError
from core.experiments.classification import ClassificationSetup
from core.inference.predictors.kinds import load_predictor
from core.inference.predictors.predictor import Predictor

Change = Callable[[Pixels, np.random.Generator], Pixels]


def cut(width: float, height: float) -> Change:
    """Return the middle of a picture, so many times as wide and high, enlarged to the whole size."""

    def change(pixels: Pixels, _: np.random.Generator) -> Pixels:
        tall, wide = pixels.shape[:2]
        down, across = round(tall * height), round(wide * width)
        top, left = (tall - down) // 2, (wide - across) // 2
        return np.asarray(cv2.resize(pixels[top : top + down, left : left + across], (wide, tall)), np.uint8)

    return change


def shrunk(factor: float) -> Change:
    """Return the picture smaller, with black around it."""

    def change(pixels: Pixels, _: np.random.Generator) -> Pixels:
        tall, wide = pixels.shape[:2]
        border = round(tall * (factor - 1) / 2), round(wide * (factor - 1) / 2)
        framed = cv2.copyMakeBorder(pixels, border[0], border[0], border[1], border[1], cv2.BORDER_CONSTANT)
        return np.asarray(cv2.resize(framed, (wide, tall)), np.uint8)

    return change


def gamma(exponent: float) -> Change:
    return lambda pixels, _: (255 * (pixels / 255.0) ** exponent).round().astype(np.uint8)


def blurred(sigma: float) -> Change:
    return lambda pixels, _: np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)


def noisy(deviation: float) -> Change:
    return lambda pixels, rng: (
        (pixels + rng.normal(0, deviation, (*pixels.shape[:2], 1))).clip(0, 255).round().astype(np.uint8)
    )


CHANGES: dict[str, Change] = {
    "nothing": lambda pixels, _: pixels,
    "wider by a tenth": cut(0.9, 1),
    "wider by a quarter": cut(0.8, 1),
    "higher by a tenth": cut(1, 0.9),
    "higher by a quarter": cut(1, 0.8),
    "enlarged by 18 %": cut(0.85, 0.85),
    "shrunk by 13 %, black around": shrunk(1.15),
    "gamma 0.7": gamma(0.7),
    "gamma 1.4": gamma(1.4),
    "blur of 1 pixel": blurred(1.0),
    "noise of 6 of 255": noisy(6.0),
}


def main() -> None:
    """Print a row for each change."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("--data", required=True)
    parser.add_argument("--split", default="val")
    options = parser.parse_args()
    predictor = load_predictor(open_checkpoint(options.checkpoint))
    setup = predictor.setup
    if not isinstance(setup, ClassificationSetup) or len(setup.traits.classes) != 2:
        raise UserError("This asks classifiers of two classes; give the checkpoint of one.")
    batches = list(setup.build_split(options.data, options.split))
    labels = np.concatenate([batch["labels"].numpy() for batch in batches])
    squares = np.concatenate([np.asarray(batch["pixels"][:]) for batch in batches])
    plain = ask_all(predictor, setup, squares)
    print(f"| change | {' alone | '.join(setup.traits.classes)} alone |\n|---|---|---|")
    for name, change in CHANGES.items():
        changed = np.stack([change(each, np.random.default_rng(number)) for number, each in enumerate(squares)])
        found = ask_all(predictor, setup, changed)
        areas = (roc_auc_score(labels == 1, np.where(labels == each, found, plain)) for each in (0, 1))
        print("| " + " | ".join([name, *(f"{area:.3f}" for area in areas)]) + " |", flush=True)


def ask_all(predictor: Predictor, setup: ClassificationSetup, squares: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the logit of the second class's probability for each square ``(N, S, S, 3)``."""
    logits, compute = [], predictor.compute_for(setup.normalisation.normalise(squares[:1]))
    with torch.inference_mode(), compute.autocast():
        for start in range(0, len(squares), 4):
            images = compute.place(setup.normalisation.normalise(squares[start : start + 4]))
            logs = predictor.ask(images).clamp_min(1e-38).log()  # what is nearly certain is still told apart
            logits.append((logs[:, 1] - logs[:, 0]).cpu().numpy())
    return np.concatenate(logits).astype(np.float32)


if __name__ == "__main__":
    main()
