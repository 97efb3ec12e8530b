"""The pages through their entry script, without a browser."""

import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.config import IDENTITY
from core.experiments import catalogue, find_experiment
from core.paths import PROJECT
from core.runs.queue import queued
from core.runs.run import FAILED, FINISHED, Progress, Run
from core.runs.settings import Settings, read_settings
from core.runs.store import RunStore
from core.ui import train_start
from core.ui.curves import draw_steps
from core.ui.histories import Histories

pytestmark = pytest.mark.filterwarnings("default")  # of Streamlit, MLflow and their dependencies, not of ours

KEYS = ("step/loss", "step/learning_rate")
ENTRY = PROJECT / "pages" / "main.py"


def open_page(name: str, **query: str | list[str]) -> AppTest:
    app = AppTest.from_file(str(ENTRY), default_timeout=60).run()
    app.switch_page(str(PROJECT / "pages" / f"{name}.py"))
    for key, value in query.items():
        app.query_params[key] = value
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception, app.exception[0].message
    return app


def texts(app: AppTest) -> str:
    kinds = (
        app.title,
        app.header,
        app.subheader,
        app.markdown,
        app.caption,
        app.info,
        app.warning,
        app.error,
        app.success,
    )
    return "\n".join(str(each.value) for kind in kinds for each in kind)


def parameter(app: AppTest, key: str) -> list[str]:
    value = app.query_params[key]
    return [value] if isinstance(value, str) else list(value)


def button(app: AppTest, label: str) -> object:
    return next(each for each in app.button if each.label.startswith(label))


@pytest.fixture
def store(home: Path) -> RunStore:
    return RunStore()


def record(
    store: RunStore, *, status: str | None = FINISHED, dice: float = 0.75, epochs: int = 3, **changes: object
) -> Run:
    """Record a run as a worker would, with a few numbers."""
    config = find_experiment("vessels").config(recipe="quick", changes={"epochs": epochs, **changes})
    run = store.create("vessels", config.as_values())
    store.start(run.id)
    points = [("step/loss", (step, 1 / step, time.time())) for step in range(1, 7)]
    points += [("step/learning_rate", (step, 1e-3, time.time())) for step in range(1, 7)]
    for key in ("train/loss", "val/loss", "val/dice", "val/iou_mean"):
        points += [(key, (epoch, 0.2 * epoch, time.time())) for epoch in (1, 2)]
    store.log_points(run.id, points)
    store.set_best(run.id, 2, {"dice": dice, "iou_mean": 0.6, "loss": 0.3})
    store.beat(run.id, Progress(6, 9, 2, 3, 12.0, 0))
    if status:
        store.finish(run.id, status, "All 3 epochs are done." if status == FINISHED else "Memory is full.")
    return store.get(run.id)


def test_home_shows_every_experiment_and_what_to_do_first() -> None:
    app = checked(AppTest.from_file(str(ENTRY), default_timeout=60).run())
    shown = texts(app)
    for experiment in catalogue().values():
        assert experiment.title in shown
        assert experiment.question in shown
    assert "not measured yet" in shown
    assert "Nothing has been trained yet" in shown


def test_home_shows_the_best_finished_run_with_its_data_and_not_a_failed_one(store: RunStore) -> None:
    record(store, dice=0.7)
    record(store, dice=0.8)
    record(store, dice=0.9876, status=FAILED)
    shown = texts(checked(AppTest.from_file(str(ENTRY), default_timeout=60).run()))
    assert "**0.800** on drawn pictures" in shown
    assert "0.988" not in shown


def test_home_shows_what_runs(store: RunStore) -> None:
    run = record(store, status=None)
    app = checked(AppTest.from_file(str(ENTRY), default_timeout=60).run())
    assert run.name in texts(app)
    assert button(app, "Watch")


@pytest.mark.parametrize("page", ["home", "train", "runs", "compare", "inspect", "reports", "predict", "system"])
def test_a_page_opens_on_an_empty_home(page: str) -> None:
    app = open_page(page)
    assert app.title


