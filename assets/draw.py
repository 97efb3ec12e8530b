"""Draw the pictures of this folder that come from our own generators: ``python assets/draw.py`` from the project."""

import sys
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from core.data.synthetic_fundus import draw_fundus  # noqa: E402 - after the project is found

SIDE = 440


def draw_vessels(path: Path) -> None:
    """A drawn fundus photograph and its vessels, side by side."""
    fundus = draw_fundus(np.random.default_rng(11), height=560, width=560)
    vessels = np.where(fundus.vessels[..., None], np.uint8(245), np.uint8(12)) * np.ones(3, np.uint8)
    vessels[~fundus.field_of_view] = 0
    pair = np.concatenate([fundus.image, vessels], axis=1)
    small = cv2.resize(pair, (2 * SIDE, SIDE), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    draw_vessels(HERE / "vessels.jpg")
