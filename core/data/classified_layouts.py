"""How pictures with class labels lie on disk: folders, arrays, file names or a CSV tell the class."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.data.label_tables import LabelTable, PictureIndex, read_label_table
from core.data.pairs import PICTURE_ENDINGS, PICTURE_FOLDERS, SPLIT_FOLDERS, list_folders
from core.data.picture_arrays import open_picture_array
from core.errors import UserError

DEFECT_CLASSES = ("normal", "void", "horizontal defect", "vertical defect", "edge defect", "particle")
"""What 0 to 5 mean in the CSV of report R1."""
TRUTHS = ("truth", "gt")
"""What follows a split's name in the name of a CSV that holds its labels."""
CLASS_NAMES = "class_names.txt"
SINGLE = "all"
"""Split of a layout that has none."""


@dataclass(frozen=True)
class FoundPicture:
    """A picture, the word that tells its class (None where nothing does), and its row where the file is an array."""

    image: Path
    word: str | None
    index: int | None = None


@dataclass(frozen=True)
class FoundClasses:
    """What a layout holds.

    Attributes:
        layout: ``class folders``, ``arrays``, ``named files`` or ``table``.
        splits: Pictures by split; ``all`` where the layout has no splits.
        notes: Sentences on what is missing.
        meanings: What class words stand for, where the layout defines them.
        template: The CSV that names the test pictures and takes their predictions, if any.
    """

    layout: str
    splits: Mapping[str, list[FoundPicture]]
    notes: tuple[str, ...] = ()
    meanings: Mapping[str, str] = field(default_factory=dict)
    template: Path | None = None


def find_classes(folder: Path) -> FoundClasses | None:
    """Recognise a layout in a folder, or in the one folder in it; None where it is none.

    Raises:
        UserError: If it is one and something in it is wrong.
    """
    for find in (_find_tables, _find_named, _find_single_table, _find_by_place):
        found = find(folder)
        if found is not None:
            return found
    inner = _visible_folders(folder)
    return find_classes(inner[0]) if len(inner) == 1 else None


def _find_by_place(folder: Path) -> FoundClasses | None:
    """A folder or an array per class, with or without split folders."""
    for layout, look in (("class folders", _in_folders), ("arrays", _in_arrays)):
        splits = {split: look(place) for split, place in _split_folders(folder).items()}
        if not any(splits.values()):
            splits = {SINGLE: look(folder)}
        if len({picture.word for pictures in splits.values() for picture in pictures}) > 1:
            return FoundClasses(layout, {split: pictures for split, pictures in splits.items() if pictures})
    return None


def _in_folders(place: Path) -> list[FoundPicture]:
    """Return the pictures of a folder's folders; none where these are pictures and masks, not classes."""
    folders = _visible_folders(place)
    if any(each.name.lower() in PICTURE_FOLDERS for each in folders):
        return []
    return [FoundPicture(path, each.name) for each in folders for path in _visible_pictures(each)]


def _in_arrays(place: Path) -> list[FoundPicture]:
    """Return the rows of a folder's ``.npy`` files, such as ``normal.npy`` and ``pneumonia.npy``."""
    arrays = sorted(path for path in place.glob("*.npy") if path.is_file() and not path.name.startswith("."))
    if len(arrays) < 2:
        return []
    return [FoundPicture(path, path.stem, row) for path in arrays for row in range(len(open_picture_array(path)))]


