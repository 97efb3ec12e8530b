"""One view of a picture as BYOL makes it: this project's, on 8-bit pixels in OpenCV, against torchvision's transforms.

    python benchmarks/two_views.py [--views 300]

Both columns are microseconds on one core, whole: from the picture to a normalised tensor. The middle of all views.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from core.data.transforms.arrays import Pixels
from core.data.transforms.byol_views import FIRST_VIEW, SECOND_VIEW, TwoViewsDataset, ViewRecipe, blur_window

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def draw_picture(side: int) -> Pixels:
    """Return smooth colours."""
    noise = np.random.default_rng(0).normal(size=(side, side, 3))
    return (255 * np.clip(0.5 + cv2.GaussianBlur(noise, (0, 0), 3), 0, 1)).astype(np.uint8)


def build_torchvision_view(recipe: ViewRecipe, side: int) -> Callable[[Tensor], Tensor]:
    """Return the same view in torchvision's words."""
    jitter = v2.ColorJitter(recipe.brightness, recipe.contrast, recipe.saturation, recipe.hue)
    steps = [
        v2.RandomResizedCrop(side, recipe.area, interpolation=InterpolationMode.BICUBIC, antialias=True),
        v2.RandomHorizontalFlip(recipe.flip),
        v2.RandomApply([jitter], recipe.jitter),
        v2.RandomGrayscale(recipe.grey),
        v2.RandomApply([v2.GaussianBlur(blur_window(side), (0.1, 2.0))], recipe.blur),
        v2.RandomSolarize(128, recipe.solarise),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(MEAN, DEVIATION),
    ]
    return v2.Compose(steps)


def median_microseconds(make: Callable[[int], object], views: int) -> float:
    """Return the median time of a view, after ten to warm up."""
    seconds = []
    for number in range(views + 10):
        start = time.perf_counter()
        make(number)
        seconds.append(time.perf_counter() - start)
    return 1e6 * statistics.median(seconds[10:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--views", type=int, default=300)
    views = parser.parse_args().views
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print("picture  view  which   ours  torchvision")
    for picture_side, side in ((128, 128), (160, 128), (256, 128), (32, 32)):
        picture = draw_picture(picture_side)
        tensor = torch.from_numpy(picture.transpose(2, 0, 1).copy())
        for name, recipe in (("first", FIRST_VIEW), ("second", SECOND_VIEW)):
            dataset = TwoViewsDataset([picture], side=side, seed=0, recipes=(recipe, recipe))
            theirs = build_torchvision_view(recipe, side)
            ours_time = median_microseconds(lambda number, dataset=dataset: dataset[number, 0], views) / 2
            their_time = median_microseconds(lambda _, theirs=theirs, tensor=tensor: theirs(tensor), views)
            print(f"{picture_side:7d} {side:5d}  {name:6s} {ours_time:5.0f} {their_time:12.0f}", flush=True)


if __name__ == "__main__":
    main()
