import dataclasses
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import public
from core.data.pictures import read_picture
from core.errors import UserError
from core.experiments import catalogue, find_experiment
from core.paths import PROJECT, home
from core.public import PublicLimits, hide_places, public_limits
from core.runs import control
from core.runs.launcher import launch
from core.runs.run import FINISHED, KILLED
from core.runs.settings import Settings, write_settings
from core.runs.store import RunStore
from core.runs.worker import work

pytestmark = pytest.mark.filterwarnings("default")  # of Streamlit, MLflow and their dependencies, not of ours


class Nobody:
    """An executor that starts nothing: what is launched stays in the queue."""

    def start(self, store: RunStore, run_id: str) -> None:
        pass


@pytest.fixture
def public_server(monkeypatch: pytest.MonkeyPatch) -> PublicLimits:
    monkeypatch.setenv("FOVEA_PUBLIC", "1")
    limits = public_limits()
    assert limits is not None
    return limits


@pytest.mark.parametrize(("told", "is_public"), [("", False), ("0", False), ("no", False), ("1", True), ("yes", True)])
def test_the_switch_is_one_variable(told: str, is_public: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEA_PUBLIC", told)
    assert (public_limits() is not None) is is_public


def test_a_private_server_limits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FOVEA_PUBLIC", raising=False)
    public.refuse_folder("/data")
    public.refuse_training({"epochs": 100_000})
    public.refuse_another(1000)
    public.refuse_keeper_task("Erasing runs")
    assert not public.time_is_up(1e9)
    assert hide_places(str(home())) == str(home())


def test_no_folder_of_the_server_is_data(public_server: PublicLimits, tmp_path: Path) -> None:
    for slug, experiment in catalogue().items():
        for data in (str(tmp_path), "core", "~", "../.."):
            with pytest.raises(UserError, match="opens no folder of its own"):
                experiment.check_data(data)
        assert find_experiment(slug).check_data("synthetic")


def test_a_large_training_and_one_too_many_are_refused(public_server: PublicLimits, home: Path) -> None:
    store, experiment = RunStore(), find_experiment("vessels")
    with pytest.raises(UserError, match="epochs was given as 61, and a public server allows 60"):
        launch(store, "vessels", experiment.config(recipe="quick", changes={"epochs": 61}), executor=Nobody())
    assert store.runs() == []
    for seed in range(public_server.unfinished_runs):
        launch(store, "vessels", experiment.config(recipe="quick", seed=seed), executor=Nobody())
    with pytest.raises(UserError, match="4 trainings wait or run"):
        launch(store, "vessels", experiment.config(recipe="quick", seed=9), executor=Nobody())
    assert len(store.runs()) == public_server.unfinished_runs


def test_a_knob_that_names_a_folder_is_refused(public_server: PublicLimits) -> None:
    with pytest.raises(UserError, match="backbone_from"):
        public.refuse_training({"backbone_from": "/root/weights"})


def test_every_quick_recipe_is_within_the_limits(public_server: PublicLimits) -> None:
    for experiment in catalogue().values():
        for arm in experiment.arms:
            public.refuse_training(experiment.config(arm=arm.slug, recipe="quick").as_values())


@pytest.mark.slow
def test_a_training_is_stopped_when_its_time_is_up_and_says_so(
    public_server: PublicLimits, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = dataclasses.replace(public_server, minutes=0.0)
    monkeypatch.setattr(public, "public_limits", lambda: short)
    monkeypatch.setattr("core.runs.worker.public_limits", lambda: short)
    store = RunStore()
    tiny = {"epochs": 3, "patch": 32, "patches": 2, "batch_size": 2, "precision": "fp32", "memory_format": "contiguous"}
    run = store.create("vessels", find_experiment("vessels").config(recipe="quick", changes=tiny).as_values())
    assert work(store, run.id) == KILLED
    assert "Stopped by this public server after 0 minutes" in store.get(run.id).reason


def test_what_belongs_to_all_visitors_is_not_erased_or_set(public_server: PublicLimits, home: Path) -> None:
    with pytest.raises(UserError, match="not possible on a public server"):
        control.erase_deleted(RunStore())
    with pytest.raises(UserError, match="not possible on a public server"):
        write_settings(Settings(slots=4))


def test_a_picture_may_have_fewer_pixels(public_server: PublicLimits) -> None:
    rows = b"\0" * (4097 * 4000)
    with pytest.raises(UserError, match=r"at most 16,000,000"):
        read_picture(b"P5 4097 4000 255\n" + rows)


def test_a_model_is_no_folder_of_the_server(public_server: PublicLimits, tmp_path: Path) -> None:
    from core.ui.model_choice import open_predictor

    (tmp_path / "weights.safetensors").write_bytes(b"")
    for name in (str(tmp_path), "../secret", "/etc"):
        with pytest.raises(UserError, match="no model here"):
            open_predictor(name)
    assert open_predictor("vessels/chase")


def test_texts_hide_where_things_lie(public_server: PublicLimits) -> None:
    told = hide_places(f"{home() / 'artifacts' / 'x'} and {PROJECT / 'core'} are damaged.")
    assert told == f"(runs){'/artifacts/x'} and (program)/core are damaged."


def test_the_pages_say_the_limits_and_hide_the_keepers_tools(public_server: PublicLimits, home: Path) -> None:
    store = RunStore()
    run = store.create("vessels", find_experiment("vessels").config(recipe="quick").as_values())
    store.start(run.id)
    store.finish(run.id, FINISHED, "All epochs are done.")
    entry = AppTest.from_file(str(PROJECT / "pages" / "main.py"), default_timeout=60).run()

    def shown(page: str) -> str:
        entry.switch_page(str(PROJECT / "pages" / f"{page}.py")).run()
        assert not entry.exception, entry.exception[0].message
        kinds = (entry.markdown, entry.caption, entry.info, entry.warning, entry.error, entry.header)
        return "\n".join(str(each.value) for kind in kinds for each in kind)

    for page in ("train", "system"):
        said = shown(page)
        assert "stopped after 10 minutes" in said, page
        assert str(PROJECT) not in said
        assert str(home) not in said
    assert not [each for each in entry.number_input if each.label == "Trainings at once"]
    assert "only the browser session that started a run" in shown("runs")
    assert {each.label for each in entry.button}.isdisjoint(
        {"Delete", "Kill", "Prolong", "Resume", "Erase all of them"}
    )


def test_who_started_a_run_may_act_on_it(public_server: PublicLimits, home: Path) -> None:
    store = RunStore()
    run = store.create("vessels", find_experiment("vessels").config(recipe="quick").as_values())
    store.start(run.id)
    store.finish(run.id, FINISHED, "All epochs are done.")
    entry = AppTest.from_file(str(PROJECT / "pages" / "main.py"), default_timeout=60).run()
    entry.session_state["own-runs"] = {run.id}
    entry.switch_page(str(PROJECT / "pages" / "runs.py")).run()
    assert "Delete" in {each.label for each in entry.button}
