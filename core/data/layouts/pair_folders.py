"""Where sets keep images and their masks: folders within split folders, folders whose names say both, or one folder."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.data.dataset import name_some
from core.data.layouts.name_matching import part_masks
from core.data.layouts.split_folders import SPLIT_WORDS, split_folders
from core.data.layouts.visible_files import list_folders, list_others, list_pictures
from core.errors import UserError

PICTURE_FOLDERS = ("images", "image", "imgs", "img")
FIELD_FOLDERS = ("fov", "field_of_view", "fovs", "fields_of_view")
MANUAL = re.compile(r"manual.*|(1st|2nd|first|second)_manual.*")
"""Folders of what observers drew, whatever their number; those with a 2 hold the second observer's."""
SECOND = re.compile(r".*(2|2nd|second).*")
IMAGE_WORDS = frozenset({*PICTURE_FOLDERS, "input", "inputs", "photos", "photo", "pictures", "data"})
MASK_WORDS = frozenset(
    {
        "masks",
        "mask",
        "labels",
        "label",
        "annotations",
        "annotation",
        "annot",
        "gt",
        "truth",
        "groundtruth",
        "seg",
        "segmentation",
        "segmentations",
        "trimaps",
        "manual",
        "targets",
    }
)
PREDICTED = frozenset({"pred", "preds", "predicted", "prediction", "predictions"})
"""Folders called so hold what a network said, whatever else their names say."""
SHORT_SPLITS = {"tr": "train", "ts": "test", "te": "test", "va": "val"}
"""As in nnU-Net's ``imagesTr`` and ``labelsTs``."""

IsField = Callable[[Sequence[Path]], bool]


@dataclass(frozen=True)
class Place:
    """The folders of one split.

    Attributes:
        images: Holds images.
        masks: Holds masks; the same folder where masks lie among images and are told by their names.
        fields: Holds fields of view, if any.
        second: Holds a second observer's masks, if any.
        notes: Sentences on what was taken for what.
    """

    images: Path
    masks: Path
    fields: Path | None = None
    second: Path | None = None
    notes: tuple[str, ...] = ()

    def folders(self) -> set[Path]:
        """Return all of its folders."""
        return {each for each in (self.images, self.masks, self.fields, self.second) if each}

    def files(self) -> tuple[list[Path], list[Path]]:
        """Return the images, and what lies among the masks."""
        if self.images != self.masks:
            return list_pictures(self.images), list_pictures(self.masks)
        together = list_pictures(self.images)
        masks = part_masks(together)
        return [path for path in together if path not in masks], sorted(masks)


def find_child(folder: Path, names: tuple[str, ...]) -> Path | None:
    """Return the first folder in a folder with one of these names, given in lower case."""
    return next((each for each in list_folders(folder) if each.name.lower() in names), None)


def find_places(
    folder: Path, masks: tuple[str, ...], is_field: IsField | None
) -> Iterator[tuple[str, Path, Place | None]]:
    """Yield split, folder and what lies where in it; the folder itself, as split ``""``, comes last.

    Of a split ``images/`` and ``masks/`` within its folder come first, then images and masks in it together, then
    folders beside each other whose names say the split and what they hold: ``train_images/`` and ``train_masks/``.

    Raises:
        UserError: If several folders may hold the images or the masks of a split.
    """
    named = split_folders(list_folders(folder))
    kinds = _find_kinds(folder, masks, is_field)
    for split in SPLIT_WORDS:
        places = named.get(split, kinds[split].images if split in kinds else [])
        if places:
            inside = find_place(places[0], masks, is_field) or _find_flat(places[0], is_field)
            yield split, places[0], inside or _join(split, kinds)
    yield "", folder, find_place(folder, masks, is_field) or _join("", kinds) or _find_flat(folder, is_field)


def find_mask_folders(place: Path, masks: tuple[str, ...]) -> list[Path]:
    """Return the folders that may hold masks: what observers drew first, then in the order of the names."""
    named = {each.name.lower(): each for each in list_folders(place)}
    manual = sorted(name for name in named if MANUAL.fullmatch(name))
    manual.sort(key=lambda name: bool(SECOND.fullmatch(name)))
    return [named[name] for name in dict.fromkeys((*manual, *(name for name in masks if name in named)))]


