"""The patient whom a file's name or folder tells: no split may part the pictures of one."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

KERMANY = re.compile(r"(person\d+)_(?:bacteria|virus)_|((?:NORMAL\d*-)?IM-\d+)-\d")
"""Start of the file names of Kermany et al. (2018)."""
NAMED = re.compile(
    r"(?:^|[\W_])((?:patient|pat|pt|subject|subj|sub|person|participant|volunteer|donor|animal|case|p)(?:id)?"
    r"[ _-]?\d+)", re.IGNORECASE,
)  # fmt: skip
"""``patient012_a``, ``scan_sub-03_run-1``, ``Case 7 (2)``, ``p3_1``."""
EYE = re.compile(
    r"(?P<person>.+?)[\s_-]*(?<![^\W\d_])(?P<side>left|right|od|os|l|r)(?:[\s_-]*eye)?(?:[\s_-]+\d+)?", re.IGNORECASE
)
"""``10_left``, ``10_right``; ``017OD``; ``Q001_L_2``, the second of that eye."""
EYE_FIRST = re.compile(r"(?P<side>left|right|od|os|l|r)[\s_-]*(?P<person>\d.*)", re.IGNORECASE)
"""``OD_12``, ``OS_12``."""


def find_patient(stem: str) -> str:
    """Return the patient that a file name tells; empty where it tells none.

    >>> find_patient("person1_bacteria_2"), find_patient("NORMAL2-IM-0007-0001"), find_patient("IM-0429-0001-0002")
    ('person1', 'NORMAL2-IM-0007', 'IM-0429')
    >>> find_patient("patient012_a"), find_patient("scan_sub-03_run-1"), find_patient("cap3"), find_patient("0001")
    ('patient012', 'sub-03', '', '')
    """
    patient = KERMANY.match(stem)
    if patient:
        return patient[1] or patient[2]
    named = NAMED.search(stem)
    return re.sub(r"[\s_]", "-", named[1].lower()) if named else ""


def find_groups(names: Sequence[str]) -> Mapping[str, str]:
    """Return the patient by picture, for pictures that share theirs with others; empty where no name tells any.

    Args:
        names: Paths within the data set; where a file's name tells nothing, its nearest folders are asked.
    """
    stems = {name: PurePosixPath(name).stem for name in names}
    eyes = _eyes(stems.values())
    found = {name: find_patient(stem) or eyes.get(stem, "") or _by_folder(name) for name, stem in stems.items()}
    members = defaultdict[str, set[str]](set)
    for name, group in found.items():
        members[group].add(stems[name])
    # Files of one name in several class folders are counted anew in each: that tells no patient.
    told = {group for group, each in members.items() if group and len(each) > 1}
    return {name: group for name, group in found.items() if group in told or KERMANY.match(stems[name])}


def _by_folder(name: str) -> str:
    folders = PurePosixPath(name).parent.parts[1:]
    return next((patient for folder in reversed(folders) if (patient := find_patient(folder))), "")


def _eyes(stems: Iterable[str]) -> Mapping[str, str]:
    """Return the person by file name, where at least one name occurs with both eyes."""
    found = {stem: match for stem in set(stems) if (match := EYE.fullmatch(stem) or EYE_FIRST.fullmatch(stem))}
    sides = defaultdict[str, set[str]](set)
    for match in found.values():
        sides[match["person"].casefold()].add(match["side"].lower())
    pairs = Counter(len(each) > 1 for each in sides.values())
    return {stem: match["person"] for stem, match in found.items()} if pairs[True] else {}
