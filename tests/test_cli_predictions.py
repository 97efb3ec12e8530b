"""What the command line writes of many predictions, and of numbers that are none."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

from core.cli import main
from core.cli_runs import print_json
from core.engine.checkpoint import WEIGHTS
from core.inference.predictors.classification import ClassificationPredictor
from core.runs.store.run_store import RunStore
from tests.inference.untrained import untrained

Told = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained("objects", "small-cnn", tmp_path_factory.mktemp("weights") / "cnn").folder


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Two folders with images of the same names, dark in one and bright in the other."""
    for place, level in (("left", 20), ("right", 230)):
        for number in range(3):
            path = tmp_path / place / f"{number}.png"
            path.parent.mkdir(exist_ok=True)
            noise = np.random.default_rng((level, number)).integers(-15, 15, (32, 32, 3))
            Image.fromarray((level + noise).astype(np.uint8)).save(path)
    return tmp_path


def _predict(classifier: Path, scans: Path, *words: str) -> int:
    return main(["predict", str(classifier), str(scans / "left"), str(scans / "right"), *words])


def _by_brightness(_predictor: ClassificationPredictor, images: torch.Tensor) -> torch.Tensor:
    """Answer class 1 for bright images."""
    return torch.eye(2)[int(images.mean() > 0)][None]


def test_a_template_is_filled_by_path_and_not_by_bare_name(
    classifier: Path, scans: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ClassificationPredictor, "ask", _by_brightness)
    names = [f"{place}/{number}.png" for place in ("right", "left") for number in range(3)]
    (scans / "test.csv").write_text("id,label\n" + "".join(f"{name},\n" for name in names))
    words = ("--csv", str(scans / "a.csv"), "--template", str(scans / "test.csv"), "--json")
    assert _predict(classifier, scans, *words) == 0
    rows = json.loads(capsys.readouterr().out)["predictions"]
    assert {Path(row["image"]).parent.name: row["label"] for row in rows} == {"left": 0, "right": 1}
    filled = {row["id"]: row["label"] for row in csv.DictReader((scans / "a.csv").read_text().splitlines())}
    assert list(filled) == names
    assert filled == {name: "1" if name.startswith("right") else "0" for name in names}


@pytest.mark.parametrize("name", ["0.png", "0"])
def test_a_bare_name_that_fits_two_images_is_refused_with_both(
    classifier: Path, scans: Path, capsys: Told, name: str
) -> None:
    (scans / "test.csv").write_text(f"id,label\n{name},\n")
    words = ("--csv", str(scans / "a.csv"), "--template", str(scans / "test.csv"), "--json")
    assert _predict(classifier, scans, *words) == 2
    told = capsys.readouterr().err
    assert str(scans / "left/0.png") in told
    assert str(scans / "right/0.png") in told
    assert not (scans / "a.csv").exists()


def test_results_of_images_with_the_same_name_lie_in_files_of_their_own(
    classifier: Path, scans: Path, capsys: Told
) -> None:
    assert _predict(classifier, scans, "--out", str(scans / "out"), "--json") == 0
    rows = json.loads(capsys.readouterr().out)["predictions"]
    files = {row["image"]: Path(row["files"]["answer"]) for row in rows}
    assert len(set(files.values())) == len(rows) == 6
    for image, file in files.items():
        assert file.is_relative_to(scans / "out")
        assert Path(image).parent.name == file.parent.name
        assert file.is_file()


@pytest.fixture
def spoilt(classifier: Path, tmp_path: Path) -> Callable[[float], Path]:
    """Weights of which one number is none."""

    def spoil(value: float) -> Path:
        with safe_open(classifier / WEIGHTS, framework="pt") as whole:
            tensors, about = {key: whole.get_tensor(key) for key in whole.keys()}, whole.metadata()  # noqa: SIM118
        name = next(key for key, each in tensors.items() if each.dtype == torch.float32)
        tensors[name].view(-1)[0] = value
        (tmp_path / "spoilt").mkdir()
        save_file(tensors, tmp_path / "spoilt" / WEIGHTS, metadata=about)
        return tmp_path / "spoilt"

    return spoil


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(
    spoilt: Callable[[float], Path], scans: Path, capsys: Told, value: float
) -> None:
    folder = spoilt(value)
    assert main(["predict", str(folder), str(scans / "left/0.png"), "--json"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert str(folder) in told.err
    assert told.err.count("\n") == 1


def test_an_answer_that_is_not_finite_is_refused(
    classifier: Path, scans: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ClassificationPredictor, "ask", lambda self, images: torch.tensor([[float("nan"), 1.0]]))
    assert main(["predict", str(classifier), str(scans / "left/0.png"), "--json"]) == 2
    (row,) = json.loads(capsys.readouterr().out)["predictions"]
    assert set(row) == {"image", "error"}
    assert str(classifier) in row["error"]


def test_what_is_no_number_is_null_in_every_document(capsys: Told) -> None:
    numbers = {"nan": float("nan"), "rows": [(1.5, float("inf")), {"low": float("-inf")}], "count": 3, "ok": True}
    print_json(numbers)
    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert told == {"nan": None, "rows": [[1.5, None], {"low": None}], "count": 3, "ok": True}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["train", "vessels", "--data="], "--data"), (["evaluate", "vessels/chase", "--data", " "], "--data"),
        (["study", "pets-encoders", "--data="], "--data"), (["study", "pets-encoders", "--seeds", "0"], "0"),
        (["study", "pets-encoders", "--html", "/nowhere/x.html"], "/nowhere/x.html"),
        (["serve", "--port", "99999999"], "99999999"), (["serve", "--port", "0"], "0"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_before_anything_starts(
    words: list[str], named: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert named in capsys.readouterr().err
    assert RunStore().runs() == []
