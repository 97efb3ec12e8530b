"""Scores of single pictures: kept with the fingerprint of their data, so that nothing is scored twice or wrongly."""

import json
from pathlib import Path

import pytest

from core.cli import main
from core.errors import UserError
from core.inference import evaluation
from core.inference.scores import evaluate_run, kept_evaluation, kept_scores, score
from core.runs.run import Run
from core.runs.store.run_store import RunStore
from tests.inference.trained_runs import EPOCH, record_trained
from tests.synthetic_sets import SyntheticSets


@pytest.fixture
def store(home: Path) -> RunStore:
    return RunStore()


@pytest.fixture
def run(store: RunStore, tmp_path: Path, synthetic_sets: SyntheticSets) -> Run:
    changes = {"size": 32, "patch": 0, "width": 4, "bottleneck": 8, "precision": "fp32", "memory_format": "contiguous"}
    data = synthetic_sets.copy("reconstruction", tmp_path / "data", halved=True)
    return record_trained(store, data, "reconstruction", arm="with-skips", **changes)


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The splits that are scored from now on."""
    splits: list[str] = []
    real = evaluation.evaluate

    def counted(*given: object, split: str = "test", **rest: object) -> evaluation.Evaluation:
        splits.append(split)
        return real(*given, split=split, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(evaluation, "evaluate", counted)
    return splits


def change_a_picture(run: Run) -> None:
    path = next(Path(run.config["data"], "training", "images").iterdir())
    path.write_bytes(path.read_bytes() + b"\0")


def test_a_split_is_scored_once_whoever_asks_first(
    store: RunStore, run: Run, scored: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert kept_scores(store, run, "test") is None
    assert main(["evaluate", run.id, "--split", "test", "--json"]) == 0
    new = capsys.readouterr()
    first = json.loads(new.out)
    kept = kept_scores(store, run, "test")
    assert kept is not None
    assert [{"name": name, **row} for name, row in zip(kept.names, kept.rows, strict=True)] == first["per_picture"]
    assert score(store, run, "test") == kept
    assert main(["evaluate", run.short_id, "--split", "test", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == first | {"checkpoint": run.short_id}
    assert new.err.strip() == ""
    assert told.err.strip(), "it is told that nothing was scored anew"
    score(store, run, "val")
    assert scored == ["test", "val"]


def test_other_data_and_checkpoints_by_folder_are_scored_each_time_and_not_kept(
    store: RunStore, run: Run, scored: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = store.files.folder(run.id) / "checkpoint" / "best"
    assert main(["evaluate", str(folder), "--split", "val"]) == 0
    assert main(["evaluate", run.id, "--split", "val", "--data", str(run.config["data"])]) == 0
    assert scored == ["val", "val"]
    assert kept_scores(store, run, "val") is None


def test_scores_of_other_data_are_not_used(store: RunStore, run: Run) -> None:
    score(store, run, "val")
    path = store.files.folder(run.id) / "scores" / f"val-epoch-{EPOCH}.json"
    kept = json.loads(path.read_text())
    assert kept["fingerprint"] == run.facts["fingerprint"]
    path.write_text(json.dumps(kept | {"fingerprint": "another"}))
    assert kept_scores(store, run, "val") is None
    assert kept_evaluation(store, run, "val") is None
    del kept["fingerprint"], kept["whole"]  # as they were kept at first
    path.write_text(json.dumps(kept))
    assert kept_scores(store, run, "val") is not None
    assert kept_evaluation(store, run, "val") is None


def test_where_the_data_were_changed_nothing_is_kept_and_it_is_said(
    store: RunStore, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    change_a_picture(run)
    with pytest.raises(UserError, match=run.short_id):
        score(store, run, "val")
    assert main(["evaluate", run.id, "--split", "val"]) == 0
    assert run.short_id in capsys.readouterr().err
    assert not evaluate_run(store, run, "val")[1]
    assert kept_scores(store, run, "val") is None


def test_another_epochs_scores_are_others(store: RunStore, run: Run) -> None:
    score(store, run, "val")
    store.set_best(run.id, EPOCH + 1, {"psnr": 20.0})
    assert kept_scores(store, store.get(run.id), "val") is None
