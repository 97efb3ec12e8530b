"""A study of real runs, the whole way: trained, scored, concluded, extended, written down, and compared by hand."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from core.cli import main
from core.experiments import find_experiment
from core.runs.store.run_store import RunStore
from core.studies.study import launch_study, open_study
from tests.runs.test_worker import TINY
from tests.synthetic_sets import SyntheticSets

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("study")]

KNOBS = TINY | {"epochs": 1, "size": 64, "test_flips": "false"}


def test_a_study_of_real_runs_is_concluded_extended_and_written_down_and_its_runs_compared_by_hand(
    home: Path, tmp_path: Path, synthetic_sets: SyntheticSets, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*words: str) -> dict[str, Any]:
        assert main([*words, "--json"]) == 0
        return dict(json.loads(capsys.readouterr().out))

    data = synthetic_sets.of("vessels", n=6, seed=3, halved=True)
    words = ["study", "vessels-recipes", "--seeds", "1", "--data", str(data), "--split", "test", "--wait"]
    words += [f"--set={key}={value}" for key, value in KNOBS.items()]
    report, curves = tmp_path / "report.html", tmp_path / "curves.csv"
    first = told(*words, "--html", str(report), "--csv", str(curves))
    assert len(first["sides"]) == 2
    (verdict,) = first["verdicts"]
    assert (verdict["pictures"], verdict["seeds"]) == (3, [1, 1])
    assert "data:image/jpeg" in report.read_text()
    assert "val/dice" in curves.read_text()

    store = RunStore()
    before = {run.id for run in store.runs()}
    second = told("study", first["study"], "--seeds", "1", "--wait")
    assert [each["name"] for each in second["sides"]] == [each["name"] for each in first["sides"]]
    assert [each["seeds"] for each in second["sides"]] == [[0, 1], [0, 1]]
    assert second["verdicts"][0]["seeds"] == [2, 2]
    study = open_study(store, first["study"])
    ids = {run.id for run in study.runs}
    assert before < ids
    assert all(
        (store.files.folder(run.id) / "scores" / f"test-epoch-{run.best_epoch}.json").exists() for run in study.runs
    )
    configs = [find_experiment("vessels").read_config(run.config) for run in study.runs]
    again = launch_study(store, study.template, configs)
    assert {run.id for run in again.runs} == ids, "what was trained is not trained again"

    names = [run.short_id for run in study.runs]
    assert main(["compare", *names, "--split", "train", "--csv", str(curves), "--json"]) == 0
    found = capsys.readouterr()
    assert all(each in found.err for each in names), "these pictures were not scored before"
    compared = json.loads(found.out)
    assert [each["seeds"] for each in compared["sides"]] == [[0, 1], [0, 1]]
    (verdict,) = compared["verdicts"]
    assert (verdict["pictures"], verdict["seeds"]) == (3, [2, 2])
    assert verdict["low"] <= verdict["difference"] <= verdict["high"]
    assert main(["compare", *names, "--split", "train"]) == 0
    shown = capsys.readouterr()
    assert shown.err == "", "the scores of each picture were kept"
    assert verdict["said"] in shown.out
    with curves.open() as file:
        rows = list(csv.DictReader(file))
    assert {row["run"] for row in rows} == ids
    assert {"step/loss", "val/dice"} <= {row["key"] for row in rows}
    one_side = compared["sides"][0]["runs"]
    assert main(["compare", *one_side]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