def _find_named(folder: Path) -> FoundClasses | None:
    """Files ``{class}_{number}.png`` in one folder, or in ``train_50/`` and ``val_50/`` (report R3).

    A CSV with the columns ``image_id,label`` may say a split's labels instead: ``val_gt.csv``. Where classes are
    numbers, ``class_names.txt`` may say what they are called, a name on each line, that of class 0 first.
    """
    splits: dict[str, list[FoundPicture]] = {}
    for split, place in (_split_folders(folder, r"(_\d+)?") or {SINGLE: folder}).items():
        pictures = [FoundPicture(path, _named_class(path)) for path in _visible_pictures(place)]
        if split in {SINGLE, "train"} and not _are_classes([picture.word for picture in pictures]):
            return None
        splits[split] = _with_truth(pictures, folder, split)
    if not splits.keys() & {SINGLE, "train"}:
        return None
    unknown = [each for pictures in splits.values() for each in pictures if not each.word]
    splits = {split: [each for each in pictures if each.word] for split, pictures in splits.items()}
    note = (f"{len(unknown)} pictures have no label; they are predicted, not scored.",) * bool(unknown)
    splits = {split: pictures for split, pictures in (splits | {"unlabelled": unknown}).items() if pictures}
    return FoundClasses("named files", splits, note, _named_numbers(folder, splits))


def _named_numbers(folder: Path, splits: Mapping[str, list[FoundPicture]]) -> Mapping[str, str]:
    """Return what numbered classes are called; nothing where no file says so of all of them."""
    path = folder / CLASS_NAMES
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    names = {str(number): line.strip() for number, line in enumerate(lines) if line.strip()}
    words = {each.word for pictures in splits.values() for each in pictures if each.word}
    return names if words <= names.keys() else {}


def _are_classes(words: list[str | None]) -> bool:
    """Say whether the starts of file names can be classes: all files have one, and on average two share it."""
    return None not in words and 1 < len(set(words)) <= len(words) / 2


def _named_class(path: Path) -> str | None:
    named = re.fullmatch(r"(.+)_\d+", path.stem)
    return named[1] if named else None


def _with_truth(pictures: list[FoundPicture], folder: Path, split: str) -> list[FoundPicture]:
    """Give pictures the labels of ``test_truth.csv`` or ``val_gt.csv``, where somebody published them later."""
    path = next((path for end in TRUTHS if (path := folder / f"{split}_{end}.csv").is_file()), None)
    table = read_label_table(path) if path else None
    if table is None:
        return pictures
    index = PictureIndex(folder, [picture.image for picture in pictures])
    words = {index.find(name): word for name, word in table.labels().items() if word}
    return [FoundPicture(each.image, words.get(each.image, each.word)) for each in pictures]


def _find_tables(folder: Path) -> FoundClasses | None:
    """``train.csv`` beside ``train_images/`` (report R1) or ``train/`` (as report R3 has Office-Home)."""
    tables, splits, notes = _split_tables(folder), {}, []
    for split, path in tables.items():
        pictures = _table_pictures(path, _picture_place(folder, SPLIT_FOLDERS[split]), strict=split != "test")
        if pictures is not None:
            splits[split] = pictures
        elif split == "train":
            return None
        else:
            notes.append(f"{path.name} was left out: the pictures that it names are not there.")
    if "train" not in splits:
        return None
    pictures = _with_truth(_without_placeholder(splits.pop("test", [])), folder, "test")
    test, unlabelled = ([each for each in pictures if bool(each.word) == labelled] for labelled in (True, False))
    if unlabelled:
        notes.append(
            f"{tables['test'].name} gives {len(unlabelled)} pictures no label; they are predicted, not scored."
        )
    meanings = _meanings(splits["train"]) if (folder / "train_images").is_dir() else {}
    splits |= {split: each for split, each in (("test", test), ("unlabelled", unlabelled)) if each}
    return FoundClasses("table", splits, tuple(notes), meanings, tables.get("test"))


def _without_placeholder(pictures: list[FoundPicture]) -> list[FoundPicture]:
    """Take the labels from pictures that all have the same: that is a place to write predictions into."""
    if len({picture.word for picture in pictures} - {None}) > 1:
        return pictures
    return [FoundPicture(picture.image, None) for picture in pictures]


def _meanings(pictures: Iterable[FoundPicture]) -> dict[str, str]:
    """Return report R1's class names where the labels are its numbers."""
    numbered = {str(number): name for number, name in enumerate(DEFECT_CLASSES)}
    return numbered if {picture.word for picture in pictures} <= numbered.keys() else {}