def test_every_knob_has_a_widget_with_the_recipes_value() -> None:
    app = open_page("train", experiment="vessels", recipe="reported")
    values = find_experiment("vessels").config(recipe="reported").as_values()
    for knob in find_experiment("vessels").config_type.knobs():
        if knob.name not in IDENTITY:
            assert app.session_state[f"knob:vessels:unet-small:reported:{knob.name}"] == values[knob.name]
    widgets = [*app.number_input, *app.selectbox, *app.toggle, *app.text_input]
    assert len([each for each in widgets if str(each.key).startswith("knob:")]) == len(values) - len(IDENTITY)


def test_a_changed_knob_is_marked_enters_the_command_and_the_address_and_can_be_put_back() -> None:
    app = open_page("train", experiment="vessels", recipe="quick")
    epochs = app.number_input(key="knob:vessels:unet-small:quick:epochs")
    checked(epochs.set_value(3).run())
    assert "● was 6" in texts(app)
    assert app.code[0].value.endswith("--recipe quick --set epochs=3")
    assert parameter(app, "set") == ["epochs=3"]
    checked(button(app, "Back to the recipe").click().run())
    assert "● was" not in texts(app)
    assert "set" not in app.query_params
    assert app.number_input(key="knob:vessels:unet-small:quick:epochs").value == 6


def test_the_address_fills_the_form() -> None:
    app = open_page(
        "train",
        experiment="vessels",
        arm="unet",
        recipe="reported",
        seed="7",
        set=["epochs=4", "flips=true", "loss=bce-dice"],
    )
    command = app.code[0].value
    assert command == (
        "python -m core train vessels --arm unet --recipe reported --seed 7"
        " --set epochs=4 --set flips=true --set loss=bce-dice"
    )


@pytest.mark.parametrize("wrong", [{"experiment": "nothing"}, {"experiment": "vessels", "set": ["epochs=-1"]}])
def test_a_wrong_address_is_told_and_the_form_is_still_there(wrong: dict[str, str | list[str]]) -> None:
    app = open_page("train", **wrong)
    assert "asks for something" in app.warning[0].value
    assert not button(app, "Start training").disabled


def test_knobs_survive_a_change_of_page() -> None:
    app = open_page("train", experiment="vessels", recipe="quick")
    checked(app.number_input(key="knob:vessels:unet-small:quick:epochs").set_value(3).run())
    app.switch_page(str(PROJECT / "pages" / "predict.py")).run()
    app.query_params.clear()
    checked(app.switch_page(str(PROJECT / "pages" / "train.py")).run())
    assert app.code[0].value.endswith("--recipe quick --set epochs=3")


def test_another_recipe_brings_its_own_values() -> None:
    app = open_page("train", experiment="vessels", recipe="quick", set=["epochs=3"])
    checked(app.selectbox(key="train-recipe").set_value("reported").run())
    assert app.code[0].value.endswith("--recipe reported")
    assert app.number_input(key="knob:vessels:unet-small:reported:epochs").value == 100


def test_start_is_disabled_with_the_reason_where_the_data_cannot_be_read() -> None:
    app = open_page("train", experiment="vessels", data="/nowhere/at/all")
    assert button(app, "Start training").disabled
    assert "There is no folder /nowhere/at/all" in texts(app)


def test_a_folder_of_ones_own_is_asked_for_and_checked(tmp_path: Path) -> None:
    app = open_page("train", experiment="vessels", recipe="quick")
    checked(app.segmented_control(key="train-source").set_value("A folder of mine").run())
    assert button(app, "Start training").disabled
    assert "Give a folder." in texts(app)
    find_experiment("vessels").make_data(tmp_path / "drawn", n=4, seed=0)
    checked(app.text_input(key="train-folder").set_value(str(tmp_path / "drawn")).run())
    assert not button(app, "Start training").disabled
    assert app.code[0].value.endswith(f"--data {tmp_path / 'drawn'}")
    assert parameter(app, "data") == [str(tmp_path / "drawn")]


def test_knobs_that_do_not_go_together_disable_start_and_stay_as_they_were_set() -> None:
    app = open_page("train", experiment="vessels", recipe="quick", set=["patch=0"])
    assert button(app, "Start training").disabled
    assert "whole pictures may differ in size" in texts(app)
    assert app.number_input(key="knob:vessels:unet-small:quick:patch").value == 0


