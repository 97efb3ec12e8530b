"""What the values of a set's masks mean, told from several of them together, so that it is the same for all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from core.data.dataset import name_some
from core.data.image_io.reader import read_samples, upright
from core.data.masks.levels import FEW, count_brightness, find_colours, find_further_levels, look_like_photographs
from core.data.masks.rule import SOLID, MaskRule, Samples
from core.data.masks.samples import LOOKED_AT, MASK_LIMITS, LookedAt, Signature, look_at, say_values, sign
from core.data.masks.trimaps import UNSURE, frame_of
from core.data.transforms.arrays import Mask
from core.errors import UserError

AT_MOST = 200
"""Of large sets so many more are where the first are empty, or to find pixels that do not count."""
IGNORED = 255
FEWEST_THINGS = 3
"""From so many masks on, light ones that all fill their frames are taken for backgrounds of dark things."""
LIGHT_FRAME = 0.9
"""Part of the outermost pixels that is light in all masks of dark things, however large these are."""
LEAST_CONTRAST = 25
"""Of 255, by which the brightest channels of two colours must differ for one of them to be the brighter."""
REMEDY = (
    "a mask has two levels, 0 for the background and 1 or 255 for the foreground, and 255 beside 0 and 1 for pixels "
    "that do not count; if these are numbers of classes or of things, write what is to be found as 255 and all else "
    "as 0"
)


@dataclass(frozen=True)
class FoundRule:
    """What the values mean, and sentences on it where that is not plain."""

    rule: MaskRule = field(default_factory=MaskRule)
    notes: tuple[str, ...] = ()


def find_mask_rule(paths: Sequence[Path], *, thin: bool = False, light_is_on: bool = False) -> FoundRule:
    """Find what the values of a set's masks mean.

    Two levels are a mask, whatever they are and however soft their edges: 0 and 255, 0 and 1, two colours. 255 beside 0
    and 1 is what does not count. Of cut-outs the alpha channel is the mask. What is more than half light in all masks
    is the background of something dark. Anything else, such as numbers of classes, is refused.

    Args:
        paths: All masks of the set; none gives the plain rule.
        thin: Whether what is meant never fills half of an image, as vessels and bands do not.
        light_is_on: Whether what is light is always meant, as a field of view is.

    Raises:
        UserError: If a mask cannot be read, all are empty, or they have more than two levels.
    """
    if not paths:
        return FoundRule()
    return _find_remembered(sign(paths), thin, light_is_on)


def read_set_mask(path: Path, rule: MaskRule | None, *, orientation: int = 1) -> tuple[Mask, Mask | None]:
    """Read a mask by its set's rule.

    Args:
        path: The file.
        rule: None takes half the brightness of this mask alone.
        orientation: EXIF orientation of its image, where the mask was drawn on the stored pixels: it is undone too.

    Returns:
        Where it is on, and where it says anything at all, None if everywhere: ``(H, W)`` each.

    Raises:
        UserError: If it cannot be read, or its values are not those of its set.
    """
    samples = read_samples(path, limits=MASK_LIMITS)
    if rule is None:
        bright = samples.brightness()
        return upright(np.asarray(bright > bright.max() / 2), orientation), None
    on, known = rule.read(samples, path.name)
    return upright(on, orientation), None if known is None else upright(known, orientation)


@lru_cache(maxsize=64)
def _find_remembered(signature: Signature, thin: bool, light_is_on: bool) -> FoundRule:
    paths = [path for path, _, _ in signature]
    looked = look_at(paths)
    if _all_black(looked):
        looked = _look_further(paths, lambda more: not _all_black(more)) or looked
    found = decide(looked)
    if found.rule == MaskRule("values") and (more := _look_further(paths, _holds_ignored)):
        found = decide(more)
    return found if light_is_on else _invert(found, looked, thin=thin)


def _look_further(paths: Sequence[Path], wanted: Callable[[LookedAt], bool]) -> LookedAt | None:
    """Return some further masks of which one is as wanted; None if none is found."""
    if len(paths) <= LOOKED_AT:
        return None
    some = [paths[number] for number in np.unique(np.linspace(0, len(paths) - 1, AT_MOST).round().astype(int))]
    for start in range(0, len(some), LOOKED_AT):  # a few at a time, because masks may be large
        looked = replace(look_at(some[start : start + LOOKED_AT]), of=len(paths))
        if wanted(looked):
            return looked
    return None


def _holds_ignored(looked: LookedAt) -> bool:
    return any(bool((each.brightness() == IGNORED).any()) for each in looked.masks)


def decide(looked: LookedAt) -> FoundRule:
    """Return what the values of masks mean, light being on.

    Raises:
        UserError: As :func:`find_mask_rule`.
    """
    if _all_black(looked):
        raise UserError(
            f"Nothing is marked: {looked.say()}, and all hold 0 alone; give masks with 0 for the background and 255 "
            "for the foreground."
        )
    ways: tuple[Callable[[LookedAt], FoundRule | None], ...] = (
        _by_alpha,
        _by_border_number,
        _by_two_numbers,
        _by_colours,
        _by_greys,
    )
    return next(found for way in ways if (found := way(looked)) is not None)


def _all_black(looked: LookedAt) -> bool:
    return all(
        each.alpha is None and not each.brightness().any() and len(np.unique(each.numbers())) == 1
        for each in looked.masks
    )


def _by_alpha(looked: LookedAt) -> FoundRule | None:
    """Of cut-outs, and of drawings on a transparent sheet, the alpha channel is the mask."""
    varied = [each for each in looked.masks if each.alpha is not None and _has_both(each.alpha >= SOLID)]
    if not varied or all(each.is_drawn() for each in varied):
        return None
    tally = count_brightness([Samples(each.opacity()) for each in looked.masks])
    if further := find_further_levels(tally):
        raise UserError(_refuse_values(looked, [0, *further, 255], "opacities"))
    return FoundRule(
        MaskRule("alpha", cut=SOLID - 0.5),
        (
            "Its masks are transparent in part: what is opaque is the foreground, whatever its colour "
            f"({looked.say()}).",
        ),
    )


def _by_border_number(looked: LookedAt) -> FoundRule | None:
    """Of palettes whose number 255 is a border that does not count, as PASCAL VOC has it, the numbers are meant."""
    if any(each.palette is None for each in looked.masks):
        return None
    used = sorted({int(number) for each in looked.masks for number in np.unique(each.values)})
    things = [number for number in used if number not in (0, IGNORED)]
    if len(things) != 1 or IGNORED not in used:
        return None
    palette = looked.masks[0].palette
    assert palette is not None
    if things[0] != 1 and (palette[things[0]] == things[0]).all():
        return None  # the palette is that of greys
    return FoundRule(MaskRule("palette", foreground=things[0], ignored=IGNORED), (_say_ignored(looked, things[0]),))


def _by_two_numbers(looked: LookedAt) -> FoundRule | None:
    """Of a palette's two numbers the lower is the background by custom, though its colour may be the lighter one.

    Where colours and numbers say the same, or palettes differ, colours are asked as always. Else what runs along the
    frame is the background; where the colours cannot be told apart by brightness, the numbers are read.
    """
    palettes = [each.palette for each in looked.masks if each.palette is not None and each.alpha is None]
    used = sorted({int(number) for each in looked.masks for number in np.unique(each.numbers())})
    if len(palettes) < len(looked.masks) or len(used) != 2:
        return None
    if any((each[used] != palettes[0][used]).any() for each in palettes):
        return None
    low, high = (int(palettes[0][number].max()) for number in used)
    if high - low >= LEAST_CONTRAST:
        return None
    share = float(np.median([(frame_of(each.numbers()) == used[0]).mean() for each in looked.masks]))
    ground, meant = used if share >= UNSURE else reversed(used)
    if meant == used[0] and low - high >= LEAST_CONTRAST:
        return None
    how = "runs along the frame" if share >= 1 - UNSURE or share < UNSURE else "is the lower number"
    said = (
        f"Its masks have a palette in which {used[0]} is no darker than {used[1]}: {ground} {how} and is the "
        f"background, {meant} the foreground ({looked.say()})."
    )
    if low - high < LEAST_CONTRAST:
        return FoundRule(MaskRule("palette", foreground=meant, background=ground), (said,))
    return FoundRule(MaskRule(cut=(low + high) / 2, levels=(high, low), inverted=True), (said,))


def _by_colours(looked: LookedAt) -> FoundRule | None:
    """Of colours there may be two, of which the brighter is meant."""
    if all(each.colours().ndim == 2 for each in looked.masks):
        return None
    colours = find_colours(looked.masks)
    if len(colours) < 2:
        return None  # lines too thin to be areas
    levels = sorted(max(colour) for colour in colours)
    if len(colours) > 2 or levels[1] - levels[0] < LEAST_CONTRAST:
        said = ", ".join(f"({red}, {green}, {blue})" for red, green, blue in sorted(colours)[:8])
        raise UserError(f"The masks hold the colours {said} ({looked.say()}): {REMEDY}.")
    return FoundRule(MaskRule(cut=sum(levels) / 2, levels=(levels[0], levels[1])))


def _by_greys(looked: LookedAt) -> FoundRule:
    tally = count_brightness(looked.masks)
    values = tally.values
    if set(values) <= {0, 1, IGNORED} and 1 in values and not tally.lossy:
        if IGNORED not in values:
            return FoundRule(MaskRule("values"))
        _refuse_two_ways(looked)
        return FoundRule(MaskRule("values", ignored=IGNORED), (_say_ignored(looked, 1),))
    if further := find_further_levels(tally):
        held = [values[0], *further, values[-1]] if tally.lossy else values
        raise UserError(_refuse_values(looked, held, "values"))
    low, high = (values[0], values[-1]) if len(values) > 1 else (0, values[0])
    if (tally.lossy or len(values) > FEW) and look_like_photographs(looked.masks, low, high):
        raise UserError(f"The masks hold many shades or hues, as photographs do ({looked.say()}): {REMEDY}.")
    return FoundRule(MaskRule(cut=(low + high) / 2, levels=(low, high)))


def _refuse_two_ways(looked: LookedAt) -> None:
    """Refuse masks of which some hold 0 and 1, others 0 and 255, none all three: 255 is then no pixel left open."""
    held = [set(np.unique(each.brightness()).tolist()) for each in looked.masks]
    if any({1, IGNORED} <= values for values in held):
        return
    large = [name for name, values in zip(looked.names, held, strict=True) if IGNORED in values]
    raise UserError(
        f"Some masks hold 0 and 1, others 0 and 255 ({looked.say()}), so it is not plain what 255 means; write all of "
        f"them alike. With 255: {name_some(large)}."
    )


def _say_ignored(looked: LookedAt, foreground: int) -> str:
    return (
        f"In its masks 0 is background and {foreground} foreground, and {IGNORED} does not count: these pixels are "
        f"left out of the loss and of scores ({looked.say()})."
    )


def _refuse_values(looked: LookedAt, values: Sequence[float], what: str) -> str:
    return f"The masks hold the {what} {say_values(values)} ({looked.say()}): {REMEDY}."


def _invert(found: FoundRule, looked: LookedAt, *, thin: bool) -> FoundRule:
    """Return the rule the other way round where all masks are more than half light, or have a light frame."""
    if found.rule.source in {"alpha", "palette"} or found.rule.inverted:
        return found  # what is meant is decided already
    read = [found.rule.read(each, name) for each, name in zip(looked.masks, looked.names, strict=True)]
    shares = [float(on[known].mean()) for on, known in read if known is None or known.any()]
    frames = [_frame_share(on) for on, _ in read]
    framed = not thin and len(shares) >= FEWEST_THINGS and min(frames) >= LIGHT_FRAME
    if not shares or min(shares) == 1 or (min(shares) <= 0.5 and not framed):
        if thin:
            _refuse_both_ways(looked, shares)
        return found
    if not thin and (len(shares) < FEWEST_THINGS or min(frames) < 0.6):
        return found
    rule = found.rule
    turned = (
        replace(rule, foreground=rule.background, background=rule.foreground)
        if rule.source == "values"
        else replace(rule, inverted=True)
    )
    said = (
        f"Its masks are dark on light: {looked.say()}, and {min(shares):.0%} to {max(shares):.0%} of each is light, so "
        "what is dark is taken for the foreground."
    )
    return FoundRule(turned, (*found.notes, said))


def _refuse_both_ways(looked: LookedAt, shares: Sequence[float]) -> None:
    """Refuse masks of which some are light on dark and others dark on light."""
    light = [name for name, share in zip(looked.names, shares, strict=False) if 0.5 < share < 1]
    if light:
        raise UserError(
            f"{len(light):,} of {len(shares):,} masks that were looked at are light in more than half of their pixels, "
            f"the others are not: {name_some(light)}. Make all of them light on dark."
        )


def _frame_share(on: Mask) -> float:
    """Return the share of an image's outermost pixels that is on."""
    return float(frame_of(on).mean())


def _has_both(mask: Mask) -> bool:
    return bool(mask.any() and not mask.all())
