"""Layouts in which the place tells the class: a folder, or an array, for each class."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.data.dataset import NAMED, say_left_out
from core.data.groups.patients import find_patient
from core.data.image_io.npy import open_picture_array
from core.data.layouts.class_names import plain_class
from core.data.layouts.found_classes import SINGLE, FoundClasses, FoundPicture
from core.data.layouts.name_matching import part_masks
from core.data.layouts.pair_folders import PICTURE_FOLDERS
from core.data.layouts.split_folders import SPLIT_WORDS, split_folders, split_of
from core.data.layouts.visible_files import list_deep, list_folders, list_pictures, list_visible, name_below

MASK_FOLDERS = frozenset(
    {"mask", "masks", "label", "labels", "annotation", "annotations", "groundtruth", "ground_truth", "gt", "manual",
     "manual1", "segmentation", "segmentations", "trimaps", "fov"}
)  # fmt: skip
"""Below a class, these hold no images of it."""
ARRAY_PARTS = frozenset({"x", "y", "image", "images", "img", "imgs", "label", "labels", "target", "targets", "data"})
"""What arrays are called that hold the images or the labels of all classes."""
BESIDE = re.compile(r"thumb(nail)?s?|previews?|augment(ed|ations?)", re.IGNORECASE)
"""Folders of what programs made of a set's images; no class."""
SIDECARS = frozenset({".txt", ".md", ".json", ".xml", ".csv", ".tsv", ".yaml", ".yml", ".html", ".npy"})
"""Files that nobody takes for images."""


@dataclass
class ClassFolders:
    """The class folders of one place, and what in it is left out.

    Attributes:
        place: The folder that holds them.
        pictures: By class, those in the class's own folder.
        deep: By class, those in folders below it.
        by_split: Those in folders below a class that say a split, such as ``cat/train/``.
        masks: Pictures in folders below a class that hold its masks.
        copies: Names of folders that hold the class folders once more.
        made: Pictures in folders called after what programs made of others.
        unread: Files whose ending is not read.
        strays: Pictures beside the class folders.
        empty: Folders without any picture.
    """

    place: Path
    pictures: dict[str, list[Path]] = field(default_factory=dict)
    deep: dict[str, list[Path]] = field(default_factory=dict)
    by_split: dict[str, list[FoundPicture]] = field(default_factory=dict)
    masks: list[Path] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)
    made: list[Path] = field(default_factory=list)
    unread: list[Path] = field(default_factory=list)
    strays: list[Path] = field(default_factory=list)
    empty: list[Path] = field(default_factory=list)

    def found(self) -> list[FoundPicture]:
        """Return all pictures, a class after the other."""
        return [
            FoundPicture(path, name)
            for name in sorted(self.pictures.keys() | self.deep.keys())
            for path in [*self.pictures.get(name, ()), *self.deep.get(name, ())]
        ]

    def say(self, folder: Path) -> list[str]:
        """Return sentences on what lies deeper and what is left out, named by its path within the data set."""
        said = [self._say_deep(name, folder) for name in sorted(self.deep)]
        for paths, why in (
            (self.masks, "masks of others"),
            (self.strays, "beside the class folders"),
            (self.made, "in folders whose names say that they were made of others and are no class"),
        ):
            if paths:
                said.append(say_left_out(name_below(paths, folder), why))
        said += [
            f"The folder {name}/ holds the class folders once more and is left out."
            for name in name_below(self.copies, folder)
        ]
        for place in self.empty:
            unread = [path for path in self.unread if path.is_relative_to(place)]
            holds = f"no image that can be read, but {count_endings(unread)}" if unread else "no image"
            said.append(f"The folder {name_below([place], folder)[0]}/ holds {holds}, so it is left out and no class.")
        rest = [path for path in self.unread if not any(path.is_relative_to(each) for each in self.empty)]
        if rest:
            more = f" and {len(rest) - NAMED:,} more" if len(rest) > NAMED else ""
            named = ", ".join(name_below(rest[:NAMED], folder))
            said.append(f"{count_endings(rest)} of the class folders are left out, as such files are not read: "
                        f"{named}{more}.")  # fmt: skip
        return said

    def _say_deep(self, name: str, folder: Path) -> str:
        paths = self.deep[name]
        places = name_below(sorted({path.parent for path in paths}), folder)
        more = f" and {len(places) - NAMED:,} more" if len(places) > NAMED else ""
        return (
            f"{len(paths):,} of {len(paths) + len(self.pictures.get(name, ())):,} images of the class {name} lie in "
            f"folders below its own and are used with it: {', '.join(places[:NAMED])}{more}."
        )


