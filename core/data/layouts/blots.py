"""Pictures to learn Western blots from: two templates and a target each, or gel photographs with band masks."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from core.data.dataset import DatasetSpec, hold_back, name_some, say_left_out
from core.data.image_io.headers import read_headers, say_own_ranges, say_pages
from core.data.image_io.reader import DATASET_LIMITS, read_picture
from core.data.layouts.name_matching import find_key
from core.data.layouts.pairs import PICTURE_FOLDERS, find_child
from core.data.layouts.split_folders import split_folders
from core.data.layouts.visible_files import list_folders, list_others, list_pictures, say_elsewhere
from core.data.masks.files import MaskedFile, check_masked_files
from core.data.masks.rule import MaskRule
from core.data.masks.values import find_mask_rule, read_set_mask
from core.data.torch_datasets.gel_crops import GelCrop, Grey, cut_crop, find_crops
from core.data.transforms.arrays import FloatImage, Mask, resize
from core.errors import UserError

BLOT_SIDE = 64
TEST_FRACTION = 0.1
FEWEST_GELS = 5
SIZES_LOOKED_AT = 50
TRIPLE_FOLDERS = (("template1", "template_1"), ("template2", "template_2"), ("target", "targets"))
GEL_FOLDERS = ((*PICTURE_FOLDERS, "gels"), ("masks", "mask", "labels", "bands"))


@dataclass(frozen=True)
class BlotItem:
    """One blot with its two templates, still on disk.

    Attributes:
        name: The target's file name without ending, followed by the place for a crop of a gel.
        group: The gel, where the file name tells; else the name.
        target: The blot, or the gel photograph that a crop is cut from.
        templates: The lane layout and the band places; for a crop the band mask alone, from which both are drawn.
        crop: Where the crop lies in its gel; None for a blot that is a file of its own.
        rule: What the values of the set's band masks mean; None takes each mask alone.
        orientation: EXIF orientation of the gel, where the mask was drawn on its stored pixels: it is undone on the
            mask, too.
    """

    name: str
    group: str
    target: Path
    templates: tuple[Path, ...]
    crop: GelCrop | None = None
    rule: MaskRule | None = None
    orientation: int = 1

    def files(self) -> Iterator[Path]:
        """Yield every file of the item; crops of one gel share theirs."""
        yield from (self.target, *self.templates)


BlotSet = DatasetSpec[BlotItem]


def open_blots(folder: Path) -> BlotSet:
    """Recognise a data set of blots: ``template1/ template2/ target/``, or gel ``images/`` with band ``masks/``.

    Either may lie in ``train/``, ``val/`` and ``test/``. Without a ``test/`` a tenth is set aside, by gel where names
    tell it. For gels all pictures are opened once, to find where the bands are.

    Raises:
        UserError: If the folder is missing, is neither layout or has no complete blot.
    """
    if not folder.is_dir():
        raise UserError(
            f"There is no folder {folder}; give one that holds template1/, template2/ and target/ with equal file "
            "names, or gel images/ with band masks/."
        )
    for layout, names, find in (("templates", TRIPLE_FOLDERS, _find_triples), ("gels", GEL_FOLDERS, _find_gel_crops)):
        places = _split_places(folder, names)
        found = {split: find(each) for split, each in places.items()}
        if found:
            read = [place for each in places.values() for place in each]
            splits = {split: items for split, (items, _) in found.items()}
            notes = [
                f"{split}: {note}" if len(found) > 1 else note for split, (_, said) in found.items() for note in said
            ]
            notes += [*_say_files(read), *say_elsewhere(folder, read)]
            return _divided(folder, layout, splits, notes)
    raise UserError(
        f"{folder} is none of the known layouts; give template1/, template2/ and target/ with equal file names, or gel "
        "images/ and band masks/ with equal names."
    )


def load_blot(item: BlotItem) -> tuple[FloatImage, FloatImage]:
    """Open a blot: templates ``(2, 64, 64)`` and target ``(1, 64, 64)``, both grey, −1 black to 1 white.

    Raises:
        UserError: If a file cannot be read.
    """
    return next(load_blots([item]))


def load_blots(items: Sequence[BlotItem]) -> Iterator[tuple[FloatImage, FloatImage]]:
    """Yield :func:`load_blot` of each item; a gel is opened once for all its crops that follow each other."""
    for _, run in itertools.groupby(items, key=lambda item: (item.target, item.templates)):
        together = list(run)
        if together[0].crop is None:
            yield from (_load_triple(item) for item in together)
            continue
        first = together[0]
        gel, mask = _read_gel(first.target, first.templates[0], first.rule, first.orientation)
        yield from (cut_crop(gel, mask, item.crop, BLOT_SIDE) for item in together if item.crop)


def _load_triple(item: BlotItem) -> tuple[FloatImage, FloatImage]:
    greys = [resize(_read_grey(path), (BLOT_SIDE, BLOT_SIDE)) for path in (*item.templates, item.target)]
    scaled = np.stack(greys).astype(np.float32) / np.float32(127.5) - 1
    return scaled[:2], scaled[2:]


def _divided(folder: Path, layout: str, splits: dict[str, tuple[BlotItem, ...]], notes: list[str]) -> BlotSet:
    """Return the set with a test split: its own, or a tenth of what there is."""
    if not splits.get("train"):
        raise UserError(f"{folder} has no complete blot to train on; {' '.join(notes) or 'add some.'}")
    if len(splits) == 1 and len({item.group for item in splits["train"]}) > 1:
        splits["train"], splits["test"] = hold_back(splits["train"], TEST_FRACTION, group=lambda item: item.group)
        by_gel = len({item.group for item in splits["test"]}) < len(splits["test"])
        notes.append(
            f"The folder has no test split of its own: a tenth of the {'gels' if by_gel else 'blots'} was set aside."
        )
    return BlotSet(folder.name, layout, folder, splits, tuple(notes))


def _find_triples(places: tuple[Path, ...]) -> tuple[tuple[BlotItem, ...], list[str]]:
    """Return the blots whose three pictures are there, and what is to be said about the rest and about sizes."""
    (first, second, targets), notes = _by_name(places)
    whole = sorted(first.keys() & second.keys() & targets.keys())
    groups = _groups([targets[name].stem for name in whole])
    items = tuple(
        BlotItem(stem := targets[name].stem, groups[stem], targets[name], (first[name], second[name])) for name in whole
    )
    stems = {name: path.stem for each in (first, second, targets) for name, path in each.items()}
    if missing := sorted(stems[name] for name in stems.keys() - set(whole)):
        notes.append(
            f"Left out, for not being in all of template1, template2 and target: {len(missing):,} of the names "
            f"({name_some(missing)})."
        )
    looked_at = items[:: max(1, -(-len(items) // SIZES_LOOKED_AT))]
    sizes = {item.name: _read_grey(item.target).shape for item in looked_at}
    odd = next((name for name, size in sizes.items() if size != (BLOT_SIDE, BLOT_SIDE)), None)
    if odd is not None:
        height, width = sizes[odd]
        notes.append(f"Pictures are resized to {BLOT_SIDE}×{BLOT_SIDE}; {odd} is {width}×{height}.")
    return items, notes


def _find_gel_crops(places: tuple[Path, ...]) -> tuple[tuple[BlotItem, ...], list[str]]:
    """Return the crops of all gels that have a mask, and what is to be said about them."""
    (images, masks), notes = _by_name(places)
    both = [(images[name], masks[name]) for name in sorted(images.keys() & masks.keys())]
    rule, said = _find_band_rule([mask for _, mask in both])
    checked = check_masked_files((MaskedFile(image, mask) for image, mask in both), any_size=True)
    items = []
    for image, mask in both:
        turn = checked.turned.get(mask, 1)
        for crop in find_crops(*_read_gel(image, mask, rule, turn)):
            name = f"{image.stem}_{crop.top}_{crop.left}"
            items.append(BlotItem(name, image.stem, image, (mask,), crop, rule, turn))
    gels = len({item.group for item in items})
    if items:
        notes += [
            f"{len(items)} crops of {gels} gels, each about four lanes wide, split by gel, bands dark on light.",
            "Weak bands are often missing from such masks, so a part of what the crops show is in neither template.",
        ]
    if without := sorted({image.stem for image in images.values()} - {item.group for item in items}):
        notes.append(
            f"Left out, for having no mask or no part with two marked bands: {len(without):,} of the gels "
            f"({name_some(without)})."
        )
    if alone := sorted(masks[name] for name in masks.keys() - images.keys()):
        notes.append(say_left_out(alone, "belonging to no gel by name", what="mask"))
    return tuple(items), [*notes, *said, *checked.notes]


def _find_band_rule(masks: Sequence[Path]) -> tuple[MaskRule | None, tuple[str, ...]]:
    """Return what the values of band masks mean.

    Raises:
        UserError: As :func:`core.data.masks.values.find_mask_rule`, and for pixels that do not count, which nothing
            could leave out of a blot.
    """
    if not any(read_set_mask(mask, None)[0].any() for mask in masks):
        return None, ()  # no band is marked, which is told of each gel
    found = find_mask_rule(masks, thin=True)
    if found.rule.ignored is not None:
        raise UserError("The band masks hold 0, 1 and 255; only two levels are allowed here: write 0 and 255.")
    return found.rule, found.notes


def _read_gel(image: Path, mask: Path, rule: MaskRule | None, orientation: int) -> tuple[Grey, Mask]:
    """Read a gel and its band mask, which is brought to the gel's size."""
    gel, (bands, _) = _read_grey(image), read_set_mask(mask, rule, orientation=orientation)
    if bands.shape != gel.shape:
        size = (gel.shape[1], gel.shape[0])
        bands = cv2.resize(bands.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(np.bool_)
    return gel, bands


def _read_grey(path: Path) -> Grey:
    return np.asarray(cv2.cvtColor(read_picture(path, limits=DATASET_LIMITS).pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def _groups(stems: Sequence[str]) -> dict[str, str]:
    """Return the gel of each name: what stands before its last underscore, or before its last number.

    Fewer than five such beginnings are taken for kinds of blots rather than gels, and each blot stands alone.
    """
    beginnings = {stem: stem.rpartition("_")[0] or re.sub(r"\d+$", "", stem) for stem in stems}
    told = len(set(beginnings.values())) >= FEWEST_GELS and all(beginnings.values())
    return beginnings if told else {stem: stem for stem in stems}


def _say_files(places: Sequence[Path]) -> list[str]:
    """Return sentences on files that are not read, and on pages of which the first alone is."""
    images = [path for place in places for path in list_pictures(place)]
    others = [path for place in places for path in list_others(place)]
    said = [say_left_out(others, "of a kind that is not read", what="file")] if others else []
    return [*said, *say_pages(read_headers(images), images), *say_own_ranges(images)]


def _split_places(folder: Path, names: tuple[tuple[str, ...], ...]) -> dict[str, tuple[Path, ...]]:
    """Return the folders of each split; those of the folder itself are for training."""
    splits = {}
    for split, roots in split_folders(list_folders(folder)).items():
        if places := _all_children(roots[0], names):
            splits[split] = places
    own = _all_children(folder, names)
    return splits or ({"train": own} if own else {})


def _all_children(folder: Path, names: tuple[tuple[str, ...], ...]) -> tuple[Path, ...] | None:
    places = [find_child(folder, each) for each in names]
    return tuple(place for place in places if place) if all(places) else None


def _by_name(places: Sequence[Path]) -> tuple[list[dict[str, Path]], list[str]]:
    """Return each folder's images by what their names are compared by, and sentences on those of equal names."""
    listed = [list_pictures(place) for place in places]
    key = find_key(*listed)
    named: list[dict[str, Path]] = []
    for paths in listed:
        own: dict[str, Path] = {}
        for path in paths:
            own.setdefault(key(path), path)
        named.append(own)
    twice = [path for paths, own in zip(listed, named, strict=True) for path in paths if path != own[key(path)]]
    return named, [say_left_out(twice, "having the name of another image but for its ending")] if twice else []
