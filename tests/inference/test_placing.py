"""Where a data set stands: measured once, kept, said in words by command and page."""

import json
from pathlib import Path

import numpy as np
import pytest

from core.cli import main
from core.data.dataset import DatasetSpec
from core.errors import UserError
from core.experiments import find_experiment
from core.inference.placement import Placement, kept_placement, say_advice, say_place, say_shift
from core.inference.placing import place
from core.metrics.separation import Separation


@pytest.fixture(scope="module")
def lungs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lungs")
    find_experiment("chest").make_data(folder, n=150, seed=3)
    return folder


def test_a_set_is_measured_once_and_kept(lungs: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chest = find_experiment("chest")
    found: DatasetSpec = chest.open_data(str(lungs))  # type: ignore[type-arg]
    fingerprint = found.fingerprint()
    assert kept_placement(fingerprint) is None
    assert main(["data", "place", "chest", "--data", str(lungs), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    placed = kept_placement(fingerprint)
    assert placed == Placement.from_json(told)
    assert placed
    assert (placed.pictures, placed.classes) == (len(found.items("train")), 2)
    assert 0.1 < placed.distance < 1, "drawn X-rays are no photographs"
    assert placed.shift
    assert not placed.shift.is_there, "both splits are drawn alike"
    assert main(["data", "place", "chest", "--data", str(lungs)]) == 0
    said = capsys.readouterr().out
    assert "look unlike ImageNet's" in said
    assert "cannot be told from the training pictures" in said


def test_a_set_without_classes_cannot_be_placed(home: Path, tmp_path: Path) -> None:
    find_experiment("vessels").make_data(tmp_path, n=4)
    with pytest.raises(UserError, match="vessels has no classes"):
        place(find_experiment("vessels"), str(tmp_path))


@pytest.mark.parametrize(
    ("pictures", "distance", "advice"),
    [(5000, 0.1, "tuning all layers pays"), (100, 0.1, "frozen network"), (5000, 0.3, "training anew may catch up"),
     (100, 0.3, "tune the last stages")],
)  # fmt: skip
def test_each_field_of_the_map_has_its_advice(pictures: int, distance: float, advice: str) -> None:
    placed = Placement("it", "0", pictures, 2, distance, Separation(0.7, 0.66, 0.72))
    assert advice in say_advice(placed)
    assert f"{pictures:,} training pictures" in say_place(placed)
    assert "come from elsewhere" in say_shift(placed)
    assert "no test split" in say_shift(Placement("it", "0", 9, 2, 0.1, None))
    assert np.isclose(placed.per_class, pictures / 2)
