"""The command line as other programs use it: exit status and what it prints; one command as a real process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.cli import main
from core.paths import PROJECT
from core.runs.launcher import wait
from core.runs.run import KILLED
from core.runs.store.run_store import RunStore
from tests.synthetic_sets import SyntheticSets

TINY = [word for each in ("epochs=2", "size=96", "patch=32", "patches=2", "batch_size=2", "validation=0.4",
                          "precision=fp32", "memory_format=contiguous") for word in ("--set", each)]  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("command line")]


@pytest.fixture(scope="module")
def trained(
    synthetic_sets: SyntheticSets, tmp_path_factory: pytest.TempPathFactory, empty_store: Path
) -> dict[str, str]:
    """A home with one finished run, made by the command of the README in a process of its own."""
    home, data = tmp_path_factory.mktemp("cli"), synthetic_sets.of("vessels", n=6, seed=3, halved=True)
    words = ["train", "vessels", "--recipe", "quick", "--data", str(data), *TINY, "--wait", "--json"]
    ended = subprocess.run(
        [sys.executable, "-m", "core", *words], cwd=PROJECT, capture_output=True, text=True, check=False,
        env=os.environ | {"FOVEA_HOME": str(home)},
    )  # fmt: skip
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
    assert set(answer) == {"run", "status", "best", "epoch", "seconds", "reason"}


def test_experiments_lists_arms_recipes_and_knobs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experiments", "--json"]) == 0
    vessels = next(each for each in json.loads(capsys.readouterr().out) if each["slug"] == "vessels")
    assert set(vessels["arms"]) == {"unet", "unet-small"}
    assert set(vessels["recipes"]) == {"reported", "improved", "quick"}
    assert {"1", "10000", "epochs"} <= set(vessels["knobs"]["epochs"]["allowed"].split())


def test_runs_and_show_tell_the_run(at_home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    run_id = json.loads(at_home["answer"])["run"]
    assert main(["runs", "--json"]) == 0
    assert [each["run"] for each in json.loads(capsys.readouterr().out)] == [run_id]
    assert main(["show", run_id[:8], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["config"]["patches"] == 2
    assert float(told["facts"]["latency"]) > 0
    assert "3 × 96 × 96" in told["facts"]["latency_measured"]


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


def test_the_commands_that_act_on_a_run_do_so(
    synthetic_sets: SyntheticSets, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*words: str) -> Any:
        assert main([*words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    data = synthetic_sets.of("vessels", n=6, seed=3, halved=True)
    words = ["vessels", "--recipe", "quick", "--data", str(data), *TINY, "--set", "epochs=500"]
    run_id = told("train", *words)["run"]
    store = RunStore()
    assert told("stop", run_id[:8])["run"] == run_id
    assert wait(store, run_id).status == KILLED
    told("resume", run_id)
    assert told("extend", run_id, "--epochs", "7")["run"] == run_id
    assert told("show", run_id)["config"]["epochs"] == 507
    assert told("show", run_id)["attempt"] == 2
    assert told("kill", run_id)["status"] == KILLED
    told("delete", run_id)
    assert told("runs") == []
    assert [each["run"] for each in told("runs", "--deleted")] == [run_id]
    told("restore", run_id[:8])
    assert [each["run"] for each in told("runs")] == [run_id]


def test_data_make_writes_a_set_of_so_many_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "make", "blots", "--out", str(tmp_path / "blots"), "--n", "6", "--seed", "1"]) == 0
    assert str(tmp_path / "blots") in capsys.readouterr().out
    assert len(list((tmp_path / "blots" / "target").iterdir())) == 6


def test_a_picture_of_another_kind_is_answered_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "green.png"
    Image.merge("RGB", [Image.effect_noise((224, 224), spread) for spread in (10, 80, 10)]).save(picture)
    assert main(["predict", "chest/kermany", str(picture), "--json"]) == 0
    told = capsys.readouterr()
    (row,) = json.loads(told.out)["predictions"]
    assert row["warning"]
    assert told.err == f"{picture}: {row['warning']}\n"
    assert sum(row["probabilities"].values()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["train", "vesels"], "vessels"),
        (["train", "vessels", "--arm", "unet-smal"], "unet-small"),
        (["train", "vessels", "--recipe", "best"], "improved"),
        (["train", "vessels", "--set", "epoch=3"], "epochs"),
        (["train", "vessels", "--set", "epochs"], "--set"),
        (["train", "vessels", "--set", "epochs=0"], "10000"),
        (["train", "vessels", "--set", "epochs=2.5"], "10000"),
        (["train", "vessels", "--set", "learning_rate=nan"], "'nan'"),
        (["train", "vessels", "--set", "seed=3"], "seed"),
        (["train", "vessels", "--seed", "x"], "'x'"),
        (["train", "vessels", "--data", "/nowhere"], "/nowhere"),
        (["train", "vessels", "--data", str(PROJECT / "core" / "ui")], "DRIVE"),
        (["evaluate", "/nowhere/at-all"], "/nowhere/at-all"),
        (["predict", "0123", "a.png"], "'0123'"),
        (["show", "0123"], "core runs"),
        (["stop", "0123"], "core runs"),
        (["data", "make", "vessels", "--out", "/tmp/x", "--n", "1"], "2"),
        (["dance"], "'dance'"),
        (["train"], "SLUG"),
    ],
)
def test_a_users_mistake_is_one_sentence_and_status_2(
    home: Path, words: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    told = capsys.readouterr()
    assert named in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""
    assert RunStore().runs() == [], "a mistake records nothing"


def test_a_folder_to_predict_names_what_it_holds_besides_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("scan.dcm", "._eye.png", "Thumbs.db", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "more").mkdir()
    (tmp_path / "more/late.png").write_bytes(b"x")
    assert main(["predict", "vessels/chase", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "scan.dcm" in said
    assert "late.png" in said
    assert not [name for name in ("._eye", "Thumbs", "notes") if name in said]
