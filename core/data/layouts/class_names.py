"""Names of classes: which are the same though they are written differently, and in which splits they occur."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from core.data.layouts.table_columns import as_label
from core.errors import UserError

NEGATIVES = frozenset(
    {"normal", "healthy", "negative", "none", "no", "control", "controls", "no finding", "no findings", "good", "0"}
)  # fmt: skip
"""Classes of pictures on which nothing is to be found; so are those that begin with "no", "non" or "not"."""
WORDS_ORDER = ("train", "all", "val", "test")
"""Whose spelling holds where splits differ."""


def plain_class(name: str) -> str:
    r"""Return a class's name for comparing: letters composed, without capitals, one space for any separators.

    >>> plain_class("Edge_Defect") == plain_class("edge-defect "), plain_class("cafe\u0301") == plain_class("Café")
    (True, True)
    >>> plain_class("1.0")
    '1'
    """
    return as_label(re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFC", name)).strip().casefold())


def positive_class(classes: Sequence[str], wanted: str) -> int | None:
    """Return the place of the class that is looked for; None where no class is.

    The one called as it is wanted; else the one whose name has it in it; else, of two, the one that does not say that
    nothing is found, or the second; else the first of those that do not.

    >>> [positive_class(classes, "pneumonia") for classes in (("NORMAL", "PNEUMONIA"), ("covid", "no pneumonia"))]
    [1, 0]
    >>> positive_class(("COVID", "NORMAL", "Viral Pneumonia"), "pneumonia")
    2
    """
    if not wanted:
        return None
    plain = [plain_class(name) for name in classes]
    if plain_class(wanted) in plain:
        return plain.index(plain_class(wanted))
    found = [place for place, name in enumerate(plain) if not _is_negative(name)]
    called = [place for place in found if plain_class(wanted) in plain[place]]
    if called:
        return called[0]
    return 1 if len(found) == len(classes) == 2 else next(iter(found), len(classes) - 1)


def _is_negative(name: str) -> bool:
    return name in NEGATIVES or name.partition(" ")[0] in {"no", "non", "not", "without"}


def name_classes(
    words_of: Mapping[str, Iterable[str]], wanted: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, int], tuple[str, ...]]:
    """Return the classes in order, the label of each class word, and sentences on spellings.

    Args:
        words_of: Class words by split.
        wanted: Classes in the order of the labels; it holds where every word is one of them, or a position among them.

    Raises:
        UserError: If a word could be one of two classes that training keeps apart.
    """
    known = _positions({word for words in words_of.values() for word in words}, wanted)
    if known is not None:
        classes, labels, notes = tuple(wanted), known, (*_say_merged(known, wanted), *_say_numbers(known, wanted))
    else:
        spelling, notes = unite_spellings(words_of)
        classes = _in_order(set(spelling.values()))
        labels = {word: classes.index(name) for word, name in spelling.items()}
    return classes, labels, notes


def _positions(words: set[str], wanted: Sequence[str]) -> dict[str, int] | None:
    """Return the place of each word among wanted classes; None where one is none of them."""
    positions = {plain_class(name): number for number, name in enumerate(wanted)}
    if words and {plain_class(word) for word in words} <= positions.keys():
        return {word: positions[plain_class(word)] for word in words}
    numbers = {word: int(as_label(word)) for word in words if as_label(word).isdecimal()}
    if wanted and words and len(numbers) == len(words) and max(numbers.values()) < len(wanted):
        return numbers
    return None


def _say_merged(labels: Mapping[str, int], wanted: Sequence[str]) -> tuple[str, ...]:
    words = {label: sorted(word for word, own in labels.items() if own == label) for label in labels.values()}
    return tuple(
        f"{' and '.join(each)} are taken for one class, {wanted[label]}."
        for label, each in sorted(words.items())
        if len(each) > 1
    )


def _say_numbers(labels: Mapping[str, int], wanted: Sequence[str]) -> tuple[str, ...]:
    """Return what labels that are numbers were read as; nothing where they are names."""
    read = {label: word for word, label in labels.items() if plain_class(word) != plain_class(wanted[label])}
    if not read:
        return ()
    return (f"Labels were read as {', '.join(f'{read[label]} = {wanted[label]}' for label in sorted(read))}.",)


def _in_order(names: set[str]) -> tuple[str, ...]:
    """Return classes in order of their names; where all are numbers, in order of these."""
    if all(re.fullmatch(r"-?\d+(\.\d+)?", name) for name in names):
        return tuple(sorted(names, key=lambda name: (float(name), name)))
    return tuple(sorted(names))


def unite_spellings(words_of: Mapping[str, Iterable[str]]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the spelling that holds for each class word, and sentences on those that were united or kept apart.

    Words that differ in capitals, Unicode form or separators are one class, unless one split has both of them.

    Args:
        words_of: Class words by split.

    Raises:
        UserError: If a word could be one of two classes that training keeps apart.
    """
    order = sorted(words_of, key=lambda split: WORDS_ORDER.index(split) if split in WORDS_ORDER else len(WORDS_ORDER))
    holding: dict[str, list[str]] = {}
    spelling: dict[str, str] = {}
    for split in order:
        known = {plain: list(names) for plain, names in holding.items()}
        for word in sorted(set(words_of[split])):
            spelling[word] = _spelling(word, split, known.get(plain_class(word), []), spelling)
            names = holding.setdefault(plain_class(word), [])
            if spelling[word] not in names:
                names.append(spelling[word])
    return spelling, (*_say_united(spelling), *_say_apart(holding))


