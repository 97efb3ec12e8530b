"""Which images show one person, as their file names tell: they must not be parted by a split."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_SIDES = "left|right|od|os|l|r"
EYE = re.compile(rf"(.*\d)[ _-]?(?:{_SIDES})((?:[ _-].*)?)", re.IGNORECASE)
"""A name that says after a number which eye or side of a person it shows, as ``Image_01L`` and ``10_left`` do."""
EYE_FIRST = re.compile(rf"(?<![a-z])(?:{_SIDES})[ _-]?(\d.*)", re.IGNORECASE)
"""The same before the number, as in ``OD_12``."""
PATIENT = re.compile(
    r"(?<![a-z])((?:patient|person|participant|subject|subj|sub|pat|pid|pt|child|volunteer|donor|animal|case)"
    r"[ _-]?[a-z]?\d+)(?!\d)",
    re.IGNORECASE,
)
"""Words that say which person an image is of, with a number: ``patient12_3``, ``sub-01_run-2``."""
NUMBERED = re.compile(r"(.*\d)[_-]\d{1,3}")
"""A number of an image after the number of its subject: ``12_3``."""
FEWEST_NUMBERED = 5


@dataclass(frozen=True)
class NameGroups:
    """Groups by name.

    Attributes:
        groups: The person by name; the name itself where nothing tells.
        how: A sentence on what told them; empty where every name stands alone.
    """

    groups: Mapping[str, str] = field(default_factory=dict)
    how: str = ""


def find_name_groups(names: Sequence[str]) -> NameGroups:
    """Find which names are of one person: both eyes, words such as ``patient12``, or a second number.

    Groups are what names have in common once the side is taken away, so a lone side makes none. A second number alone
    (``12_1``, ``12_2``) counts only where all names have one and there are at least 5 subjects: else it is rather a
    number of a kind.

    >>> find_name_groups(["01_left", "01_right", "02_left"]).groups
    {'01_left': '01', '01_right': '01', '02_left': '02'}
    >>> find_name_groups(["patient3_a", "patient3_b", "cat"]).groups
    {'patient3_a': 'patient3', 'patient3_b': 'patient3', 'cat': 'cat'}
    """
    unique = list(dict.fromkeys(names))
    patients = {name: re.sub("[ _-]", "", found[1]).lower() for name in unique if (found := PATIENT.search(name))}
    eyes = _people([name for name in unique if name not in patients])
    numbered = {} if patients or eyes else _numbered(unique)
    alone = {name: name for name in unique}
    groups = alone | eyes | patients | numbered
    sizes = Counter(groups.values())
    ways = [
        way
        for way, found in (("patients", patients), ("left and right eyes", eyes), ("a second number", numbered))
        if any(sizes[group] > 1 for group in found.values())
    ]
    if not ways:
        return NameGroups(alone | eyes | patients)
    several = sum(size > 1 for size in sizes.values())
    how = (
        f"Images of one subject stay together, told by {' and '.join(ways)} in the file names: {several:,} "
        f"{'subject has' if several == 1 else 'subjects have'} several images."
    )
    return NameGroups(groups, how)


def say_torn(groups_by_split: Mapping[str, Iterable[str]], named: Iterable[str]) -> tuple[str, ...]:
    """Return the sentence about groups that a set's own splits tear apart; none if there are none.

    Args:
        groups_by_split: Groups of each split.
        named: Groups that are more than a name of an image.
    """
    count = Counter(group for groups in groups_by_split.values() for group in set(groups))
    told = set(named)
    torn = sorted(group for group, splits in count.items() if splits > 1 and group in told)
    if not torn:
        return ()
    shown = ", ".join(torn[:3]) + (f" and {len(torn) - 3:,} more" if len(torn) > 3 else "")
    return (
        f"{len(torn):,} {'subject is' if len(torn) == 1 else 'subjects are'} in several splits, so scores are too "
        f"good: {shown}.",
    )


def _people(names: Sequence[str]) -> dict[str, str]:
    """Return the person by name, where the name says which side of one it shows.

    A person is what stands before the side, whatever follows it, such as the number of a visit; where that would make
    one person of all, what follows tells them apart.
    """
    sides = {name: side for name in names if (side := EYE.fullmatch(name))}
    before = {name: side[1].strip(" _-") for name, side in sides.items()}
    if len(set(before.values())) < 2:
        before = {name: (side[1] + side[2]).strip(" _-") for name, side in sides.items()}
    first = {name: side[1] for name in names if name not in sides and (side := EYE_FIRST.fullmatch(name))}
    return before | first


def _numbered(names: Sequence[str]) -> dict[str, str]:
    found = {name: match[1] for name in names if (match := NUMBERED.fullmatch(name))}
    if len(found) < len(names) or len(set(found.values())) < FEWEST_NUMBERED:
        return {}
    return found
