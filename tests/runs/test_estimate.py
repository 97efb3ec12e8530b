"""The estimate before the start, against what the run then took."""

import json
import re
from pathlib import Path

import pytest

from core.cli import main
from core.errors import UserError
from core.experiments import find_experiment
from core.runs import estimate as estimate_module
from core.runs.estimate import estimate
from core.runs.launcher import launch, wait
from core.runs.run import FINISHED
from core.runs.store.run_store import RunStore
from core.ui.views.train.start import say_estimate
from tests.runs.test_worker import TINY
from tests.synthetic_sets import SyntheticSets

FAIR = 4
"""Factor by which seconds of work may differ from what they were estimated at, while other tests come and go."""


@pytest.mark.parametrize("slug", ["vessels", "objects"])
def test_an_estimate_counts_what_the_run_will_do(
    slug: str, synthetic_sets: SyntheticSets, drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate_module, "TRIED", 0.1)
    experiment = find_experiment(slug)
    data, changes = drive, TINY | {"epochs": 7}
    if slug == "objects":
        data = synthetic_sets.of("objects")
        changes = {"epochs": 7, "per_class": 2, "size": 32, "precision": "fp32", "memory_format": "contiguous"}
    found = estimate(experiment, experiment.config(recipe="quick", data=str(data), changes=changes))
    assert found.epochs == 7
    assert found.step > 0
    assert found.validation > 0
    assert found.seconds == pytest.approx(found.preparation + 7 * (found.steps * found.step + found.validation))
    assert 100 < found.memory < 20_000


@pytest.mark.slow
def test_the_run_takes_the_steps_and_about_the_time_that_were_told(store: RunStore, drive: Path) -> None:
    experiment = find_experiment("vessels")
    longer = TINY | {"epochs": 2, "patch": 96, "patches": 24}
    config = experiment.config(recipe="quick", data=str(drive), changes=longer)
    told = estimate(experiment, config)
    run = wait(store, launch(store, "vessels", config).id)
    assert run.status == FINISHED, run.reason
    assert run.progress.steps == told.epochs * told.steps
    histories = [store.metrics.history(run.id, f"{part}/seconds") for part in ("train", "val")]
    taken = sum(value for points in histories for _, value, _ in points)
    assert taken / FAIR < told.epochs * (told.steps * told.step + told.validation) < taken * FAIR


@pytest.mark.slow
def test_an_estimate_records_nothing_and_is_told_by_page_and_command(
    store: RunStore, drive: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate_module, "TRIED", 0.1)
    words = ["vessels", "--recipe", "quick", "--data", str(drive)]
    words += [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]
    assert main(["estimate", *words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["epochs"], told["steps"]) == (TINY["epochs"], 2)
    said = say_estimate(f"python -m core train {' '.join(words)}")
    assert ":material/timer:" in said
    numbers = re.findall(r"\d+(?:\.\d+)?", said)
    assert {"GiB", " s "} <= set(re.findall(r"GiB| s ", said))
    assert numbers.count("2") >= 2, "epochs, and steps of each"
    assert store.runs() == []


def test_an_arm_that_builds_on_a_run_and_a_wrong_value_are_not_estimated() -> None:
    byol = find_experiment("byol")
    with pytest.raises(UserError):
        estimate(byol, byol.config(arm="byol-head", recipe="quick"))
    said = say_estimate("python -m core train vessels --recipe quick --set epochs=0")
    assert ":material/timer:" not in said
    assert "10000" in said