def say_lone_classes(words_of: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return sentences on classes that training lacks, or that are in training alone though others are tested."""
    sets = {split: set(words) for split, words in words_of.items() if set(words)}
    train = sets.get("train")
    if train is None or len(sets) < 2:
        return ()
    said = []
    for split, words in sets.items():
        if split != "train" and (unknown := sorted(words - train)):
            said.append(
                f"{_several(unknown)} {_are(unknown)} in {split} alone and not in train: a network cannot learn "
                f"{'it' if len(unknown) == 1 else 'them'}, and every such image counts as wrong."
            )
    for split in sets.keys() - {"train"}:
        if absent := sorted(train - sets[split]):
            said.append(f"{_several(absent)} {_are(absent)} in train and not in {split}: {split} does not judge that.")
    return tuple(said)


def _spelling(word: str, split: str, known: Sequence[str], spelling: Mapping[str, str]) -> str:
    composed = unicodedata.normalize("NFC", word).strip() or word
    if word in spelling:
        return spelling[word]
    if composed in known or not known:
        return composed
    if len(known) > 1:
        raise UserError(
            f"The class {word!r} of {split} may be {known[0]!r} or {known[1]!r}, which training keeps apart; give it "
            "one of these names."
        )
    return known[0]


def _say_united(spelling: Mapping[str, str]) -> list[str]:
    others: dict[str, list[str]] = {}
    for word, name in spelling.items():
        if word != name:
            others.setdefault(name, []).append(word)
    return [f"{_several(words)} {_are(words)} taken for the class {name}." for name, words in sorted(others.items())]


def _say_apart(holding: Mapping[str, Sequence[str]]) -> list[str]:
    return [
        f"{' and '.join(names)} differ in spelling alone and are {len(names)} classes, because one split has both."
        for names in holding.values()
        if len(names) > 1
    ]


def say_list(words: Sequence[str]) -> str:
    """Return words as they are listed in a sentence, five at most and the number of the others."""
    shown = [*words[:5], *([f"{len(words) - 5} more"] if len(words) > 5 else [])]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _several(words: Sequence[str]) -> str:
    return f"The {'class' if len(words) == 1 else 'classes'} {say_list(words)}"


def _are(words: Sequence[str]) -> str:
    return "is" if len(words) == 1 else "are"
