"""Layouts in which a table tells the class: ``train.csv`` beside ``train_images/``, or one CSV beside the pictures."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from core.data.dataset import say_left_out
from core.data.layouts.class_file_names import is_truth, with_truth
from core.data.layouts.found_classes import SINGLE, FoundClasses, FoundPicture
from core.data.layouts.image_index import PictureIndex
from core.data.layouts.label_csv import LabelTable, read_label_table
from core.data.layouts.pairs import PICTURE_FOLDERS, SPLIT_FOLDERS
from core.data.layouts.split_folders import split_of
from core.data.layouts.table_columns import cell, plain_column
from core.data.layouts.visible_files import list_deep, list_folders
from core.errors import UserError

DEFECT_CLASSES = ("normal", "void", "horizontal defect", "vertical defect", "edge defect", "particle")
"""What 0 to 5 mean in the CSV of report R1."""


def find_split_tables(folder: Path) -> FoundClasses | None:
    """``train.csv`` beside ``train_images/`` (report R1) or ``train/`` (as report R3 has Office-Home)."""
    tables, splits, notes = _split_tables(folder), {}, list[str]()
    for split, path in tables.items():
        read = _read_beside(path, _picture_place(folder, SPLIT_FOLDERS[split]))
        if read is not None and (split != "train" or read[0].has_labels):
            splits[split] = _pictures(*read, strict=split != "test", notes=notes)
            notes += read[0].say_rivals()
            if read[1].place.name.lower() not in PICTURE_FOLDERS:  # else other splits have theirs there too
                notes += _say_unnamed(*read, _unnamed(*read))
        elif split == "train":
            return None
        else:
            notes.append(f"{path.name} was left out: the pictures that it names are not there.")
    if "train" not in splits:
        return None
    pictures = with_truth(_without_placeholder(splits.pop("test", [])), folder, "test")
    test, unlabelled = ([each for each in pictures if bool(each.word) == labelled] for labelled in (True, False))
    if unlabelled:
        notes.append(
            f"{tables['test'].name} gives {len(unlabelled)} pictures no label; they are predicted, not scored."
        )
    meanings = _meanings(splits["train"], tables["train"]) if (folder / "train_images").is_dir() else {}
    splits |= {split: each for split, each in (("test", test), ("unlabelled", unlabelled)) if each}
    return FoundClasses("table", splits, tuple(notes), meanings, tables.get("test"))


def find_single_table(folder: Path, *, guess: bool = True) -> FoundClasses | None:
    """One CSV with labels beside a folder of pictures, or beside the pictures themselves.

    Args:
        folder: Where it lies.
        guess: Whether a column of an unknown name may say the class, where no other is left.
    """
    paths = sorted([*folder.glob("*.csv"), *folder.glob("*.tsv")])
    paths = [path for path in paths if not path.name.startswith(".") and path.is_file() and not is_truth(path)]
    if not paths:
        return None
    index = PictureIndex(folder, list_deep(folder).pictures)
    tables = [
        _with_folders(each, index)
        for path in paths
        if (each := read_label_table(path, lambda name: bool(index.find_all(name))))
    ]
    labelled = [each for each in tables if _tells_classes(each, index) and (guess or not each.columns.guessed)]
    if not labelled:
        return None
    table = max(labelled, key=lambda each: len(each.rows))
    notes = [f"{each.path.name} was left out: {table.path.name} has as many rows or more."
             for each in labelled if each is not table]  # fmt: skip
    notes += table.say_rivals()
    if table.columns.guessed and table.columns.label is not None:
        notes.append(f"The column {table.header[table.columns.label]} of {table.path.name} was taken for the class.")
    pictures = _pictures(table, index, strict=True, notes=notes)
    splits = _by_split(table, index, pictures)
    unnamed = _unnamed(table, index)
    if tested := [path for path in unnamed if _split_of_place(index.names[path]) == "test"]:
        splits["unlabelled"] = [FoundPicture(path, None) for path in tested]
        notes.append(f"{len(tested):,} images of the test folder have no label; they are predicted, not scored.")
    notes += _say_unnamed(table, index, sorted(set(unnamed) - set(tested)))
    template = next((each.path for each in tables if each not in labelled), None) if tested else None
    return FoundClasses("table", splits, tuple(notes), template=template)


def _with_folders(table: LabelTable, index: PictureIndex) -> LabelTable:
    """Return a table whose names of several pictures are paths, where its column of splits says in which folder.

    As where ``1.png`` of ``train`` and ``1.png`` of ``test`` lie in folders of these names.
    """

    def place(row: tuple[str, ...]) -> tuple[str, ...]:
        paths = index.find_all(cell(row, table.columns.picture))
        split = split_of(cell(row, table.columns.split))
        fitting = [path for path in paths if len(paths) > 1 and split and _split_of_place(path) == split]
        if len(fitting) != 1:
            return row
        return tuple(fitting[0] if column == table.columns.picture else each for column, each in enumerate(row))

    if table.columns.split is None:
        return table
    return replace(table, rows=tuple(map(place, table.rows)))


def _tells_classes(table: LabelTable, index: PictureIndex) -> bool:
    """Say whether a table names pictures and gives them at least two labels; one for all is a place to write into."""
    if not table.has_labels:
        return False
    _refuse_unclear(table, index)
    return len({label for name, label in table.labels().items() if label and index.find(name)}) > 1


def _pictures(table: LabelTable, index: PictureIndex, *, strict: bool, notes: list[str]) -> list[FoundPicture]:
    """Return the pictures that a table names.

    Args:
        table: With labels or without.
        index: Of the pictures beside it.
        strict: Every picture needs a label.
        notes: Takes a sentence on those that have several.

    Raises:
        UserError: If pictures or labels are missing.
    """
    _refuse_unclear(table, index)
    labels, groups = table.labels(), table.told(table.columns.group)
    matches = index.match(labels)
    missing = [*matches.missing, *(name for names in matches.shared.values() for name in names)]
    if missing:
        raise UserError(
            f"{len(missing)} of {len(labels)} pictures that {table.path.name} names are not in {index.place.name}/ or "
            f"not told apart by their names, such as {missing[0]}; add them or take their rows out."
        )
    several = _with_several(table, labels) if strict else []
    if several:
        notes.append(say_left_out(several, f"with none or several classes in {table.path.name}", of=len(labels)))
    used = {name: label for name, label in labels.items() if name not in set(several)}
    if strict and (empty := next((name for name, label in used.items() if not label), None)) is not None:
        raise UserError(f"{table.path.name} gives {empty} no label; fill its label in or take its row out.")
    return [
        FoundPicture(index.paths[matches.found[name]], label or None, group=groups.get(name, ""))
        for name, label in used.items()
    ]


def _refuse_unclear(table: LabelTable, index: PictureIndex) -> None:
    """Refuse a table that names pictures of which there are several, in different folders."""
    names = dict.fromkeys(cell(row, table.columns.picture) for row in table.rows)
    unclear = {name: paths for name in names if len(paths := index.find_all(name)) > 1}
    for name, paths in unclear.items():
        raise UserError(
            f"{len(unclear):,} of {len(names):,} names in {table.path.name} fit several pictures each: {name} may be "
            f"{paths[0]} or {paths[1]}. Write the folder into the table too, or add a column split that says train, "
            "val or test as the folders do."
        )


def _with_several(table: LabelTable, labels: Mapping[str, str]) -> list[str]:
    """Return the pictures with several classes, such as ``Effusion|Mass``; of columns of zeros and ones, also none."""
    if table.columns.one_hot:
        return [name for name, label in labels.items() if not label]
    single = {label for label in labels.values() if "|" not in label}
    return [name for name, label in labels.items() if "|" in label and single & set(label.split("|"))]


def _by_split(table: LabelTable, index: PictureIndex, pictures: list[FoundPicture]) -> dict[str, list[FoundPicture]]:
    """Divide pictures by the table's column that says the split, or by the split folders that they lie in."""
    told = table.told(table.columns.split)
    strange = sorted({word for word in told.values() if split_of(word) is None})
    if strange and len(strange) < len(set(told.values())):
        raise UserError(
            f"{table.path.name} gives the splits {', '.join(strange)} beside others; call them train, val and test."
        )
    by_path = {index.find(name): split_of(word) for name, word in told.items()}
    splits = [by_path.get(each.image) for each in pictures] if told else []
    if not splits or None in splits:
        splits = [_split_of_place(index.names[each.image]) for each in pictures]
    if None in splits or "train" not in splits:
        return {SINGLE: pictures}
    return {split: [each for each, own in zip(pictures, splits, strict=True) if own == split]
            for split in ("train", "val", "test") if split in splits}  # fmt: skip


