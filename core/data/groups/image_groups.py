"""What must not be torn apart by a split: images of one subject, as names tell, and images of identical content."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.data.dataset import name_some
from core.data.groups.duplicates import find_identical, join_groups
from core.data.groups.patients import find_name_groups, say_torn

COMPARED = 20_000
"""Sets of more images are not searched for identical ones: each may have to be opened."""


@dataclass(frozen=True)
class GroupedImage:
    """What is known of an image before it is grouped.

    Attributes:
        split: Where it is.
        name: Its group where it stands alone.
        path: Where it lies, below a folder that says the split; made of both where folders tell nothing more.
    """

    split: str
    name: str
    path: str = ""

    @property
    def told(self) -> str:
        """What may tell the person."""
        return self.path or f"{self.split}/{self.name}"


def find_image_groups(images: Mapping[Path, GroupedImage]) -> tuple[Mapping[Path, str], tuple[str, ...]]:
    """Find the group of each image, and say how groups were found and which a set's own splits tear apart.

    Returns:
        The group of each image, and sentences.
    """
    found = find_name_groups([image.told for image in images.values()])
    shared = found.shared
    groups = {path: shared.get(image.told, image.name) for path, image in images.items()}
    by_split: dict[str, set[str]] = {}
    for path, image in images.items():
        by_split.setdefault(image.split, set()).add(groups[path])
    torn = say_torn(by_split, shared.values())
    same = find_identical(images) if len(images) <= COMPARED else []
    leaders = join_groups([{groups[path] for path in paths} for paths in same])
    joined = {path: leaders.get(group, group) for path, group in groups.items()}
    how = (found.how,) if found.how else ()
    notes = (*how, *torn, *_say_identical(same, {path: image.split for path, image in images.items()}))
    # A set of one image in many files could not be divided at all
    return joined if len(set(joined.values())) > 1 else groups, notes


def _say_identical(same: list[list[Path]], split_of: Mapping[Path, str]) -> tuple[str, ...]:
    """Return sentences on identical images, most of all on those that lie in several splits."""
    if not same:
        return ()
    torn = [paths for paths in same if len({split_of[path] for path in paths}) > 1]
    notes = [
        f"{sum(map(len, same)):,} of {len(split_of):,} images are byte for byte the same as another: "
        f"{_name(same[0], split_of)}. They stay together where a split is made."
    ]
    if torn:
        of_torn = {split_of[path] for paths in torn for path in paths}
        places = " and ".join(split for split in dict.fromkeys(split_of.values()) if split in of_torn)
        notes.append(
            f"{len(torn):,} {'image lies' if len(torn) == 1 else 'images lie'} in several splits ({places}), so scores "
            f"are too good: {_name(torn[0], split_of)}."
        )
    return tuple(notes)


def _name(paths: list[Path], split_of: Mapping[Path, str]) -> str:
    return name_some([f"{split_of[path]}/{path.name}" for path in paths])
