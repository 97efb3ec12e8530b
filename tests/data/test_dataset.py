import doctest
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.data import dataset
from core.data.dataset import DatasetSpec, hold_back, say_left_out
from core.data.loaders import EpochSampler, build_training_loader
from core.data.masks import samples
from tests.data.layouts.sentences import assert_names, refuses


@dataclass(frozen=True)
class _Item:
    name: str
    group: str
    path: Path

    def files(self) -> Iterator[Path]:
        yield self.path


@pytest.fixture
def spec(tmp_path: Path) -> DatasetSpec[_Item]:
    items = []
    for name in "abcd":
        (tmp_path / name).write_text(f"pixels of {name}")
        items.append(_Item(name, name, tmp_path / name))
    return DatasetSpec("Toy", "toy", tmp_path, {"train": tuple(items[:3]), "test": tuple(items[3:])})


def _eyes(people: int) -> list[tuple[int, str]]:
    return [(person, eye) for person in range(people) for eye in "LR"]


def _held(items: list[tuple[int, str]], fraction: float) -> tuple[tuple[tuple[int, str], ...], ...]:
    return hold_back(items, fraction, group=lambda item: item[0])


@pytest.mark.parametrize("people", [2, 3, 5, 14, 50])
@pytest.mark.parametrize("fraction", [0.001, 0.1, 0.2, 0.5, 0.99, 1.0])
def test_holding_back_tears_no_group_apart_and_leaves_both_parts_something(people: int, fraction: float) -> None:
    kept, held = _held(_eyes(people), fraction)
    assert kept
    assert held
    assert not {person for person, _ in kept} & {person for person, _ in held}
    assert sorted(kept + held) == _eyes(people)
    assert list(kept) == sorted(kept)
    assert list(held) == sorted(held)
    assert len(held) / 2 == min(max(1, round(fraction * people)), people - 1)


def test_holding_back_depends_on_the_groups_alone() -> None:
    state = random.getstate()
    shuffled = _eyes(20)
    random.Random(1).shuffle(shuffled)
    first, again = _held(_eyes(20), 0.2), _held(shuffled, 0.2)
    assert set(first[1]) == set(again[1])
    assert random.getstate() == state


def test_holding_back_nothing_keeps_everything() -> None:
    assert _held(_eyes(1), 0.0) == (tuple(_eyes(1)), ())


def test_a_single_group_cannot_be_divided() -> None:
    with refuses(1, 2, "validation"):
        _held(_eyes(1), 0.1)


def test_a_missing_split_is_refused_with_the_splits_there_are(spec: DatasetSpec[_Item]) -> None:
    assert [item.name for item in spec.items("train")] == ["a", "b", "c"]
    with refuses("Toy", "'val'", "train (3)", "test (1)"):
        spec.items("val")


def test_the_fingerprint_changes_with_content_name_and_split_and_with_nothing_else(spec: DatasetSpec[_Item]) -> None:
    before = spec.fingerprint()
    assert len(before) == 16
    assert before == DatasetSpec("Other title", "toy", spec.folder, dict(reversed(spec.splits.items()))).fingerprint()
    moved = {"train": spec.splits["train"][:2], "test": spec.splits["train"][2:] + spec.splits["test"]}
    assert DatasetSpec("Toy", "toy", spec.folder, moved).fingerprint() != before
    (spec.folder / "a").write_text("other pixels")
    changed = spec.fingerprint()
    assert changed != before
    (spec.folder / "a").rename(spec.folder / "z")
    renamed = (_Item("a", "a", spec.folder / "z"), *spec.splits["train"][1:])
    assert DatasetSpec("Toy", "toy", spec.folder, {**spec.splits, "train": renamed}).fingerprint() != changed


def test_the_fingerprint_does_not_depend_on_where_the_folder_lies(spec: DatasetSpec[_Item], tmp_path: Path) -> None:
    before = spec.fingerprint()
    moved = tmp_path.with_name("elsewhere")
    tmp_path.rename(moved)
    splits = {
        name: tuple(_Item(item.name, item.group, moved / item.name) for item in items)
        for name, items in spec.splits.items()
    }
    assert DatasetSpec("Toy", "toy", moved, splits).fingerprint() == before


def test_an_epoch_visits_every_index_once_in_an_order_of_its_own() -> None:
    sampler = EpochSampler(50, seed=4)
    first = list(sampler)
    sampler.epoch = 1
    second = list(sampler)
    assert sorted(first) == [(0, index) for index in range(50)]
    assert sorted(second) == [(1, index) for index in range(50)]
    assert [index for _, index in first] != [index for _, index in second]
    sampler.epoch = 0
    assert list(sampler) == first == list(EpochSampler(50, seed=4))
    assert first != list(EpochSampler(50, seed=5))


@pytest.mark.parametrize(("length", "batch", "steps"), [(10, 4, 2), (8, 4, 2), (3, 8, 1), (1, 1, 1)])
def test_a_small_last_batch_is_dropped_unless_it_is_the_only_one(length: int, batch: int, steps: int) -> None:
    assert len(build_training_loader([], length=length, batch_size=batch, seed=0)) == steps  # type: ignore[arg-type]


def test_the_examples_hold() -> None:
    assert doctest.testmod(dataset).failed == 0
    assert doctest.testmod(samples).failed == 0


def test_what_is_left_out_is_counted_and_the_first_are_named() -> None:
    paths = [Path("a/b") / f"{letter}.png" for letter in "abcde"]
    assert_names(say_left_out(paths, "without a mask", of=10), "5 of 10 images", "a.png, b.png, c.png", 2, "mask")
    assert "d.png" not in say_left_out(paths, "without a mask")
    assert_names(say_left_out(paths[:1], "without an image", what="mask"), "1 mask ", "a.png")


def test_several_images_of_one_group_are_told_from_one_image() -> None:
    with refuses("2 images", "(0)", "validation"):
        _held(_eyes(1), 0.1)
    with refuses("1 image ", "validation"):
        hold_back(["only"], 0.2, group=str)