def find_place(place: Path, masks: tuple[str, ...], is_field: IsField | None) -> Place | None:
    """Return which folders hold what; fields of view are told from annotations by what they show."""
    images, labels = find_child(place, PICTURE_FOLDERS), find_mask_folders(place, masks)
    if not images or not labels:
        return None
    fields, notes = find_child(place, FIELD_FOLDERS), list[str]()
    others = [each for each in list_folders(place) if each not in (images, fields, *labels) and list_pictures(each)]
    discs = [each for each in (*labels, *others) if is_field and is_field(list_pictures(each))]
    if discs and fields is None:
        fields = discs[0]
        notes.append(f"{fields.name}/ holds round fields of view and is used as such, not as annotations.")
    drawn = [each for each in labels if each not in discs]
    if not drawn:
        return None
    chosen, *rest = drawn
    second = next((each for each in rest if SECOND.fullmatch(each.name.lower()) and is_field), None)
    if second:
        notes.append(f"{second.name}/ is taken for a second observer's masks.")
    used = (chosen, second, fields)
    if unused := [f"{each.name}/" for each in (*labels, *others) if each not in used and list_pictures(each)]:
        notes.append(f"The masks are those of {chosen.name}/; left out beside them: {name_some(unused)}.")
    return Place(images, chosen, fields, second, tuple(notes))


@dataclass
class _Kinds:
    """Folders of one split that hold images, and those that hold masks, by their names."""

    images: list[Path]
    masks: list[Path]


def _find_kinds(folder: Path, masks: tuple[str, ...], is_field: IsField | None) -> dict[str, _Kinds]:
    found: dict[str, _Kinds] = {}
    for each in list_folders(folder):
        split, kind = _read_name(each.name, masks)
        if kind and (list_pictures(each) or list_others(each)):
            kinds = found.setdefault(split, _Kinds([], []))
            if kind == "images":
                kinds.images.append(each)
            elif not (is_field and is_field(list_pictures(each))):
                kinds.masks.append(each)
    return found


def _read_name(name: str, masks: tuple[str, ...]) -> tuple[str, str]:
    """Return the split that a folder's name says, and ``images`` or ``masks``; each is empty where it says none."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    split_of = {word: split for split, known in SPLIT_WORDS.items() for word in known} | SHORT_SPLITS
    for word in list(words):  # trainannot
        start = next(
            (each for each in split_of if word.startswith(each) and word[len(each) :] in MASK_WORDS | IMAGE_WORDS), ""
        )
        words += [start, word[len(start) :]] if start else []
    splits = {split_of[word] for word in words if word in split_of}
    if len(splits) > 1 or PREDICTED & {*words}:
        return "", ""
    if {*words} & {*MASK_WORDS, *masks}:
        return "".join(splits), "masks"
    is_plain = bool(splits) and all(word in split_of for word in words)
    return "".join(splits), "images" if is_plain or {*words} & IMAGE_WORDS else ""


def says_masks(name: str) -> bool:
    """Say whether a folder's name says that it holds masks.

    >>> says_masks("train_masks"), says_masks("labelsTr"), says_masks("imagesTr"), says_masks("lighthouse")
    (True, True, False, False)
    """
    return _read_name(name, ())[1] == "masks"


def _join(split: str, found: dict[str, _Kinds]) -> Place | None:
    """Return the place of a split's folders of images and of masks, where there is one of each.

    Raises:
        UserError: If there are several.
    """
    kinds = found.get(split)
    if kinds is None or not kinds.images or not kinds.masks:
        return None
    for what, folders in (("images", kinds.images), ("masks", kinds.masks)):
        if len(folders) > 1 and split:
            names = name_some([f"{each.name}/" for each in folders])
            raise UserError(f"Several folders may hold the {what} of {split}: {names}; leave one of them in the set.")
    if len(kinds.images) > 1 or len(kinds.masks) > 1:
        return None
    images, masks = kinds.images[0], kinds.masks[0]
    return Place(images, masks, notes=(f"{masks.name}/ is taken for the masks of {images.name}/.",))


def _find_flat(folder: Path, is_field: IsField | None) -> Place | None:
    """Return a folder, or its folder of images, in which most images have their masks beside them.

    Such as ``a.jpg`` and ``a_segmentation.png``.
    """
    place = find_child(folder, PICTURE_FOLDERS) or folder
    images, masks = Place(place, place).files()
    if not masks or 2 * len(masks) < len(images) or (is_field and is_field(masks)):
        return None
    told = f"{len(masks):,} masks are told by their names: {name_some(masks)}"
    note = f"Images and masks lie in {place.name}/ together; {told}."
    return Place(place, place, notes=(note,))
