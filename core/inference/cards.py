"""What the card of a checkpoint must say to be used: it may come from anywhere."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

TEXTS = ("title", "caution", "run")
MAPPINGS = ("traits", "facts", "validation", "test", "borrowed")
OPERATING = ("threshold", "sensitivity", "specificity")


def find_wrong(card: Any) -> str:
    """Say what is wrong with a card; empty for one that can be used.

    Args:
        card: What the file holds, whatever that is.
    """
    if not isinstance(card, dict):
        return "it is no table of names and values"
    config = card.get("config")
    if not isinstance(card.get("experiment"), str):
        return "it names no experiment"
    if not isinstance(config, dict) or not isinstance(config.get("arm"), str):
        return "it holds no settings"
    for names, kind, what in ((TEXTS, str, "text"), (MAPPINGS, dict, "table")):
        for name in names:
            if not isinstance(card.get(name, kind()), kind):
                return f"its {name} is no {what}"
    traits = card.get("traits", {})
    wrong = _wrong_traits(traits)
    if wrong or "calibration" not in card:
        return wrong
    return _wrong_calibration(card["calibration"], traits.get("classes", ()))


def _wrong_traits(traits: Mapping[str, Any]) -> str:
    classes = traits.get("classes", [])
    if not isinstance(classes, list) or not all(isinstance(each, str) for each in classes):
        return "its classes are no list of names"
    if len(set(classes)) < len(classes):
        return "two of its classes have the same name"
    for name in ("mean", "deviation"):
        values = traits.get(name, [])
        if not isinstance(values, list) or not all(_is_number(each) for each in values):
            return f"its {name} is no list of numbers"
    if (
        len(traits.get("mean", [])) != len(traits.get("deviation", []))
        or min(traits.get("deviation", []), default=1) <= 0
    ):
        return "its mean and standard deviation do not fit"
    return ""


def _wrong_calibration(said: Any, classes: Sequence[str]) -> str:
    if not isinstance(said, dict) or not _is_number(said.get("temperature")) or said["temperature"] <= 0:
        return "its calibration names no temperature above 0"
    operating = said.get("operating")
    if operating is None:
        return ""
    fits = isinstance(operating, Mapping) and {*operating} == {"positive", *OPERATING, "pictures"}
    if not fits or operating["positive"] not in classes or not isinstance(operating["pictures"], int):
        return "its operating threshold is incomplete"
    if not all(_is_number(operating[name]) and 0 <= operating[name] <= 1 for name in OPERATING):
        return "its operating threshold does not lie between 0 and 1"
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
