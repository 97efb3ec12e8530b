"""Which images show one person or are copies, as names of files and folders tell: no split must part them."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from core.data.dataset import name_some
from core.data.groups.copies import find_copies, stem_of

KERMANY = re.compile(r"(person\d+)_(?:bacteria|virus)_|((?:NORMAL\d*-)?IM-\d+)-\d")
"""Start of the file names of Kermany et al. (2018)."""
PATIENT = re.compile(
    r"(?<![^\W\d_])((?:patient|person|participant|subject|subj|sub|pat|pid|pt|child|volunteer|donor|animal|case)(?:id)?"
    r"[ _-]?[a-z]?\d+|(?<!\w)p(?:id)?[ _-]?\d+)(?!\d)",
    re.IGNORECASE,
)
"""``patient012_a``, ``scan_sub-03_run-1``, ``Case 7 (2)``; a mere ``p`` at the start alone: ``tile_p3`` is a patch."""
_SIDES = "left|right|od|os|l|r"
EYE = re.compile(
    rf"(?P<person>.+?)[\s_-]*(?<![^\W\d_])(?P<side>{_SIDES})(?:[\s_-]*eye)?(?P<after>(?:[\s_-].*)?)", re.IGNORECASE
)
"""``10_left``, ``Image_01L``, ``017OD``; ``Q001_L_2``, the second of that eye; ``10_left_2021``."""
EYE_FIRST = re.compile(rf"(?P<side>{_SIDES})[\s_-]*(?P<person>\d.*)", re.IGNORECASE)
"""``OD_12``, ``OS_12``."""
NUMBERED = re.compile(r"(.*\d)[_-]\d{1,3}")
"""A number of an image after the number of its subject: ``12_3``."""
FEWEST_NUMBERED = 5

Stems = Mapping[str, str]
"""File names without ending, by name."""


@dataclass(frozen=True)
class NameGroups:
    """Groups by name.

    Attributes:
        groups: The person, or the original, by name; the name itself where no other image is told to share it.
        how: Sentences on what told them; empty where every name stands alone.
    """

    groups: Mapping[str, str] = field(default_factory=dict)
    how: str = ""

    @property
    def shared(self) -> dict[str, str]:
        """Groups by name, of the names that share theirs."""
        sizes = Counter(self.groups.values())
        return {name: group for name, group in self.groups.items() if sizes[group] > 1}


def find_patient(stem: str) -> str:
    """Return the patient that a file name tells; empty where it tells none.

    >>> find_patient("person1_bacteria_2"), find_patient("NORMAL2-IM-0007-0001"), find_patient("IM-0429-0001-0002")
    ('person1', 'NORMAL2-IM-0007', 'IM-0429')
    >>> find_patient("patient012_a"), find_patient("scan_sub-03_run-1"), find_patient("cap3"), find_patient("0001")
    ('patient012', 'sub-03', '', '')
    """
    written = _written_patient(stem)
    return written if KERMANY.match(stem) else re.sub(r"[\s_]", "-", written.lower())


def find_name_groups(names: Sequence[str]) -> NameGroups:
    """Find which names are of one person: words such as ``patient12``, both eyes, a folder, or a second number.

    A group that only one file name has is none. Files of one name in several folders are counted anew in each, which
    tells no person. A second number alone (``12_1``, ``12_2``) counts only where all names have one, none occurs twice
    and there are at least 5 subjects: else it is rather a number of a kind. Of copies and augmentations the original's
    name counts, and what shows no person stays with its original.

    Args:
        names: Of images, with or without ending; or paths within the data set, whose first folder is a split or a
            class.

    >>> find_name_groups(["01_left", "01_right", "02_left"]).groups
    {'01_left': '01', '01_right': '01', '02_left': '02_left'}
    >>> find_name_groups(["a/patient3_a.png", "a/Patient-3_b.png", "a/cat.png"]).groups
    {'a/patient3_a.png': 'patient3', 'a/Patient-3_b.png': 'patient3', 'a/cat.png': 'a/cat.png'}
    """
    copies = find_copies(names)
    stems = {name: stem_of(copies.get(name, name)) for name in names}
    told: dict[str, str] = {}
    way_of: dict[str, str] = {}
    for way, tell in _WAYS.items():
        more = tell({name: stem for name, stem in stems.items() if name not in told})
        told |= more
        way_of |= dict.fromkeys(more, way)
    shared = _shared(told or _numbered(stems, copies), stems)
    said = [_say_persons(shared, way_of)] if shared else []
    if copied := {name: copies[name] for name in copies if name not in shared}:
        said.append(_say_copies(copied))
    shared |= copied
    return NameGroups({name: shared.get(name, name) for name in stems}, " ".join(said))


def _say_persons(shared: Mapping[str, str], way_of: Mapping[str, str]) -> str:
    several = len(set(shared.values()))
    used = {way_of.get(name, "a second number") for name in shared}
    ways = " and ".join(way for way in (*_WAYS, "a second number") if way in used)
    return (
        f"Images of one subject stay together, told by {ways} in the names: {several:,} "
        f"{'subject has' if several == 1 else 'subjects have'} several images."
    )


def _say_copies(copied: Mapping[str, str]) -> str:
    originals = len(set(copied.values()))
    changed = [PurePosixPath(name).name for name, base in copied.items() if stem_of(name) != PurePosixPath(base).name]
    return (
        f"By their names {len(changed):,} images are copies or augmentations of {originals:,} "
        f"{'other' if originals == 1 else 'others'} and stay together with {'it' if originals == 1 else 'them'}: "
        f"{name_some(changed)}."
    )


def say_torn(groups_by_split: Mapping[str, Iterable[str]], named: Iterable[str]) -> tuple[str, ...]:
    """Return the sentence about groups that a set's own splits tear apart; none if there are none.

    Args:
        groups_by_split: Groups of each split.
        named: Groups that are more than a name of an image.
    """
    told = set(named)
    splits_of: dict[str, list[str]] = {}
    for split, groups in groups_by_split.items():
        for group in set(groups):
            splits_of.setdefault(group, []).append(split)
    torn = sorted(group for group, splits in splits_of.items() if len(splits) > 1 and group in told)
    if not torn:
        return ()
    places = [split for split in groups_by_split if any(split in splits_of[group] for group in torn)]
    have = "has" if len(torn) == 1 else "have"
    return (
        f"{len(torn):,} of {len(splits_of):,} subjects or originals {have} images in several splits "
        f"({', '.join(places)}), so scores are too good: {name_some(torn)}.",
    )


def _written_patient(stem: str) -> str:
    """Return the patient as the name writes it; empty where it tells none."""
    if published := KERMANY.match(stem):
        return published[1] or published[2]
    named = PATIENT.search(stem)
    return named[1] if named else ""


def _shared(told: Mapping[str, str], stems: Stems) -> dict[str, str]:
    """Return the person by name where several file names have it, in the spelling of the first of them."""
    names_of, spelling = defaultdict[str, set[str]](set), dict[str, str]()
    for name, person in told.items():
        names_of[_plain(person)].add(stems[name])
        spelling.setdefault(_plain(person), person)
    return {name: spelling[_plain(person)] for name, person in told.items() if len(names_of[_plain(person)]) > 1}


def _plain(person: str) -> str:
    """Return a person for comparing: ``Patient_3`` and ``patient3`` are one, ``1-2`` and ``12`` are not."""
    return re.sub(r"(?<=[^\W\d_])[\s_-]+(?=\d)", "", person).casefold()


def _by_word(stems: Stems) -> dict[str, str]:
    return {name: written for name, stem in stems.items() if (written := _written_patient(stem))}


def _by_eye(stems: Stems) -> dict[str, str]:
    """Return the person by name, where the name says which eye or side of one it shows.

    A person is what stands before the side, whatever follows it, such as the number of a visit; where that would make
    one person of all, what follows tells them apart. A name without a number counts where it occurs with both sides:
    ``smith_left`` and ``smith_right``.
    """
    sides = {name: side for name, stem in stems.items() if (side := _side(stem))}
    both = defaultdict[str, set[str]](set)
    for side in sides.values():
        both[_plain(side["person"])].add(side["side"].lower())
    sides = {
        name: side
        for name, side in sides.items()
        if re.search(r"\d$", side["person"]) or side.re is EYE_FIRST or len(both[_plain(side["person"])]) > 1
    }
    found = {name: side["person"] for name, side in sides.items()}
    if len(set(found.values())) < 2:
        found |= {name: side["person"] + side["after"] for name, side in sides.items() if side.re is EYE}
    return found


def _side(stem: str) -> re.Match[str] | None:
    return EYE.fullmatch(stem) or EYE_FIRST.fullmatch(stem)


def _by_folder(stems: Stems) -> dict[str, str]:
    """Return the patient whom the nearest folder tells that tells one."""
    found: dict[str, str] = {}
    for name in stems:
        for folder in PurePosixPath(name).parent.parts[1:]:
            found[name] = find_patient(folder) or found.get(name, "")
    return {name: patient for name, patient in found.items() if patient}


_WAYS: Mapping[str, Callable[[Stems], dict[str, str]]] = {
    "patients": _by_word,
    "left and right eyes": _by_eye,
    "folders": _by_folder,
}
"""What tells a person, the surest first."""


def _numbered(stems: Stems, copies: Mapping[str, str]) -> dict[str, str]:
    found = {name: match[1] for name, stem in stems.items() if (match := NUMBERED.fullmatch(stem))}
    counted_anew = max(Counter(stem for name, stem in stems.items() if name not in copies).values(), default=0) > 1
    if counted_anew or len(found) < len(stems) or len(set(found.values())) < FEWEST_NUMBERED:
        return {}
    return found