def count_endings(paths: Collection[Path]) -> str:
    """Return how many files of which endings there are, such as ``3 .dcm files``."""
    endings = Counter(path.suffix.lower() or "nameless" for path in paths)
    return ", ".join(f"{count:,} {ending} file{'s' * (count != 1)}" for ending, count in endings.most_common(NAMED))


def find_class_folders(folder: Path) -> FoundClasses | None:
    """A folder for each class, with or without split folders around them or within each of them."""
    inside = list_folders(folder)
    named = split_folders(inside)
    if list(named) == ["train"] and _is_class_itself(named["train"], inside):
        named = {}
    looked = {split: look_for_classes(_innermost(places[0])) for split, places in named.items()}
    if any(each.found() for each in looked.values()):
        return _with_splits(folder, inside, {split: places[0] for split, places in named.items()}, looked)
    if sum(_holds_splits(each) for each in inside) == 1:
        return None  # the set lies deeper, and this is what surrounds it
    split_like = {place for places in named.values() for place in places}
    return _without_splits(folder, look_for_classes(folder, but=split_like), named)


def look_for_classes(place: Path, *, but: Collection[Path] = ()) -> ClassFolders:
    """Look at the folders of a place as classes; nothing is found where they are pictures and masks."""
    looked, folders = ClassFolders(place), [each for each in list_folders(place) if each not in but]
    if any(each.name.lower() in PICTURE_FOLDERS for each in folders):
        return looked
    names = {plain_class(each.name) for each in folders}
    for each in folders:
        inner = list_folders(each)
        if len(inner) > 1 and {plain_class(one.name) for one in inner} < names:
            looked.copies.append(each)
            continue
        _look_at_class(each, inner, looked)
    if not _are_used(looked):
        looked.deep.clear()
    looked.strays = list_pictures(place)
    names = looked.pictures.keys() | looked.deep.keys()
    if len(names - (made := {*filter(BESIDE.fullmatch, names)})) > 1:
        looked.made = [
            path for name in sorted(made) for by in (looked.pictures, looked.deep) for path in by.pop(name, ())
        ]
    return looked


def _look_at_class(folder: Path, inner: Sequence[Path], looked: ClassFolders) -> None:
    """Sort what one class folder holds."""
    seen = list_visible(folder)
    own, others = seen.pictures, seen.others
    drawn = part_masks(own)
    looked.masks += drawn
    own = [path for path in own if path not in drawn]
    deeper: list[Path] = []
    split = False
    for each in inner:
        deep = list_deep(each)
        pictures, others = deep.pictures, others + deep.others
        if {each.name.lower(), *re.findall(r"[^\W\d_]+", each.name.lower())} & MASK_FOLDERS:
            looked.masks += pictures
        elif (name := split_of(each.name)) is not None:
            looked.by_split.setdefault(name, []).extend(FoundPicture(path, folder.name) for path in pictures)
            split = split or bool(pictures)
        else:
            deeper += pictures
    looked.unread += [path for path in others if path.suffix.lower() not in SIDECARS]
    if own:
        looked.pictures[folder.name] = own
    if deeper:
        looked.deep[folder.name] = deeper
    if not (own or deeper or split):
        looked.empty.append(folder)


def _are_used(looked: ClassFolders) -> bool:
    """Say whether pictures in deeper folders are of the class further up.

    They are where other classes have theirs in their own folders, and where the deeper ones are called ``images`` or
    after patients. Else they may be classes themselves, as in ``photos/cat/`` and ``drawings/cat/``.
    """
    inner = {path.relative_to(looked.place).parts[1] for paths in looked.deep.values() for path in paths}
    return bool(looked.pictures or looked.by_split) or all(
        name.lower() in PICTURE_FOLDERS or find_patient(name) for name in inner
    )


def _with_splits(
    folder: Path, inside: Sequence[Path], places: dict[str, Path], looked: dict[str, ClassFolders]
) -> FoundClasses | None:
    found = {split: each.found() for split, each in looked.items()}
    if _count_classes(found) < 2:
        return None
    notes: list[str] = []
    for split, each in looked.items():
        if not found[split] and each.strays:
            found.setdefault("unlabelled", []).extend(FoundPicture(path, None) for path in each.strays)
            notes.append(_say_unlabelled(len(each.strays), name_below([each.place], folder)[0]))
            each.strays = []
        notes += each.say(folder)
    beside = [path for each in inside if each not in places.values() for path in list_deep(each).pictures]
    beside += list_pictures(folder)
    if beside:
        shown = " and ".join(f"{each.name}/" for each in places.values())
        notes.append(say_left_out(name_below(beside, folder), f"beside {shown}"))
    return FoundClasses("class folders", {split: each for split, each in found.items() if each}, tuple(notes))


