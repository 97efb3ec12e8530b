import dataclasses
from pathlib import Path

import pytest

from core import public
from core.data.image_io.reader import read_picture
from core.errors import UserError
from core.experiments import catalogue, find_experiment
from core.paths import PROJECT, home
from core.public import PublicLimits, hide_places, public_limits
from core.runs import control
from core.runs.launcher import launch
from core.runs.process.worker import work
from core.runs.run import FINISHED, KILLED
from core.runs.settings import Settings, read_settings, write_settings
from core.runs.store.run_store import RunStore
from core.ui.views.ownership import NOT_OWN, OWN
from core.ui.views.runs.actions import BUTTONS
from core.ui.views.train.form import SOURCE
from core.ui.views.train.start import COUNT
from tests.pages.opened_pages import has, numbers, open_page, texts

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
    public.refuse_training({"epochs": 100_000}, dict)
    public.refuse_another(1000)
    public.refuse_keeper_task("Erasing runs")
    assert not public.time_is_up(1e9)
    assert hide_places(str(home())) == str(home())


def test_no_folder_of_the_server_is_data(public_server: PublicLimits, tmp_path: Path) -> None:
    for slug, experiment in catalogue().items():
        for data in (str(tmp_path), "core", "~", "../..", "oxford-iiit-pet"):
            with pytest.raises(UserError, match="synthetic") as refusal:
                experiment.check_data(data)
            assert repr(data) in str(refusal.value)
        assert find_experiment(slug).check_data("synthetic")


def test_a_large_training_and_one_too_many_are_refused(public_server: PublicLimits, home: Path) -> None:
    store, experiment = RunStore(), find_experiment("vessels")
    with pytest.raises(UserError, match=r"epochs\b.* 61\b.* 60\b"):
        launch(store, "vessels", experiment.config(recipe="quick", changes={"epochs": 61}), executor=Nobody())
    assert store.runs() == []
    for seed in range(public_server.unfinished_runs):
        launch(store, "vessels", experiment.config(recipe="quick", seed=seed), executor=Nobody())
    with pytest.raises(UserError, match=f"{public_server.unfinished_runs} "):
        launch(store, "vessels", experiment.config(recipe="quick", seed=9), executor=Nobody())
    assert len(store.runs()) == public_server.unfinished_runs


def test_a_knob_that_names_a_folder_is_refused(public_server: PublicLimits) -> None:
    with pytest.raises(UserError, match="backbone_from"):
        public.refuse_training({"backbone_from": "/root/weights"}, dict)


def test_every_quick_recipe_is_within_the_limits(public_server: PublicLimits) -> None:
    for experiment in catalogue().values():
        for arm in experiment.arms:
            public.refuse_training(experiment.config(arm=arm.slug, recipe="quick").as_values(), experiment.largest)


@pytest.mark.slow
def test_a_training_is_stopped_when_its_time_is_up_and_says_so(
    public_server: PublicLimits, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = dataclasses.replace(public_server, minutes=0.0)
    monkeypatch.setattr(public, "public_limits", lambda: short)
    monkeypatch.setattr("core.runs.process.worker.public_limits", lambda: short)
    monkeypatch.setattr(type(find_experiment("reconstruction")), "synthetic_pictures", 8)
    store = RunStore()
    tiny = {
        "epochs": 3,
        "size": 32,
        "patch": 32,
        "patches": 1,
        "batch_size": 2,
        "precision": "fp32",
        "memory_format": "contiguous",
    }
    config = find_experiment("reconstruction").config(recipe="quick", changes=tiny)
    run = store.create("reconstruction", config.as_values())
    assert work(store, run.id) == KILLED
    assert numbers(store.get(run.id).reason)[:1] == [0], "minutes"
    assert store.get(run.id).progress.epoch < 3


def test_what_belongs_to_all_visitors_is_not_erased_or_set(public_server: PublicLimits, home: Path) -> None:
    store, before = RunStore(), read_settings()
    run = store.create("vessels", find_experiment("vessels").config(recipe="quick").as_values())
    store.finish(run.id, FINISHED, "All epochs are done.")
    store.delete(run.id)
    with pytest.raises(UserError):
        control.erase_deleted(store)
    assert [each.id for each in store.runs(deleted=True)] == [run.id]
    with pytest.raises(UserError):
        write_settings(Settings(slots=4))
    assert read_settings() == before


def test_a_picture_may_have_fewer_pixels(public_server: PublicLimits) -> None:
    rows = b"\0" * (4097 * 4000)
    with pytest.raises(UserError, match="16,000,000"):
        read_picture(b"P5 4097 4000 255\n" + rows)


def test_a_model_is_no_folder_of_the_server(public_server: PublicLimits, tmp_path: Path) -> None:
    from core.ui.shared.model_choice import open_predictor

    (tmp_path / "weights.safetensors").write_bytes(b"")
    for name in (str(tmp_path), "../secret", "/etc"):
        with pytest.raises(UserError, match="vessels/chase") as refusal:
            open_predictor(name)
        assert name in str(refusal.value)
    assert open_predictor("vessels/chase")


def test_texts_hide_where_things_lie(public_server: PublicLimits) -> None:
    told = hide_places(f"{home() / 'artifacts' / 'x'} and {PROJECT / 'core'} are damaged.")
    assert str(home()) not in told
    assert str(PROJECT) not in told
    assert [each.endswith(("/artifacts/x", "/core")) for each in told.split()] == [True, False, True, False, False]


def record_finished(store: RunStore) -> str:
    run = store.create("vessels", find_experiment("vessels").config(recipe="quick").as_values())
    store.start(run.id)
    store.finish(run.id, FINISHED, "All epochs are done.")
    return run.id


def test_the_pages_say_the_limits_and_hide_the_keepers_tools(public_server: PublicLimits, home: Path) -> None:
    run = record_finished(RunStore())
    for page in ("train", "system"):
        app = open_page(page)
        assert public_server.say() in texts(app), page
        assert str(PROJECT) not in texts(app)
        assert str(home) not in texts(app)
        assert not has(app, "system-slots")
    app = open_page("runs")
    assert NOT_OWN in texts(app)
    assert not [each for each in BUTTONS if has(app, f"{each}-{run}")]
    assert not has(app, "erase-deleted")


def test_who_started_a_run_may_act_on_it(public_server: PublicLimits, home: Path) -> None:
    run = record_finished(RunStore())
    assert has(open_page("runs", session={OWN: {run}}), f"delete-{run}")


def test_the_pages_offer_nothing_that_is_refused(
    public_server: PublicLimits, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = open_page("train", experiment="pets")
    assert len(train.segmented_control(key=SOURCE).options) == 1
    assert train.number_input(key=COUNT).max == public_server.visitor_runs
    assert not train.button(key="start-training").disabled
    compare = open_page("compare", ask="pets-encoders")
    assert compare.text_input(key="study-data").disabled
    many = compare.number_input(key="study-seeds-pets-encoders").set_value(20).run()
    assert many.button(key="start-study").disabled
    assert any(f" {public_server.visitor_runs} " in each.value for each in many.markdown if "block" in each.value)
    few = many.number_input(key="study-seeds-pets-encoders").set_value(1).run()
    assert not few.button(key="start-study").disabled
    monkeypatch.delenv("FOVEA_PUBLIC")
    assert len(open_page("train", experiment="pets").segmented_control(key=SOURCE).options) == 2
    assert not open_page("compare", ask="pets-encoders").text_input(key="study-data").disabled
