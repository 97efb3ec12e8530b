from pathlib import Path

import pytest

from core.data.layouts.pets import open_pets
from core.data.layouts.vessels import open_vessels
from tests.data.layouts.masked_sets import draw_blob, draw_vessels, grey, save
from tests.data.layouts.sentences import find_note


@pytest.mark.parametrize(
    ("images", "masks"), [("extra_images", "extra_masks"), ("preview", "preview"), ("old/a", "old/b")]
)
def test_folders_beside_those_that_are_used_are_told(tmp_path: Path, images: str, masks: str) -> None:
    for number, split in enumerate(("train", "test")):
        for seed in range(3):
            image, truth, _ = draw_vessels(10 * number + seed)
            save(image, tmp_path / f"{split}_images/{seed}.png")
            save(grey(truth), tmp_path / f"{split}_masks/{seed}.png")
    save(draw_vessels(30)[0], tmp_path / images / "x.png")
    save(grey(draw_vessels(30)[1]), tmp_path / masks / "x_mask.png")
    found = open_vessels(tmp_path)
    assert {split: len(items) for split, items in found.splits.items()} == {"train": 3, "test": 3}
    for place in {images.split("/", maxsplit=1)[0], masks.split("/", maxsplit=1)[0]}:
        find_note(found, f"{place}/", "x")


def test_images_that_share_a_mask_by_name_are_told(tmp_path: Path) -> None:
    for seed in range(4):
        image, truth = draw_blob(seed)
        save(image, tmp_path / f"images/{seed}.png")
        save(grey(truth), tmp_path / f"masks/{seed}.png")
    save(draw_blob(9)[0], tmp_path / "images/2.jpg")
    find_note(open_pets(tmp_path), "2.jpg", "2.png")
