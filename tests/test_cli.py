"""The command line as other programs use it: real processes, their exit status and what they print."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.cli import main
from core.paths import PROJECT

TINY = ["--set", "epochs=2", "--set", "patch=32", "--set", "patches=2", "--set", "batch_size=2", "--set",
        "validation=0.4"]  # fmt: skip

pytestmark = pytest.mark.xdist_group("workers")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "core", *words], cwd=PROJECT, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A home with one finished run, made by the commands of the README."""
    home, data = tmp_path_factory.mktemp("cli"), tmp_path_factory.mktemp("cli-data") / "drive"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOVEA_HOME", str(home))
        made = run("data", "make", "vessels", "--out", str(data), "--n", "6")
        assert made.returncode == 0, made.stderr
        ended = run("train", "vessels", "--recipe", "quick", "--data", str(data), *TINY, "--wait", "--json")
    assert ended.returncode == 0, ended.stderr
    return {"home": str(home), "data": str(data), "answer": ended.stdout}


@pytest.fixture
def at_home(trained: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("FOVEA_HOME", trained["home"])
    return trained


def test_train_ends_with_one_document_of_the_promised_keys(trained: dict[str, str]) -> None:
    answer = json.loads(trained["answer"])
    assert answer["status"] == "FINISHED"
    assert 0 <= answer["best"]["dice"] <= 1
    assert 0 < answer["best"]["roc_auc"] < 1
    assert {"run", "status", "best", "epoch", "seconds"} <= set(answer)


def test_experiments_lists_arms_recipes_and_knobs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experiments", "--json"]) == 0
    vessels = next(each for each in json.loads(capsys.readouterr().out) if each["slug"] == "vessels")
    assert set(vessels["arms"]) == {"unet", "unet-small"}
    assert set(vessels["recipes"]) == {"reported", "improved", "quick"}
    assert vessels["knobs"]["epochs"]["allowed"] == "a whole number from 1 to 10000 epochs"


def test_runs_and_show_tell_the_run(at_home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    run_id = json.loads(at_home["answer"])["run"]
    assert main(["runs", "--json"]) == 0
    assert [each["run"] for each in json.loads(capsys.readouterr().out)] == [run_id]
    assert main(["show", run_id[:8], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["config"]["patches"] == 2
    assert float(told["facts"]["latency"]) > 0
    assert "passes with one picture of 3 × 584 × 565 on" in told["facts"]["latency_measured"]


def test_evaluate_scores_the_test_split_beside_the_second_observer(
    at_home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = json.loads(at_home["answer"])["run"]
    assert main(["evaluate", run_id, "--split", "test", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pictures"] == 3
    assert set(found["scores"]) >= {"dice", "iou", "sensitivity", "specificity", "roc_auc", "pr_auc", "cldice"}
    assert 0.7 < found["second_observer"]["dice"] < 0.97


def test_predict_writes_masks_and_goes_on_after_a_bad_file(
    at_home: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = json.loads(at_home["answer"])["run"]
    good = next(Path(at_home["data"], "test", "images").glob("*.tif"))
    bad = tmp_path / "text.png"
    bad.write_text("this is no picture, it is a sentence")
    assert main(["predict", run_id, str(bad), str(good), "--out", str(tmp_path / "out"), "--json"]) == 2
    told = capsys.readouterr()
    first, second = json.loads(told.out)["predictions"]
    assert "text" in first["error"]
    assert told.err.count("\n") == 1
    assert 0 <= second["share"] <= 1
    mask = np.asarray(Image.open(second["files"]["mask"]))
    assert mask.shape == (second["height"], second["width"])
    assert set(np.unique(mask)) <= {0, 255}


def test_a_picture_of_another_kind_is_answered_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "green.png"
    Image.merge("RGB", [Image.effect_noise((224, 224), spread) for spread in (10, 80, 10)]).save(picture)
    assert main(["predict", "chest/kermany", str(picture), "--json"]) == 0
    told = capsys.readouterr()
    (row,) = json.loads(told.out)["predictions"]
    assert row["warning"].startswith("This does not look like a chest X-ray: it has colours")
    assert told.err == f"{picture}: {row['warning']}\n"
    assert sum(row["probabilities"].values()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "vesels"], "did you mean vessels?"),
        (["train", "vessels", "--arm", "unet-smal"], "did you mean unet-small?"),
        (["train", "vessels", "--recipe", "best"], "choose one of"),
        (["train", "vessels", "--set", "epoch=3"], "did you mean epochs?"),
        (["train", "vessels", "--set", "epochs"], "write knob=value"),
        (["train", "vessels", "--set", "epochs=0"], "a whole number from 1 to 10000"),
        (["train", "vessels", "--set", "epochs=2.5"], "a whole number from 1 to 10000"),
        (["train", "vessels", "--set", "learning_rate=nan"], "a number from"),
        (["train", "vessels", "--set", "seed=3"], "own option"),
        (["train", "vessels", "--seed", "x"], "a whole number"),
        (["train", "vessels", "--data", "/nowhere"], "There is no folder"),
        (["train", "vessels", "--data", str(PROJECT / "core" / "ui")], "none of the known layouts"),
        (["evaluate", "/nowhere/at-all"], "is no checkpoint"),
        (["predict", "0123", "a.png"], "is not known"),
        (["show", "0123"], "is not known"),
        (["stop", "0123"], "is not known"),
        (["data", "make", "vessels", "--out", "/tmp/x", "--n", "1"], "at least 2"),
        (["dance"], "invalid choice"),
        (["train"], "required"),
    ],
)
def test_a_users_mistake_is_one_sentence_and_status_2(
    at_home: dict[str, str], words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""


def test_a_mistake_records_nothing(at_home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "vessels", "--data", "/nowhere"])
    main(["runs", "--json"])
    assert len(json.loads(capsys.readouterr().out)) == 1
