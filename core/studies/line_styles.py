"""Which colour stands for which run or side: the same wherever it is drawn, and none twice in a chart."""

from collections.abc import Mapping, Sequence
from itertools import chain, count
from types import MappingProxyType
from zlib import crc32

COLOURS = ("#1295a8", "#e8833a", "#8c6bd8", "#3f9d5b", "#d0578f", "#4a86d4", "#b59a00", "#8a979c")
"""Read well on light and on dark, and apart for the colour-blind."""
DASHES = ("solid", "dash", "dot")
"""What tells lines apart beyond as many as there are colours."""
NOTHING: Mapping[str, int] = MappingProxyType({})


def assign_styles(ids: Sequence[str], kept: Mapping[str, int] = NOTHING) -> dict[str, int]:
    """Return a number for each id, none twice: of a colour, and from the eighth on of a dash as well.

    An id keeps its number as long as no other one in the chart has it; else, and at first, it takes the one that its
    name decides, or the next that is free. So the same ids get the same numbers on every machine and in any order.

    >>> assign_styles(["a", "b"]) == assign_styles(["b", "a"])
    True

    Args:
        ids: What is drawn together.
        kept: Numbers that ids have had before.
    """
    found: dict[str, int] = {}
    for each in ids:
        if each in kept and kept[each] not in found.values():
            found[each] = kept[each]
    for each in sorted(set(ids) - found.keys()):
        own, taken = crc32(each.encode()), set(found.values())
        wanted = chain(((own + step) % len(COLOURS) for step in range(len(COLOURS))), count(len(COLOURS)))
        found[each] = next(number for number in wanted if number not in taken)
    return found


def colour_of(style: int) -> str:
    """Return the colour of a number."""
    return COLOURS[style % len(COLOURS)]


def dash_of(style: int) -> str:
    """Return one of :data:`DASHES` for a number; they begin anew when all are used."""
    return DASHES[style // len(COLOURS) % len(DASHES)]