def _without_splits(folder: Path, looked: ClassFolders, named: dict[str, list[Path]]) -> FoundClasses | None:
    found = {SINGLE: looked.found()}
    if looked.by_split:
        found = {split: list(looked.by_split.get(split, ())) for split in ("train", "val", "test")}
        found["train"] += looked.found()
    if _count_classes(found) < 2:
        return None
    notes = looked.say(folder)
    for place in (place for places in named.values() for place in places):
        if flat := list_deep(place).pictures:
            found.setdefault("unlabelled", []).extend(FoundPicture(path, None) for path in flat)
            notes.append(_say_unlabelled(len(flat), place.name))
    return FoundClasses("class folders", {split: each for split, each in found.items() if each}, tuple(notes))


def _holds_splits(place: Path, levels: int = 2) -> bool:
    """Say whether a folder, or one so many levels below it, holds a training split with class folders."""
    inner = list_folders(place)
    train = split_folders(inner).get("train", [])
    return any(len(look_for_classes(_innermost(each)).pictures) > 1 for each in train) or (
        levels > 0 and any(_holds_splits(each, levels - 1) for each in inner)
    )


def _say_unlabelled(count: int, place: str) -> str:
    return f"{count:,} images of {place}/ lie in no class folder; they are predicted, not scored."


def _count_classes(found: dict[str, list[FoundPicture]]) -> int:
    """Return how many classes there are; names that differ in spelling alone count where one split has both."""
    words = [{each.word for each in pictures if each.word} for pictures in found.values()]
    return max(len({plain_class(word) for own in words for word in own}), *map(len, words), 0)


def _is_class_itself(train: Sequence[Path], inside: Sequence[Path]) -> bool:
    """Say whether ``train`` is a vehicle: pictures lie in it as in at least two folders beside it."""
    others = [each for each in inside if each not in train and list_pictures(each)]
    return len(train) == 1 and len(others) > 1 and bool(list_pictures(train[0])) and not list_folders(train[0])


def _innermost(place: Path) -> Path:
    """Return the folder that a split folder holds alone and that says the split too, as ``seg_train/seg_train``."""
    inner = list_folders(place)
    if len(inner) == 1 and split_of(inner[0].name) and not list_pictures(place):
        return _innermost(inner[0])
    return place


def find_arrays(folder: Path) -> FoundClasses | None:
    """A ``.npy`` file for each class, with or without split folders around them, or with the split in its name."""
    places = {split: folders[0] for split, folders in split_folders(list_folders(folder)).items()}
    splits = {split: rows for split, place in places.items() if (rows := _rows(list_arrays(place)))}
    splits = splits or _rows_by_name(list_arrays(folder))
    return FoundClasses("arrays", splits) if _count_classes(splits) > 1 else None


def list_arrays(place: Path) -> list[Path]:
    """Return the visible ``.npy`` files of a folder, in order."""
    return [path for path in list_visible(place).others if path.suffix.lower() == ".npy" and path.is_file()]


def _rows(arrays: Sequence[Path], names: Mapping[Path, str] | None = None) -> list[FoundPicture]:
    """Return the rows of ``.npy`` files, such as ``normal.npy`` and ``pneumonia.npy``."""
    if len(arrays) < 2:
        return []
    word = names or {path: path.stem for path in arrays}
    return [FoundPicture(path, word[path], row) for path in arrays for row in range(len(open_picture_array(path)))]


def _rows_by_name(arrays: Sequence[Path]) -> dict[str, list[FoundPicture]]:
    """Return the rows by split; none where names say splits alone, or images and labels, as ``X_train.npy`` does."""
    told = {path: _split_and_class(path.stem) for path in arrays}
    if any(not name or name.lower() in ARRAY_PARTS for _, name in told.values()):
        return {}
    if None in {split for split, _ in told.values()}:
        return {SINGLE: _rows(arrays)}
    names = {path: name for path, (_, name) in told.items()}
    by_split = {split: [path for path, own in told.items() if own[0] == split] for split in SPLIT_WORDS}
    return {split: _rows(paths, names) for split, paths in by_split.items() if paths}


def _split_and_class(stem: str) -> tuple[str | None, str]:
    """Return the split that one of a name's words says, and the name without it: ``normal`` of ``normal_train``."""
    words = re.split(r"[\s_.-]+", stem)
    said = next((word for word in words if split_of(word)), None)
    return (None, stem) if said is None else (split_of(said), "_".join(word for word in words if word != said))
