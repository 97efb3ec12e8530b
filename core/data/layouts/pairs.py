"""Folders of images and of masks that belong together by name, with or without split folders."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.data.dataset import hold_back, name_some, say_left_out
from core.data.groups.image_groups import GroupedImage, find_image_groups
from core.data.layouts.name_matching import SECOND_END, find_key, match_masks, name_images
from core.data.layouts.pair_folders import (
    FIELD_FOLDERS,
    PICTURE_FOLDERS,
    IsField,
    Place,
    find_child,
    find_mask_folders,
    find_places,
)
from core.data.layouts.visible_files import (
    PICTURE_ENDINGS,
    list_deep,
    list_deeper_pictures,
    list_folders,
    list_others,
    list_pictures,
)

__all__ = [
    "FIELD_FOLDERS",
    "PICTURE_ENDINGS",
    "PICTURE_FOLDERS",
    "SPLIT_FOLDERS",
    "FoundPairs",
    "Pair",
    "find_child",
    "find_pairs",
    "list_folders",
    "list_pictures",
    "say_seen",
]

SPLIT_FOLDERS = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test", "testing")}


@dataclass(frozen=True)
class Pair:
    """An image and the masks that belong to it.

    Attributes:
        name: The image's file name without ending.
        image: The image.
        mask: Its mask.
        field: Mask of the part of the image that counts, if any.
        second: A second observer's mask, if any.
        group: What must not be torn apart by a split: a person where names tell, and images of identical content.
    """

    name: str
    image: Path
    mask: Path
    field: Path | None = None
    second: Path | None = None
    group: str = ""


@dataclass(frozen=True)
class FoundPairs:
    """The pairs of a folder.

    Attributes:
        splits: Pairs by split. ``train`` alone where the folder holds a single pair.
        notes: Sentences on how the splits were made, and on what is left out.
    """

    splits: Mapping[str, tuple[Pair, ...]]
    notes: tuple[str, ...] = ()


def find_pairs(folder: Path, masks: tuple[str, ...], *, is_field: IsField | None = None) -> FoundPairs | None:
    """Find pairs in a folder of images beside a folder of masks, or in such folders within split folders.

    Names are matched as :mod:`core.data.layouts.name_matching` has it, endings need not be equal. Folders called
    ``manual…`` are masks, too. Where there is a training split alone, a fifth of it is set aside for testing, with all
    images of a person together.

    Args:
        folder: Holds ``images/`` and a folder of masks, or split folders that do, or one of the other ways of
            :func:`core.data.layouts.pair_folders.find_places`.
        masks: What a folder of masks may be called, in lower case.
        is_field: Says of masks whether they are fields of view, so that their folder is not taken for annotations;
            None where there are none in such sets.

    Returns:
        None where there is no pair.
    """
    found: dict[str, tuple[Pair, ...]] = {}
    notes: list[str] = []
    used: set[Path] = set()
    for split, place, kept in find_places(folder, masks, is_field):
        if not split and found:
            notes += _say_unused(folder, "beside the split folders")
            break
        pairs, said = _pair(kept, is_field) if kept else ((), [])
        used |= ({place} if split else set()) | (kept.folders() if kept else set())
        if pairs:
            found[split or "train"] = pairs
            notes += [f"{split}: {each}" if split else each for each in said]
        elif split:
            notes += _say_unused(place, f"without masks, in {place.name}/")
    notes += _say_other_folders(folder, used)
    if not found:
        return None
    grouped, together = _group(found)
    notes += together
    only = grouped.get("train", ())
    if len({pair.group for pair in only}) < 2 or len(grouped) > 1:
        return FoundPairs(grouped, tuple(notes))
    train, test = hold_back(only, 0.2, group=lambda pair: pair.group)
    notes.append("The folder has no test split of its own: a fifth was set aside for testing.")
    return FoundPairs({"train": train, "test": test}, tuple(notes))


def say_seen(folder: Path, masks: tuple[str, ...], *, is_field: IsField | None = None) -> str:
    """Return what was seen in a folder without pairs, to be added to a refusal; empty where it holds no images."""
    for _, place, kept in find_places(folder, masks, is_field):
        images, labels = find_child(place, PICTURE_FOLDERS), find_mask_folders(place, masks)
        if images and is_field and labels and all(is_field(list_pictures(each)) for each in labels):
            return f" {labels[0].name}/ holds round fields of view and no annotations of what is in {images.name}/."
        if kept and kept.images != kept.masks:
            images, labels = kept.images, [kept.masks]
        if images is None:
            continue
        own, others = list_pictures(images), list_others(images)
        if not own:
            seen = f"{len(others):,} files of kinds that are not read: {name_some(others)}" if others else "no images"
            deeper = list_deeper_pictures(images)
            more = f", but {len(deeper):,} deeper in its folders, which are not searched" if deeper else ""
            return f" {images.name}/ holds {seen}{more}."
        if not labels:
            beside = [f"{each.name}/" for each in list_folders(place) if each != images]
            seen = f", only {name_some(beside)}" if beside else ""
            return f" {images.name}/ holds {len(own):,} images, but there is no folder of masks beside it{seen}."
        drawn = list_pictures(labels[0]) or list_others(labels[0])
        return (
            f" {images.name}/ holds {len(own):,} images ({name_some(own)}) and {labels[0].name}/ {len(drawn):,} files "
            f"({name_some(drawn) if drawn else 'none'}), but no two names belong together."
        )
    loose = list_pictures(folder)
    return f" It holds {len(loose):,} images ({name_some(loose)}) and no masks beside them." if loose else ""


def _say_other_folders(folder: Path, used: Collection[Path]) -> Iterator[str]:
    """Tell of folders with images beside those that are used."""
    for each in list_folders(folder):
        if any(place.is_relative_to(each) for place in used):
            continue
        images = find_child(each, PICTURE_FOLDERS)
        if unused := list_pictures(images) if images else list_deep(each, 1).pictures:
            yield say_left_out(unused, f"in {each.name}/, which is none of the folders used (train, val, test)")


def _say_unused(place: Path, why: str) -> list[str]:
    unused = list_pictures(find_child(place, PICTURE_FOLDERS) or place)
    return [say_left_out(unused, why)] if unused else []


def _pair(found: Place, is_field: IsField | None) -> tuple[tuple[Pair, ...], list[str]]:
    """Return the pairs of one split, and sentences on what is left out."""
    images, drawn = found.files()
    named = _sort_masks(drawn, images, is_field)
    beside = (match_masks(list_pictures(each), images).masks() if each else {} for each in (found.fields, found.second))
    fields, second = (own or other for own, other in zip(beside, (named.fields, named.second), strict=True))
    key, names = find_key(images), name_images(images)
    pairs = tuple(
        Pair(names[image], image, named.masks[stem], fields.get(stem), second.get(stem))
        for image in images
        if (stem := key(image)) in named.masks
    )
    if not pairs:
        return (), []
    notes = [
        *found.notes,
        *named.notes,
        *_say_shared(pairs),
        *_say_missing(images, pairs, [each for each in drawn if each not in named.told]),
    ]
    for folder in dict.fromkeys((found.images, found.masks)):
        notes += _say_strays(folder)
    return pairs, notes


def _say_shared(pairs: Sequence[Pair]) -> Iterator[str]:
    """Tell of images whose names differ in their endings alone, so that one mask is that of all of them."""
    counts = Counter(pair.mask for pair in pairs)
    if shared := [pair.image for pair in pairs if counts[pair.mask] > 1]:
        yield (
            f"{len(shared):,} images share their mask with another of the same name but for its ending: "
            f"{name_some(shared)}. If they show something else, rename them and give them their own."
        )


@dataclass(frozen=True)
class _Sorted:
    """The files of a folder of masks: what each shows of its image, which others are told of, and sentences."""

    masks: Mapping[str, Path]
    fields: Mapping[str, Path]
    second: Mapping[str, Path]
    told: Collection[Path]
    notes: tuple[str, ...]


def _sort_masks(drawn: Sequence[Path], images: Sequence[Path], is_field: IsField | None) -> _Sorted:
    """Tell annotations from fields of view and a second observer's masks that lie among them, by their names' ends."""
    matched = match_masks(drawn, images)
    notes = []
    discs, seconds = list[str](), list[str]()
    if is_field and len(matched.families) > 1:
        discs = [end for end, family in matched.families.items() if is_field(list(family.values()))]
        seconds = [end for end in matched.families if SECOND_END.fullmatch(end) and end not in discs]
    ends = [end for end in matched.families if end not in discs and end not in seconds]
    if not ends:
        ends, discs, seconds = list(matched.families), [], []
    for each, what in ((discs, "round fields of view"), (seconds, "a second observer's masks")):
        if files := list(matched.masks(each).values()):
            notes.append(f"{len(files):,} files among the masks are used as {what}: {name_some(files)}.")
    if matched.strange:
        why = "because what follows the image's name there is no word for masks, so they may be of another image"
        notes.append(say_left_out(matched.strange, why, of=len(drawn), what="mask"))
    fields, second = matched.masks(discs), matched.masks(seconds)
    return _Sorted(
        matched.masks(ends), fields, second, {*matched.strange, *fields.values(), *second.values()}, tuple(notes)
    )


def _say_missing(images: Sequence[Path], pairs: Sequence[Pair], drawn: Sequence[Path]) -> Iterator[str]:
    used, masks = {pair.image for pair in pairs}, {pair.mask for pair in pairs}
    if without := [image for image in images if image not in used]:
        yield say_left_out(without, "without a mask", of=len(images))
    if alone := [mask for mask in drawn if mask not in masks]:
        yield say_left_out(alone, "matching no image by name, or a further one of an image", of=len(drawn), what="mask")


def _say_strays(folder: Path) -> Iterator[str]:
    if others := list_others(folder):
        yield say_left_out(others, f"of a kind that is not read, in {folder.name}/", what="file")
    if deeper := list_deeper_pictures(folder):
        names = [path.relative_to(folder.parent).as_posix() for path in deeper]
        yield say_left_out(names, f"deeper in folders of {folder.name}/")


def _group(splits: Mapping[str, tuple[Pair, ...]]) -> tuple[dict[str, tuple[Pair, ...]], tuple[str, ...]]:
    """Give pairs their groups, and return what is to be said about them."""
    groups, notes = find_image_groups(
        {pair.image: GroupedImage(split, pair.name) for split, each in splits.items() for pair in each}
    )
    return {
        split: tuple(replace(pair, group=groups[pair.image]) for pair in each) for split, each in splits.items()
    }, notes