def test_start_launches_and_leads_to_the_run(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.runs.queue.ProcessExecutor.start", lambda *_: None)
    app = open_page("train", experiment="vessels", recipe="quick", set=["epochs=2"])
    checked(button(app, "Start training").click().run())
    (run,) = store.runs()
    assert run.config["epochs"] == 2
    assert app.title[0].value == "Runs"
    assert parameter(app, "run") == [run.short_id]


def test_one_press_starts_runs_with_further_seeds(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.runs.queue.ProcessExecutor.start", lambda *_: None)
    app = open_page("train", experiment="vessels", recipe="quick", seed="4")
    app.number_input(key="train-count").set_value(3)
    checked(app.run())
    assert "--seed 6" in app.code[0].value
    checked(button(app, "Start 3 trainings").click().run())
    runs = sorted(store.runs(), key=lambda run: run.config["seed"])
    assert [run.config["seed"] for run in runs] == [4, 5, 6]
    assert parameter(app, "run") == [runs[0].short_id]


def test_a_start_that_was_broken_off_leads_to_its_run_when_the_page_is_drawn_again(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streamlit ends a script at its next element when the browser asks again, as a slow connection makes it do."""

    @contextmanager
    def broken_off(_text: str) -> Iterator[None]:
        yield
        st.stop()

    monkeypatch.setattr("core.runs.queue.ProcessExecutor.start", lambda *_: None)
    app = open_page("train", experiment="vessels", recipe="quick")
    with monkeypatch.context() as slow:
        slow.setattr(st, "spinner", broken_off)
        checked(button(app, "Start training").click().run())
    assert app.title[0].value == "Train"
    checked(app.run())
    (run,) = store.runs()
    assert (app.title[0].value, parameter(app, "run")) == ("Runs", [run.short_id])


def test_check_says_what_is_missing() -> None:
    from core.ui.choice import Choice

    config, said = train_start.check(Choice("vessels", "unet-small", "quick", data=""))
    assert config is None
    assert said.startswith("Give a folder.")


def test_a_finished_run_says_how_it_ended_and_its_best(store: RunStore) -> None:
    run = record(store, dice=0.8123)
    app = open_page("runs", run=run.short_id)
    assert app.success[0].value == "All 3 epochs are done."
    assert [each.value for each in app.metric if each.label == "Best Dice, epoch 2"] == ["0.8123"]
    assert not [each for each in app.button if each.label == "Stop"]
    assert not button(app, "Try it on a picture").disabled


def test_a_failed_run_is_never_shown_as_anything_else(store: RunStore) -> None:
    run = record(store, status=FAILED)
    app = open_page("runs", run=run.id)
    assert app.error[0].value == "Memory is full."
    assert not app.success


def test_a_running_run_shows_its_progress_and_can_be_stopped(store: RunStore) -> None:
    run = record(store, status=None)
    app = open_page("runs")
    assert parameter(app, "run") == [run.short_id]
    assert [each.value for each in app.metric if each.label == "Epochs done"] == ["2 of 3"]
    checked(button(app, "Stop").click().run())
    assert store.get(run.id).stopping
    assert button(app, "Stop").disabled


def test_a_queued_run_says_its_place_and_has_the_buttons_that_go_with_it(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.runs.queue.ProcessExecutor.start", lambda *_: None)
    monkeypatch.setattr("core.runs.queue.slot_count", lambda: 0)
    config = find_experiment("vessels").config(recipe="quick").as_values()
    ids = [store.create("vessels", config).id for _ in range(3)]
    labels = []
    for run_id in ids:
        app = open_page("runs", run=run_id)
        labels.append({each.label for each in app.button} & {"Cancel", "Sooner", "Later", "Stop", "Kill", "Prolong"})
    assert labels == [{"Cancel", "Later"}, {"Cancel", "Sooner", "Later"}, {"Cancel", "Sooner"}]
    checked(button(app, "Sooner").click().run())
    assert [run.id for run in queued(store.runs())] == [ids[0], ids[2], ids[1]]
    checked(button(app, "Cancel").click().run())
    assert store.get(ids[2]).state == "stopped"


def test_an_unknown_run_is_told_with_what_to_do() -> None:
    app = open_page("runs", run="abcdef01")
    assert "is not known" in app.warning[0].value


def test_the_table_lists_and_filters_all_runs(store: RunStore) -> None:
    record(store)
    record(store, status=FAILED)
    app = open_page("runs")
    checked(app.segmented_control(key="runs-view").set_value("All runs").run())
    assert sorted(app.dataframe[0].value["State"]) == ["failed", "finished"]
    checked(app.text_input(key="runs-search").set_value("Memory").run())
    assert list(app.dataframe[0].value["State"]) == ["failed"]
    checked(app.text_input(key="runs-search").set_value("nothing like it").run())
    assert "No run fits" in app.info[0].value


def test_again_opens_the_form_with_the_runs_settings(store: RunStore) -> None:
    run = record(store, epochs=9)
    app = open_page("runs", run=run.id)
    checked(button(app, "Train again").click().run())
    assert app.code[0].value.endswith("--recipe quick --set epochs=9")


def test_the_demo_is_embedded_from_this_server_with_the_run() -> None:
    app = open_page("predict", run="0123456789abcdef0123456789abcdef")
    source = app.get("iframe")[0].proto.src
    assert re.match(r"/gradio/\?run=0123456789abcdef0123456789abcdef&__theme=", source)


def test_a_history_of_100_000_points_is_drawn_at_once(
    store: RunStore, home: Path, record_property: Callable[[str, object], None]
) -> None:
    """Well under a second on an idle machine; three times as long is allowed to a busy one before this fails."""
    run = record(store, status=None)
    rows = [(key, 1 / step, step, run.id, step) for key in KEYS for step in range(7, 100_001)]
    with sqlite3.connect(home / "mlflow.db") as database:  # MLflow takes minutes to write them
        database.executemany("insert into metrics (key, value, timestamp, run_uuid, step) values (?, ?, ?, ?, ?)", rows)
    store.beat(run.id, Progress(step=100_000, steps=200_000, epoch=1, epochs=2))
    open_page("runs")  # whatever is loaded once
    start = time.perf_counter()
    histories = Histories()
    for key in KEYS:
        curve = histories.read(store, store.get(run.id), key)
        assert len(curve[0]) == 100_000
        figure = draw_steps([("", curve)], strength=0.9, log=False, zoom=(500.0, 700.0))
        assert all(len(line["x"]) < 3000 for line in figure["data"])
    first = time.perf_counter() - start
    start = time.perf_counter()
    checked(open_page("runs", run=run.short_id))
    again = time.perf_counter() - start
    record_property("seconds_for_100000_points", round(first, 2))
    sys.stdout.write(f"100,000 points of two keys read and drawn: {first:.2f} s; the page with them {again:.2f} s\n")
    assert first < 3.0


def test_the_system_page_says_what_is_there_and_keeps_limits(store: RunStore, home: Path) -> None:
    record(store)
    app = open_page("system")
    assert {each.label for each in app.metric} >= {"Processor cores", "Free memory", "Free disk", "Queued"}
    cells = [str(cell) for each in app.table for cell in each.value.to_numpy().ravel()]
    assert "Best weights" in cells
    assert str(home) in cells
    app.number_input(key="system-slots").set_value(3)
    checked(app.run())
    app.number_input(key="system-gib").set_value(0.5)
    checked(app.run())
    assert read_settings() == Settings(slots=3, keep_gib=0.5)
    assert app.number_input(key="system-slots").value == 3
    assert "By this rule 0 runs' states go now" in texts(app)
    assert open_page("system").number_input(key="system-slots").value == 3


def test_the_load_of_a_run_is_drawn(store: RunStore) -> None:
    run = record(store, status=None)
    store.log_points(
        run.id, [(f"system/{key}", (second, 1e9, time.time())) for key in ("cpu", "memory") for second in (3, 5)]
    )
    app = open_page("runs", run=run.short_id)
    app.session_state["run-tab"] = "Machine"
    checked(app.run())
    assert "Processor cores in use" in texts(app)
    assert "Memory of the run, GiB" in texts(app)