def _find_single_table(folder: Path) -> FoundClasses | None:
    """One CSV beside a folder of pictures, or beside the pictures themselves."""
    tables = sorted(path for path in folder.glob("*.csv") if not path.name.startswith("."))
    if len(tables) != 1:
        return None
    pictures = _table_pictures(tables[0], folder, strict=True)
    return FoundClasses("table", {SINGLE: pictures}) if pictures else None


def _table_pictures(path: Path, place: Path | None, *, strict: bool) -> list[FoundPicture] | None:
    """Return the pictures that a CSV names.

    Args:
        path: The CSV.
        place: Folder of the pictures.
        strict: Every picture needs a label.

    Returns:
        None where it names no picture of the folder.

    Raises:
        UserError: If pictures or labels are missing.
    """
    table = read_label_table(path)
    if table is None or place is None:
        return None
    index = PictureIndex(place, _deep_pictures(place))
    labels = table.labels()
    found = {name: index.find(name) for name in labels}
    missing = [name for name, image in found.items() if image is None]
    if len(missing) == len(found):
        return None
    if missing:
        raise UserError(
            f"{len(missing)} of {len(found)} pictures that {path.name} names are not in {place.name}/ or not told "
            f"apart by their names, such as {missing[0]}; add them or take their rows out."
        )
    return [FoundPicture(image, _word(table, name, labels[name], strict)) for name, image in found.items() if image]


def _word(table: LabelTable, name: str, label: str, strict: bool) -> str | None:
    if strict and not label:
        raise UserError(f"{table.path.name} gives {name} no label; fill its label in or take its row out.")
    return label or None


def _split_tables(folder: Path) -> dict[str, Path]:
    """Return ``train.csv`` and its like by split."""
    places = {split: [folder / f"{name}.csv" for name in names] for split, names in SPLIT_FOLDERS.items()}
    return {
        split: path for split, paths in places.items() if (path := next(filter(Path.is_file, paths), None)) is not None
    }


def _picture_place(folder: Path, names: tuple[str, ...]) -> Path | None:
    """Return the folder of a split's pictures: ``train_images/``, ``train/``, else ``images/``."""
    folders = {each.name.lower(): each for each in _visible_folders(folder)}
    wanted = (*(f"{name}_images" for name in names), *names, *PICTURE_FOLDERS)
    return next((folders[name] for name in wanted if name in folders), None)


def _split_folders(folder: Path, rest: str = "") -> dict[str, Path]:
    """Return folders by the split that their name says, ``rest`` being what may follow it."""
    patterns = {split: re.compile(f"({'|'.join(names)}){rest}") for split, names in SPLIT_FOLDERS.items()}
    found: dict[str, Path] = {}
    for each in _visible_folders(folder):
        for split, pattern in patterns.items():
            if pattern.fullmatch(each.name.lower()):
                found.setdefault(split, each)
    return {split: found[split] for split in SPLIT_FOLDERS if split in found}


def _visible_folders(folder: Path) -> list[Path]:
    return [each for each in list_folders(folder) if not each.name.startswith((".", "__"))]


def _visible_pictures(folder: Path) -> list[Path]:
    """Return a folder's pictures in order, without those that macOS adds, which hold none.

    Class folders hold thousands; asking the folder what is a file spares asking each of them.
    """
    with os.scandir(folder) as entries:
        names = [each.name for each in entries if not each.name.startswith(".") and each.is_file()]
    return [folder / name for name in sorted(names) if name.lower().endswith(PICTURE_ENDINGS)]


def _deep_pictures(place: Path) -> list[Path]:
    """Return the pictures of a folder and of two levels below; a whole disk is not searched."""
    found = [path for pattern in ("*", "*/*", "*/*/*") for path in place.glob(pattern)]
    return sorted(path for path in found if path.suffix.lower() in PICTURE_ENDINGS and not path.name.startswith("."))
