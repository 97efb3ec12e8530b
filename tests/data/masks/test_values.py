"""One rule for the masks of a set: what their values mean does not change from image to image."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from core.data.masks.rule import MaskRule
from core.data.masks.values import find_mask_rule, read_set_mask
from tests.data.layouts.masked_sets import Truth, draw_blob, draw_vessels, grey, outline, save
from tests.data.layouts.sentences import assert_names, refuses

TRUTHS = [draw_blob(seed)[1] for seed in range(5)]


def _write(folder: Path, encode: Callable[[Truth], object], *, ending: str = "png", **how: object) -> list[Path]:
    paths = []
    for number, truth in enumerate(TRUTHS):
        path, encoded = folder / f"p{number}.{ending}", encode(truth)
        if isinstance(encoded, Image.Image):
            encoded.save(path, **how)
        else:
            Image.fromarray(np.asarray(encoded)).save(path, **how)
        paths.append(path)
    return paths


def _palette(mask: Truth, *colours: int) -> Image.Image:
    image = Image.fromarray(mask.astype(np.uint8)).convert("P")
    image.putpalette(colours)
    return image


def _soft(mask: Truth) -> NDArray[np.uint8]:
    """Shrunk from four times the size: every outline has shades."""
    large = cv2.GaussianBlur(grey(mask).repeat(4, 0).repeat(4, 1), (9, 9), 0)
    return np.asarray(cv2.resize(large, mask.shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)


TWO_LEVELS: dict[str, tuple[Callable[[Truth], object], str]] = {
    "0 and 255": (grey, "png"),
    "0 and 1": (lambda mask: mask.astype(np.uint8), "png"),
    "1 bit": (lambda mask: mask, "png"),
    "16 bit": (lambda mask: mask.astype(np.uint16) * 65535, "png"),
    "16 bit, 0 and 1": (lambda mask: mask.astype(np.uint16), "png"),
    "floating point": (lambda mask: mask.astype(np.float32), "tif"),
    "1 and 2": (lambda mask: mask.astype(np.uint8) + np.uint8(1), "png"),
    "colours": (lambda mask: np.dstack([grey(mask), np.zeros_like(grey(mask)), np.zeros_like(grey(mask))]), "png"),
    "palette": (lambda mask: _palette(mask, 0, 0, 0, 128, 0, 0), "png"),
    "palette the other way round": (lambda mask: _palette(~mask, 255, 255, 255, 0, 0, 0), "gif"),
    "opaque alpha": (lambda mask: np.dstack([*[grey(mask)] * 3, np.full_like(grey(mask), 255)]), "png"),
}


@pytest.mark.parametrize("kind", TWO_LEVELS)
def test_two_levels_are_a_mask_whatever_they_are(tmp_path: Path, kind: str) -> None:
    paths = _write(tmp_path, *TWO_LEVELS[kind][:1], ending=TWO_LEVELS[kind][1])
    found = find_mask_rule(paths)
    assert found.notes == ()
    for path, truth in zip(paths, TRUTHS, strict=True):
        mask, known = read_set_mask(path, found.rule)
        np.testing.assert_array_equal(mask, truth)
        assert known is None


@pytest.mark.parametrize(("ending", "how"), [("png", {}), ("jpg", {"quality": 50}), ("jpg", {"quality": 95})])
def test_soft_edges_are_no_levels_of_their_own(tmp_path: Path, ending: str, how: dict[str, object]) -> None:
    paths = _write(tmp_path, _soft, ending=ending, **how)
    found = find_mask_rule(paths)
    for path, truth in zip(paths, TRUTHS, strict=True):
        assert (read_set_mask(path, found.rule)[0] ^ truth).mean() < 0.02


@pytest.mark.parametrize("value", [1, 255, 65535])
def test_a_mask_without_foreground_is_background_by_its_set_s_rule(tmp_path: Path, value: int) -> None:
    paths = _write(tmp_path, lambda mask: (mask * value).astype(np.uint16 if value > 255 else np.uint8))
    empty = save(np.zeros(TRUTHS[0].shape, np.uint8), tmp_path / "empty.png")
    found = find_mask_rule([*paths, empty])
    assert not read_set_mask(empty, found.rule)[0].any()


def test_one_level_means_the_same_in_every_mask(tmp_path: Path) -> None:
    """At half of its own maximum, the mask whose brightest is an edge would be read otherwise than the others."""
    paths = _write(tmp_path, _soft)
    faint = save(np.minimum(_soft(TRUTHS[0]), 60), tmp_path / "faint.png")
    assert not read_set_mask(faint, find_mask_rule(paths).rule)[0].any()


@pytest.mark.parametrize("encode", [
    lambda mask: np.where(outline(mask), 255, mask).astype(np.uint8),
    lambda mask: np.where(outline(mask), 255, mask).astype(np.uint16),
    lambda mask: np.dstack([np.where(outline(mask), 255, mask).astype(np.uint8)] * 3),
])  # fmt: skip
def test_255_beside_0_and_1_does_not_count_and_is_said(tmp_path: Path, encode: Callable[[Truth], object]) -> None:
    paths = _write(tmp_path, encode)
    found = find_mask_rule(paths)
    assert_names(found.notes[0], 0, 1, 255, "5 of 5", "p0.png")
    for path, truth in zip(paths, TRUTHS, strict=True):
        mask, known = read_set_mask(path, found.rule)
        assert known is not None
        np.testing.assert_array_equal(known, ~outline(truth))
        np.testing.assert_array_equal(mask, truth & ~outline(truth))


def test_a_few_masks_with_255_are_found_among_many(tmp_path: Path) -> None:
    paths = []
    for number in range(40):
        mask = TRUTHS[number % 5].astype(np.uint8)
        if number == 21:
            mask[0] = 255
        paths.append(save(mask, tmp_path / f"{number:02}.png"))
    found = find_mask_rule(paths)
    assert found.rule.ignored == 255
    assert_names(found.notes[0], 255, "of 40")


def test_the_palette_of_pascal_voc_has_its_thing_and_its_border(tmp_path: Path) -> None:
    colours = [0] * 768
    colours[45:48], colours[765:768] = (192, 128, 128), (224, 224, 192)

    def encode(mask: Truth) -> Image.Image:
        image = Image.fromarray(np.where(outline(mask), 255, mask * 15).astype(np.uint8)).convert("P")
        image.putpalette(colours)
        return image

    paths = _write(tmp_path, encode)
    found = find_mask_rule(paths)
    assert_names(found.notes[0], 15, 255)
    mask, known = read_set_mask(paths[0], found.rule)
    assert known is not None
    np.testing.assert_array_equal(known, ~outline(TRUTHS[0]))
    np.testing.assert_array_equal(mask, TRUTHS[0] & known)


@pytest.mark.parametrize("ending", ["png", "webp", "tif"])
def test_of_cut_outs_alpha_is_the_mask(tmp_path: Path, ending: str) -> None:
    pictures = iter([draw_blob(seed)[0] for seed in range(5)])
    how = {"lossless": True} if ending == "webp" else {}
    paths = _write(tmp_path, lambda mask: np.dstack([next(pictures) // 3, grey(mask)]), ending=ending, **how)
    found = find_mask_rule(paths)
    assert_names(found.notes[0], "5 of 5", f"p0.{ending}")
    for path, truth in zip(paths, TRUTHS, strict=True):
        np.testing.assert_array_equal(read_set_mask(path, found.rule)[0], truth)


def test_black_drawn_on_a_transparent_sheet_is_the_mask(tmp_path: Path) -> None:
    paths = _write(tmp_path, lambda mask: np.dstack([np.zeros((*mask.shape, 3), np.uint8), grey(mask)]))
    np.testing.assert_array_equal(read_set_mask(paths[1], find_mask_rule(paths).rule)[0], TRUTHS[1])


def test_black_and_white_with_a_transparent_rim_is_read_by_its_colours(tmp_path: Path) -> None:
    alpha = np.full(TRUTHS[0].shape, 255, np.uint8)
    alpha[:, -3:] = 0
    paths = _write(tmp_path, lambda mask: np.dstack([*[grey(mask)] * 3, alpha]))
    np.testing.assert_array_equal(read_set_mask(paths[1], find_mask_rule(paths).rule)[0], TRUTHS[1])


def test_a_mask_in_black_and_white_among_cut_outs_is_refused(tmp_path: Path) -> None:
    paths = _write(tmp_path, lambda mask: np.dstack([np.full((*mask.shape, 3), 90, np.uint8), grey(mask)]))
    rule = find_mask_rule(paths).rule
    with refuses("odd.png"):
        read_set_mask(save(grey(TRUTHS[0]), tmp_path / "odd.png"), rule)


def test_dark_vessels_on_light_are_the_foreground_and_it_is_said(tmp_path: Path) -> None:
    truths = [draw_vessels(seed)[1] for seed in range(3)]
    paths = [save(grey(~truth), tmp_path / f"{number}.png") for number, truth in enumerate(truths)]
    found = find_mask_rule(paths, thin=True)
    assert found.rule.inverted
    assert_names(found.notes[0], "3 of 3", "0.png")
    for path, truth in zip(paths, truths, strict=True):
        np.testing.assert_array_equal(read_set_mask(path, found.rule)[0], truth)


@pytest.mark.parametrize("light", [1, 255])
def test_dark_things_on_light_are_the_foreground_where_all_masks_say_so(tmp_path: Path, light: int) -> None:
    paths = _write(tmp_path, lambda mask: (~mask * light).astype(np.uint8))
    found = find_mask_rule(paths)
    assert_names(found.notes[0], "5 of 5")
    for path, truth in zip(paths, TRUTHS, strict=True):
        np.testing.assert_array_equal(read_set_mask(path, found.rule)[0], truth)


def test_things_that_fill_most_of_a_few_images_are_not_turned_round(tmp_path: Path) -> None:
    mask = np.ones((40, 40), bool)
    mask[:, [0, -1]], mask[[0, -1]] = False, False
    paths = [save(grey(mask), tmp_path / f"{number}.png") for number in range(4)]
    assert find_mask_rule(paths) == find_mask_rule(paths, light_is_on=True)


def test_thin_masks_of_both_kinds_are_refused(tmp_path: Path) -> None:
    for number in range(4):
        vessels = draw_vessels(number)[1]
        save(grey(~vessels if number == 2 else vessels), tmp_path / f"{number}.png")
    with refuses("1 of 4", "2.png"):
        find_mask_rule(sorted(tmp_path.iterdir()), thin=True)


def _numbered(
    count: int, kind: type[np.unsignedinteger] = np.uint8, *, first: int = 1, step: int = 1
) -> NDArray[np.uint8]:
    labels = np.zeros((40, 60), kind)
    for number in range(count):
        labels[4 + 12 * (number // 4) :, 4 + 14 * (number % 4) :][:8, :8] = first + step * number
    return labels


@pytest.mark.parametrize(("labels", "told"), [
    (_numbered(2), (0, 1, 2)),
    (_numbered(3, step=40), (0, 1, 41, 81)),
    (_numbered(3, np.uint16, step=400), (0, 1, 401, 801)),
    (_numbered(12, np.uint16), (0, 1, 12)),
    (_numbered(12, step=20), (0, 221)),
])  # fmt: skip
def test_numbers_of_classes_or_things_are_refused_with_their_values(
    tmp_path: Path, labels: NDArray[np.uint8], told: tuple[int, ...]
) -> None:
    paths = [save(np.roll(labels, number, 1), tmp_path / f"cell{number}.png") for number in range(3)]
    with refuses(*told, "3 of 3", "cell0.png", 255):
        find_mask_rule(paths)


def test_numbers_that_meet_only_across_images_are_refused_too(tmp_path: Path) -> None:
    """Each mask has two levels of its own, but together they have three."""
    paths = [
        save((mask * (1 + number % 2)).astype(np.uint8), tmp_path / f"{number}.png")
        for number, mask in enumerate(TRUTHS)
    ]
    with refuses(0, 1, 2):
        find_mask_rule(paths)


def test_lines_of_another_level_are_no_soft_edges(tmp_path: Path) -> None:
    """Arteries 128 and veins 255: thinner than any area."""
    labels = np.zeros((60, 60), np.uint8)
    labels[10::20], labels[:, 5::20] = 128, 255
    with refuses(0, 128, 255):
        find_mask_rule([save(labels, tmp_path / "av.png")], thin=True)


def test_colours_of_classes_are_refused_by_name(tmp_path: Path) -> None:
    labels = np.zeros((40, 60, 3), np.uint8)
    labels[5:15, 5:25], labels[20:35, 30:50] = (255, 0, 0), (0, 0, 255)
    with refuses("(255, 0, 0)", "(0, 0, 255)", "rg.png"):
        find_mask_rule([save(labels, tmp_path / "rg.png")])


def test_thin_lines_of_two_colours_are_refused_too(tmp_path: Path) -> None:
    """Arteries red and veins blue, on so much black that they are next to nothing."""
    for width in (1, 2, 4):
        labels = np.zeros((300, 300, 3), np.uint8)
        labels[100 : 100 + width], labels[:, 200 : 200 + width] = (255, 0, 0), (0, 0, 255)
        with refuses("(255, 0, 0)", "(0, 0, 255)"):
            find_mask_rule([save(labels, tmp_path / f"av{width}.png")], thin=True)


def test_cut_outs_without_alpha_are_refused(tmp_path: Path) -> None:
    paths = []
    for number in range(4):
        pixels, mask = draw_blob(number, 80, 120)
        pixels[mask] = np.random.default_rng(number).integers(40, 200, (int(mask.sum()), 3))
        pixels[~mask] = 0
        paths.append(save(pixels, tmp_path / f"{number}.jpg", quality=95))
    with refuses("0.jpg", "4 of 4"):
        find_mask_rule(paths)


def test_masks_that_mark_nothing_are_refused(tmp_path: Path) -> None:
    paths = [save(np.zeros((20, 20), np.uint8), tmp_path / f"{number}.png") for number in range(3)]
    with refuses("3 of 3", "0.png"):
        find_mask_rule(paths)


def test_foreground_that_only_a_few_of_many_masks_have_is_found(tmp_path: Path) -> None:
    paths = [
        save(grey(TRUTHS[0]) if number == 20 else np.zeros((40, 60), np.uint8), tmp_path / f"{number:02}.png")
        for number in range(40)
    ]
    rule = find_mask_rule(paths).rule
    assert [read_set_mask(path, rule)[0].any() for path in paths].index(True) == 20


@pytest.mark.parametrize(("rule", "value"), [(MaskRule(), 1), (MaskRule("values"), 255), (MaskRule("values"), 2)])
def test_a_mask_of_another_convention_than_its_set_is_refused(tmp_path: Path, rule: MaskRule, value: int) -> None:
    odd = save((TRUTHS[0] * value).astype(np.uint8), tmp_path / "odd.png")
    with refuses("odd.png", value):
        read_set_mask(odd, rule)


def test_a_changed_mask_is_looked_at_again(tmp_path: Path) -> None:
    path = save(grey(TRUTHS[0]), tmp_path / "a.png")
    assert find_mask_rule([path]).rule.source == "brightness"
    save(_numbered(3), path)
    with refuses(0, 1, 2, 3):
        find_mask_rule([path])


def test_no_masks_have_the_plain_rule() -> None:
    assert find_mask_rule([]).rule == MaskRule()


def test_masks_written_in_two_ways_are_refused_and_not_taken_for_pixels_left_open(tmp_path: Path) -> None:
    paths = _write(tmp_path, lambda truth: truth.astype(np.uint8))
    for path in paths[3:]:
        Image.fromarray(255 * np.asarray(Image.open(path))).save(path)
    with refuses(paths[3].name, "255"):
        find_mask_rule(paths)
    Image.fromarray(np.where(np.arange(40)[:, None] < 9, 255, np.eye(40, dtype=np.uint8))).save(paths[4])
    assert find_mask_rule(paths).rule.ignored == 255, "a mask that holds both tells what 255 is"


def test_dark_things_on_light_are_known_by_the_frame_however_large_they_are(tmp_path: Path) -> None:
    paths = []
    for number in range(4):
        large = np.zeros((60, 60), bool)
        large[4 + number : 56, 3:57] = True
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(np.where(large, 0, 255).astype(np.uint8)).save(paths[-1])
    found = find_mask_rule(paths)
    on, _ = read_set_mask(paths[0], found.rule)
    assert on[30, 30]
    assert not on[0, 0]
    assert found.notes


WHITE, BLACK, RED, GREEN = (255, 255, 255), (0, 0, 0), (200, 0, 0), (0, 200, 0)


@pytest.mark.parametrize("thin", [False, True])
@pytest.mark.parametrize(
    ("numbers", "first", "second"),
    [
        ((0, 1), WHITE, BLACK),
        ((0, 1), WHITE, RED),
        ((0, 1), RED, GREEN),
        ((1, 2), GREEN, RED),
        ((0, 7), BLACK, BLACK),
        ((0, 255), WHITE, BLACK),
    ],
)
def test_of_a_palette_s_numbers_the_one_along_the_frame_is_background_however_light(
    tmp_path: Path, numbers: tuple[int, int], first: tuple[int, ...], second: tuple[int, ...], thin: bool
) -> None:
    colours = [90] * 768
    for number, colour in zip(numbers, (first, second), strict=True):
        colours[3 * number : 3 * number + 3] = colour

    def encode(mask: Truth) -> Image.Image:
        image = Image.fromarray(np.where(mask, numbers[1], numbers[0]).astype(np.uint8)).convert("P")
        image.putpalette(colours)
        return image

    paths = _write(tmp_path, encode)
    found = find_mask_rule(paths, thin=thin)
    assert_names(found.notes[0], *numbers, "5 of 5", "p0.png")
    for path, truth in zip(paths, TRUTHS, strict=True):
        np.testing.assert_array_equal(read_set_mask(path, found.rule)[0], truth)


def test_where_neither_number_runs_along_the_frame_the_lower_is_background(tmp_path: Path) -> None:
    halves = np.arange(60) < 30
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for path in paths:
        _palette(np.tile(halves, (40, 1)), *WHITE, *BLACK).save(path)
    found = find_mask_rule(paths)
    assert_names(found.notes[0], 0, 1, "lower number")
    np.testing.assert_array_equal(read_set_mask(paths[0], found.rule)[0][0], halves)


def test_palettes_that_differ_are_read_by_their_colours(tmp_path: Path) -> None:
    paths = _write(tmp_path, lambda mask: _palette(mask, *BLACK, *WHITE))
    _palette(~TRUTHS[1], *WHITE, *BLACK).save(paths[1])
    found = find_mask_rule(paths)
    for path, truth in zip(paths, TRUTHS, strict=True):
        np.testing.assert_array_equal(read_set_mask(path, found.rule)[0], truth)


@pytest.mark.parametrize(("high", "third"), [(255, 128), (255, 60), (200, 90)])
def test_a_third_level_that_only_a_few_of_many_masks_have_is_refused_where_it_is_read(
    tmp_path: Path, high: int, third: int
) -> None:
    truths = [draw_blob(seed)[1] for seed in range(40)]
    paths = [save((truth * high).astype(np.uint8), tmp_path / f"{n:02}.png") for n, truth in enumerate(truths)]
    values = (truths[1] * high).astype(np.uint8)
    values[-16:, -20:] = third
    save(values, paths[1])
    rule = find_mask_rule(paths).rule
    np.testing.assert_array_equal(read_set_mask(paths[0], rule)[0], truths[0])
    with refuses("01.png", third, high):
        read_set_mask(paths[1], rule)
    soft = Image.fromarray((truths[2] * high).astype(np.uint8)).filter(ImageFilter.GaussianBlur(2))
    soft.save(tmp_path / "soft.png")
    assert read_set_mask(tmp_path / "soft.png", rule)[0].any()