def _split_of_place(name: str) -> str | None:
    """Return the split that the outermost folder of a path says, if one does."""
    return next((split for part in name.split("/")[:-1] if (split := split_of(part))), None)


def _unnamed(table: LabelTable, index: PictureIndex) -> list[Path]:
    """Return the pictures that no row of a table names."""
    named = {index.find(name) for name in table.labels()}
    return [path for path in index.names if path not in named]


def _say_unnamed(table: LabelTable, index: PictureIndex, unnamed: Sequence[Path]) -> list[str]:
    names = [index.names[path] for path in unnamed]
    return [say_left_out(names, f"not named in {table.path.name}", of=len(index.names))] if names else []


def _read_beside(path: Path, place: Path | None) -> tuple[LabelTable, PictureIndex] | None:
    """Return a table and the pictures of a folder, of which it names at least one; None where it names none."""
    if place is None:
        return None
    index = PictureIndex(place, list_deep(place).pictures)
    table = read_label_table(path, lambda name: index.find(name) is not None)
    if table is None or all(index.find(name) is None for name in table.labels()):
        return None
    return table, index


def _without_placeholder(pictures: list[FoundPicture]) -> list[FoundPicture]:
    """Take the labels from pictures that all have the same: that is a place to write predictions into."""
    if len({picture.word for picture in pictures} - {None}) > 1:
        return pictures
    return [FoundPicture(picture.image, None, group=picture.group) for picture in pictures]


def _meanings(pictures: Iterable[FoundPicture], path: Path) -> dict[str, str]:
    """Return report R1's class names where the labels are its numbers, under its header."""
    numbered = {str(number): name for number, name in enumerate(DEFECT_CLASSES)}
    with path.open(encoding="utf-8-sig") as file:
        is_its_own = [plain_column(name) for name in file.readline().split(",")] == ["id", "label"]
    return numbered if is_its_own and {picture.word for picture in pictures} <= numbered.keys() else {}


def _split_tables(folder: Path) -> dict[str, Path]:
    """Return ``train.csv`` and its like by split."""
    places = {split: [folder / f"{name}.csv" for name in names] for split, names in SPLIT_FOLDERS.items()}
    return {
        split: path for split, paths in places.items() if (path := next(filter(Path.is_file, paths), None)) is not None
    }


def _picture_place(folder: Path, names: tuple[str, ...]) -> Path | None:
    """Return the folder of a split's pictures: ``train_images/``, ``train/``, else ``images/``."""
    folders = {each.name.lower(): each for each in list_folders(folder)}
    wanted = (*(f"{name}_images" for name in names), *names, *PICTURE_FOLDERS)
    return next((folders[name] for name in wanted if name in folders), None)
