"""How a vessel checkpoint copes with other cameras: Dice on photographs changed as cameras and formats change them.

    python benchmarks/vessel_shift.py CHECKPOINT --data FOLDER --split val

Every change is made to the photograph before anything is found in it; the field of view is found, not given.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np

from core.cli import open_checkpoint
from core.data.image_io.reader import Picture
from core.data.torch_datasets.labelled import LabelledPicture
from core.data.transforms.arrays import Mask, Pixels, resize
from core.inference.predictors.kinds import load_predictor
from core.metrics.segmentation import BinarySegmentationScores

Change = Callable[[Pixels, np.random.Generator], Pixels]


def scaled(factor: float) -> Change:
    return lambda pixels, _: resize(pixels, (round(pixels.shape[0] * factor), round(pixels.shape[1] * factor)))


def gamma(exponent: float) -> Change:
    return lambda pixels, _: (255 * (pixels / 255.0) ** exponent).round().astype(np.uint8)


def tinted(red: float, green: float, blue: float) -> Change:
    return lambda pixels, _: (pixels * np.array([red, green, blue])).clip(0, 255).astype(np.uint8)


def blurred(sigma: float) -> Change:
    return lambda pixels, _: np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)


def noisy(deviation: float) -> Change:
    return lambda pixels, rng: (pixels + rng.normal(0, deviation, pixels.shape)).clip(0, 255).astype(np.uint8)


def as_jpeg(quality: int) -> Change:
    def change(pixels: Pixels, _: np.random.Generator) -> Pixels:
        coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)

    return change


def in_one_channel(channel: int) -> Change:
    return lambda pixels, _: np.repeat(pixels[:, :, channel : channel + 1], 3, axis=2)


CHANGES: dict[str, Change] = {
    "unchanged": lambda pixels, _: pixels,
    "0.5 x size": scaled(0.5),
    "2 x size": scaled(2.0),
    "gamma 0.6 (bright)": gamma(0.6),
    "gamma 1.7 (dark)": gamma(1.7),
    "reddish": tinted(1.15, 0.8, 0.7),
    "pale, bluish": tinted(0.75, 1.0, 1.3),
    "green channel as grey": in_one_channel(1),
    "blur 2 pixels": blurred(2.0),
    "noise 12 levels": noisy(12.0),
    "JPEG quality 25": as_jpeg(25),
}


def at_size(mask: Mask, size: tuple[int, int]) -> Mask:
    return np.asarray(resize(mask.astype(np.float32), size) > 0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("--data", default="")
    parser.add_argument("--split", default="val")
    options = parser.parse_args()
    predictor = load_predictor(open_checkpoint(options.checkpoint))
    split = predictor.setup.build_split(options.data, options.split)
    pictures: list[LabelledPicture] = [batch["picture"] for batch in split]
    print(f"{options.checkpoint}, {len(pictures)} pictures of {options.split}")
    for name, change in CHANGES.items():
        scores = BinarySegmentationScores()
        for number, picture in enumerate(pictures):
            changed = change(picture.pixels, np.random.default_rng(number))
            found = predictor.predict(Picture(changed, picture.name, ()))
            size = changed.shape[:2]
            scores.update(picture.name, found.probabilities, at_size(picture.mask, size), at_size(picture.inside, size))
        result = scores.compute()
        print(f"{name:24} Dice {result['dice']:.3f}   PR AUC {result['pr_auc']:.3f}", flush=True)


if __name__ == "__main__":
    main()
