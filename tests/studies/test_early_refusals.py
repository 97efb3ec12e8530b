"""What can be known before anything trains is refused then: splits that are not there, data that cannot be divided."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from core.cli import main
from core.errors import UserError
from core.experiments import catalogue, find_experiment
from core.inference.evaluation import score_split
from core.runs.launcher import launch
from core.runs.run import FINISHED
from core.runs.store.run_store import RunStore
from core.studies.study import extend_study, launch_study, plan
from core.studies.templates import templates
from tests.pages.opened_pages import open_page
from tests.synthetic_sets import SyntheticSets

pytestmark = pytest.mark.filterwarnings("default")  # of MLflow and Streamlit
WITHOUT = {slug for slug in catalogue() if slug != "landcover"}
"""Experiments of which a set must have a test split to be scored on it; land cover takes the validation images."""


@pytest.fixture
def store(home: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """A home in which nothing starts."""
    monkeypatch.setenv("FOVEA_FORK_MINUTES", "0")
    monkeypatch.setattr("core.runs.queue.slot_count", lambda: 0)
    return RunStore()


@pytest.fixture
def untested(monkeypatch: pytest.MonkeyPatch, synthetic_sets: SyntheticSets) -> Any:
    """Return the folder of an experiment's set, which is read as if it had no test split."""

    def folder_of(slug: str) -> str:
        kind, folder = type(find_experiment(slug)), synthetic_sets.of(slug)
        read = kind.open_folder

        def without(self: Any, place: Path) -> Any:
            found = read(self, place)
            return dataclasses.replace(found, splits={key: own for key, own in found.splits.items() if key != "test"})

        monkeypatch.setattr(kind, "open_folder", without)
        return str(folder)

    return folder_of


@pytest.mark.parametrize("slug", list(templates()))
def test_a_study_on_a_split_that_is_not_there_starts_no_run(slug: str, store: RunStore, untested: Any) -> None:
    template = templates()[slug]
    data = untested(template.experiment)
    configs = plan(template, data=data, seeds=[0])
    if template.experiment not in WITHOUT:
        assert launch_study(store, template, configs, split="test").split == "test"
        return
    with pytest.raises(UserError, match="'test'"):
        launch_study(store, template, configs, split="test")
    with pytest.raises(UserError, match="'tset'"):
        launch_study(store, template, configs, split="tset")
    assert store.runs() == []
    assert launch_study(store, template, configs, split="val").runs


def test_a_study_that_is_to_be_scored_on_what_it_does_not_hold_back_starts_no_run(
    store: RunStore, synthetic_sets: SyntheticSets
) -> None:
    template = next(each for each in templates().values() if each.experiment == "vessels")
    data = str(synthetic_sets.of("vessels"))
    configs = plan(template, data=data, seeds=[0], changes={"validation": 0})
    with pytest.raises(UserError, match="test"):
        launch_study(store, template, configs, split="val")
    assert store.runs() == []
    assert launch_study(store, template, configs, split="test").runs


@pytest.mark.parametrize("slug", list(catalogue()))
def test_a_drawn_set_is_known_by_its_splits_before_it_is_drawn(
    slug: str, home: Path, synthetic_sets: SyntheticSets
) -> None:
    experiment = find_experiment(slug)
    for config in (experiment.config(), experiment.config(data=str(synthetic_sets.of(slug)))):
        for split in ("train", "val", "test", "tset"):
            if split in experiment.usual_splits:
                experiment.check_parts([config], split)
                continue
            with pytest.raises(UserError, match=f"'{split}'"):
                experiment.check_parts([config], split)
    assert not list((home / "data").glob("*")), "nothing was drawn for it"


def test_the_command_line_and_the_page_refuse_it_before_the_start(
    store: RunStore, untested: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    template = next(each for each in templates().values() if each.experiment == "pets")
    data = untested("pets")
    assert main(["study", template.slug, "--data", data, "--split", "test", "--wait"]) == 2
    assert "'test'" in capsys.readouterr().err
    app = open_page("compare", ask=template.slug)
    app.text_input(key="study-data").set_value(data).run()
    assert not app.button(key="start-study").disabled
    app.selectbox(key="study-split").set_value("test").run()
    assert app.button(key="start-study").disabled
    assert any("'test'" in each.value for each in app.markdown)
    assert store.runs() == []


def test_a_study_that_is_there_is_not_waited_for_where_it_cannot_be_scored_as_asked(
    store: RunStore, untested: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    template = next(each for each in templates().values() if each.experiment == "pets")
    study = launch_study(store, template, plan(template, data=untested("pets"), seeds=[0]))
    assert main(["study", study.id, "--split", "test", "--wait"]) == 2, "it would wait for ever: nothing starts here"
    assert "'test'" in capsys.readouterr().err
    assert len(extend_study(store, study, 1).runs) == 2 * len(study.runs)


def test_data_that_cannot_be_divided_are_refused_before_a_run_is_recorded(
    store: RunStore, synthetic_sets: SyntheticSets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = find_experiment("vessels")
    kind = type(experiment)
    read = kind.open_folder

    def first_alone(self: Any, place: Path) -> Any:
        found = read(self, place)
        return dataclasses.replace(found, splits={**found.splits, "train": found.splits["train"][:1], "val": ()})

    monkeypatch.setattr(kind, "open_folder", first_alone)
    with pytest.raises(UserError, match="validation"):
        launch(store, "vessels", experiment.config(data=str(synthetic_sets.of("vessels"))))
    assert store.runs() == []


def test_a_checkpoint_is_not_built_for_a_split_that_is_not_there(
    store: RunStore, untested: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = find_experiment("vessels")
    config = experiment.config(data=untested("vessels"))

    class Card:
        @staticmethod
        def set_up() -> Any:
            return experiment.set_up(config)

    monkeypatch.setattr(experiment.setup_type, "build_network", lambda self: pytest.fail("it was built"))
    with pytest.raises(UserError, match="'test'"):
        score_split(Card, split="test")  # type: ignore[arg-type]


def test_runs_are_compared_on_nothing_that_one_of_them_lacks(
    store: RunStore, untested: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment, data = find_experiment("vessels"), untested("vessels")
    runs = []
    for arm in experiment.arms[:2]:
        run = store.create("vessels", experiment.config(arm=arm.slug, data=data).as_values())
        store.start(run.id)
        store.finish(run.id, FINISHED, "All epochs are done.")
        runs.append(run.short_id)
    monkeypatch.setattr("core.studies.comparison._check", lambda runs: None)
    monkeypatch.setattr("core.inference.scores.score", lambda *given: pytest.fail("it was scored"))
    assert main(["compare", *runs, "--split", "test"]) == 2
    assert "'test'" in capsys.readouterr().err
