"""Names of folders, tables and cells that say a split: train, test1, Validation, seg_test, train_50."""

import re
from collections.abc import Iterable
from pathlib import Path

SPLIT_WORDS = {
    "train": ("train", "training", "trainset", "trainingset"),
    "val": ("val", "valid", "validation", "valset", "validationset", "dev", "devset"),
    "test": ("test", "testing", "testset", "testingset", "evaluation", "pred", "unlabeled", "unlabelled"),
}
FILLERS = frozenset(
    {"image", "images", "img", "imgs", "picture", "pictures", "photo", "photos", "set", "split", "data", "dataset",
     "folder", "files", "seg", "jpg", "jpeg", "png", "small", "resized", "labeled", "labelled", "label", "labels"}
)  # fmt: skip
"""What may stand beside the word in a name, and numbers."""


def split_of(name: str) -> str | None:
    """Return the split that a name says: ``train``, ``val`` or ``test``; None where it says none, or two.

    >>> [split_of(name) for name in ("test1", "Train", "val_images", "seg_pred", "testing-set", "contest", "trainer")]
    ['test', 'train', 'val', 'test', 'test', None, None]
    """
    words = [word for word in re.findall(r"[^\W\d_]+", name.lower()) if word not in FILLERS]
    found = [split for split, known in SPLIT_WORDS.items() if len(words) == 1 and words[0] in known]
    return found[0] if found else None


def split_folders(folders: Iterable[Path]) -> dict[str, list[Path]]:
    """Return folders by the split that their name says, in the order train, val, test; others are not among them."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        split = split_of(folder.name)
        if split:
            found.setdefault(split, []).append(folder)
    return {split: sorted(found[split], key=_plainness) for split in SPLIT_WORDS if split in found}


def _plainness(folder: Path) -> tuple[int, str]:
    """Sort ``test`` before ``test1`` and ``test_images``."""
    return len(folder.name), folder.name
