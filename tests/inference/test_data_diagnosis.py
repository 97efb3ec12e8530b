"""Where a data set stands: measured once, kept, said in words by command and page."""

import itertools
import json
import re
from pathlib import Path

import pytest

from core.cli import main
from core.data.dataset import DatasetSpec
from core.errors import UserError
from core.experiments import find_experiment
from core.inference.data_diagnosis.measuring import place
from core.inference.data_diagnosis.report import Placement, kept_placement, say_advice, say_place, say_shift
from core.metrics.separation import FEWEST, Separation
from tests.synthetic_sets import SyntheticSets


def without_numbers(sentence: str) -> str:
    return re.sub(r"[\d,.]", "", sentence)


@pytest.mark.slow
def test_a_set_is_measured_kept_and_told(
    synthetic_sets: SyntheticSets, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lungs = synthetic_sets.of("chest", n=100)
    found: DatasetSpec = find_experiment("chest").open_data(str(lungs))  # type: ignore[type-arg]
    assert kept_placement(found.fingerprint()) is None
    assert main(["data", "place", "chest", "--data", str(lungs)]) == 0
    said = capsys.readouterr().out
    placed = kept_placement(found.fingerprint())
    assert placed
    assert (placed.pictures, placed.classes) == (len(found.items("train")), 2)
    assert 0.15 < placed.distance < 1, "synthetic X-rays are no photographs"
    assert placed.shift
    assert not placed.shift.is_there, "both splits are drawn alike"
    for value in (f"{placed.pictures:,}", f"{placed.distance:.3f}", f"{placed.shift.auc:.2f}"):
        assert value in said


def test_a_small_set_is_placed_without_its_test_pictures(
    synthetic_sets: SyntheticSets, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lungs = synthetic_sets.of("chest")
    found: DatasetSpec = find_experiment("chest").open_data(str(lungs))  # type: ignore[type-arg]
    assert 0 < len(found.items("test")) < FEWEST
    assert main(["data", "place", "chest", "--data", str(lungs), "--json"]) == 0
    placed = Placement.from_json(json.loads(capsys.readouterr().out))
    assert placed == kept_placement(found.fingerprint())
    assert placed.shift is None


def test_a_set_without_classes_cannot_be_placed(synthetic_sets: SyntheticSets) -> None:
    with pytest.raises(UserError, match="vessels"):
        place(find_experiment("vessels"), str(synthetic_sets.of("vessels", halved=True)))


def placed_at(pictures: int, distance: float, shift: Separation | None = None) -> Placement:
    return Placement("it", "0", pictures, 2, distance, shift)


def test_each_field_of_the_map_has_an_advice_of_its_own_and_ends_where_it_should() -> None:
    few, many, like, unlike = (0, 1998), (2000, 9000), (0.01, 0.149), (0.15, 0.4)  # of two classes
    fields = [itertools.product(pictures, distances) for pictures in (few, many) for distances in (like, unlike)]
    advice = [{say_advice(placed_at(*place)) for place in field} for field in fields]
    assert [len(each) for each in advice] == [1, 1, 1, 1]
    assert len(set().union(*advice)) == 4
    (of_few_unlike,) = advice[1]
    assert "all_stages" in of_few_unlike
    alike = {without_numbers(say_place(placed_at(5000, distance))) for distance in like}
    others = {without_numbers(say_place(placed_at(5000, distance))) for distance in unlike}
    assert len(alike) == len(others) == 1
    assert alike != others


def test_the_numbers_of_a_place_are_told() -> None:
    placed = placed_at(5000, 0.123, Separation(0.7, 0.66, 0.72))
    assert placed.per_class == 2500
    assert all(value in say_place(placed) for value in ("5,000", "2,500", "0.123"))
    assert all(value in say_shift(placed) for value in ("0.70", "0.66", "0.72"))
    same = say_shift(placed_at(5000, 0.123, Separation(0.51, 0.46, 0.56)))
    assert all(value in same for value in ("0.51", "0.46", "0.56"))
    assert without_numbers(same) != without_numbers(say_shift(placed)), "of another shift another thing is said"
    assert not re.search(r"0\.\d", say_shift(placed_at(9, 0.1)))
