"""The pages through their entry script, without a browser."""

import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.config import IDENTITY
from core.experiments import catalogue, find_experiment
from core.experiments.experiment import SYNTHETIC
from core.paths import PROJECT
from core.runs.queue import queued
from core.runs.run import FAILED, Progress
from core.runs.settings import Settings, read_settings
from core.runs.storage import measure_disk
from core.runs.store.run_store import RunStore
from core.ui.components.figures import draw_steps
from core.ui.components.histories import Histories
from core.ui.shared.formatting import say_data
from core.ui.views.runs.actions import BUTTONS
from core.ui.views.runs.run import MACHINE
from core.ui.views.runs.table import ALL, VIEW
from core.ui.views.train import start
from core.ui.views.train.choice import Choice
from core.ui.views.train.form import FOLDER, OWN, RECIPE, SOURCE
from core.ui.views.train.settings_form import knob_key
from tests.pages.opened_pages import (
    buttons,
    cells,
    checked,
    has,
    numbers,
    open_page,
    parameter,
    press,
    record,
    texts,
)
from tests.synthetic_sets import SyntheticSets

pytestmark = pytest.mark.filterwarnings("default")  # of Streamlit, MLflow and their dependencies, not of ours

KEYS = ("step/loss", "step/learning_rate")
EPOCHS = knob_key("vessels", "unet-small", "quick", "epochs")
START = "start-training"


@pytest.fixture
def store(home: Path) -> RunStore:
    return RunStore()


def best_here(app: AppTest) -> list[str]:
    """Return the last cell of each row of Home's tables of scores."""
    rows = [row for each in app.markdown for row in str(each.value).splitlines() if row.startswith("| ")]
    return [row.strip("| ").rpartition("|")[2] for row in rows if not row.startswith("| :--")]


def changed_knobs(app: AppTest) -> list[float]:
    """Return what each knob that is marked as changed was."""
    return [each for caption in app.caption if "●" in caption.value for each in numbers(caption.value)]


def test_home_shows_every_experiment_and_what_to_do_first() -> None:
    app = open_page("home")
    shown = texts(app)
    for slug, experiment in catalogue().items():
        assert experiment.title in shown
        assert experiment.question in shown
        assert {f"train-{slug}", f"try-{slug}"} <= buttons(app)
    assert len(best_here(app)) > 2 * len(catalogue())
    assert not [each for each in best_here(app) if numbers(each)], "nothing was measured yet"
    assert len(app.info) == 1
    assert {"ask-chest-tuning", "ask-pets-encoders"} <= buttons(app)


def test_home_shows_the_best_finished_run_with_its_data_and_not_a_failed_one(store: RunStore) -> None:
    record(store, dice=0.7)
    record(store, dice=0.8)
    record(store, dice=0.9876, status=FAILED)
    app = open_page("home")
    assert [each for each in best_here(app) if "**0.800**" in each and say_data(SYNTHETIC) in each]
    assert "0.988" not in texts(app)
    assert has(app, "open-newest")


def test_home_shows_what_runs(store: RunStore) -> None:
    run = record(store, status=None)
    app = open_page("home")
    assert run.name in texts(app)
    assert parameter(press(app, f"watch-{run.id}"), "run") == [run.short_id]


@pytest.mark.parametrize("page", ["home", "train", "runs", "compare", "inspect", "reports", "predict", "system"])
def test_a_page_opens_on_an_empty_home(page: str) -> None:
    assert open_page(page).title


def test_every_knob_has_a_widget_with_the_recipes_value() -> None:
    app = open_page("train", experiment="vessels", recipe="reported")
    values = find_experiment("vessels").config(recipe="reported").as_values()
    for knob in find_experiment("vessels").config_type.knobs():
        if knob.name not in IDENTITY:
            assert app.session_state[knob_key("vessels", "unet-small", "reported", knob.name)] == values[knob.name]
    widgets = [*app.number_input, *app.selectbox, *app.toggle, *app.text_input]
    assert len([each for each in widgets if str(each.key).startswith("knob:")]) == len(values) - len(IDENTITY)


def test_a_changed_knob_is_marked_enters_the_command_and_the_address_and_can_be_put_back() -> None:
    app = open_page("train", experiment="vessels", recipe="quick")
    assert not has(app, "back-to-recipe")
    checked(app.number_input(key=EPOCHS).set_value(3).run())
    assert changed_knobs(app) == [6]
    assert app.code[0].value.endswith("--recipe quick --set epochs=3")
    assert parameter(app, "set") == ["epochs=3"]
    press(app, "back-to-recipe")
    assert changed_knobs(app) == []
    assert "set" not in app.query_params
    assert app.number_input(key=EPOCHS).value == 6


def test_the_address_fills_the_form() -> None:
    app = open_page(
        "train", experiment="vessels", arm="unet", recipe="reported", seed="7",
        set=["epochs=4", "flips=true", "loss=bce-dice"],
    )  # fmt: skip
    command = app.code[0].value
    assert command == (
        "python -m core train vessels --arm unet --recipe reported --seed 7"
        " --set epochs=4 --set flips=true --set loss=bce-dice"
    )


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"experiment": "nothing"}, ("nothing",)),
        ({"experiment": "vessels", "set": ["epochs=-1"]}, ("epochs", "-1")),
    ],
)
def test_a_wrong_address_is_told_and_the_form_is_still_there(
    wrong: dict[str, str | list[str]], told: tuple[str, ...]
) -> None:
    app = open_page("train", **wrong)  # type: ignore[arg-type]
    assert all(each in app.warning[0].value for each in told)
    assert not app.button(key=START).disabled


def test_knobs_survive_a_change_of_page() -> None:
    app = open_page("train", experiment="vessels", recipe="quick")
    checked(app.number_input(key=EPOCHS).set_value(3).run())
    app.switch_page(str(PROJECT / "pages" / "predict.py")).run()
    app.query_params.clear()
    checked(app.switch_page(str(PROJECT / "pages" / "train.py")).run())
    assert app.code[0].value.endswith("--recipe quick --set epochs=3")


def test_another_recipe_brings_its_own_values() -> None:
    app = open_page("train", experiment="vessels", recipe="quick", set=["epochs=3"])
    checked(app.selectbox(key=RECIPE).set_value("reported").run())
    assert app.code[0].value.endswith("--recipe reported")
    assert app.number_input(key=knob_key("vessels", "unet-small", "reported", "epochs")).value == 100


def test_start_is_disabled_with_the_reason_where_the_data_cannot_be_read() -> None:
    app = open_page("train", experiment="vessels", data="/nowhere/at/all")
    assert app.button(key=START).disabled
    assert "/nowhere/at/all" in texts(app)


def test_a_folder_of_ones_own_is_asked_for_and_checked(synthetic_sets: SyntheticSets) -> None:
    folder = str(synthetic_sets.of("vessels", n=4))
    app = open_page("train", experiment="vessels", recipe="quick")
    checked(app.segmented_control(key=SOURCE).set_value(OWN).run())
    assert app.button(key=START).disabled
    assert find_experiment("vessels").data_help in texts(app)
    checked(app.text_input(key=FOLDER).set_value(folder).run())
    assert not app.button(key=START).disabled
    assert app.code[0].value.endswith(f"--data {folder}")
    assert parameter(app, "data") == [folder]


def test_knobs_that_do_not_go_together_disable_start_and_stay_as_they_were_set() -> None:
    app = open_page("train", experiment="vessels", recipe="quick", set=["patch=0"])
    assert app.button(key=START).disabled
    assert "batch_size" in texts(app)
    assert app.number_input(key=knob_key("vessels", "unet-small", "quick", "patch")).value == 0


def test_start_launches_and_leads_to_the_run(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.runs.queue.ProcessExecutor.start", lambda *_: None)
    app = press(open_page("train", experiment="vessels", recipe="quick", set=["epochs=2"]), START)
    (run,) = store.runs()
    assert run.config["epochs"] == 2
    assert has(app, f"more-{run.id}"), "the page of the run"
    assert parameter(app, "run") == [run.short_id]


def test_one_press_starts_runs_with_further_seeds(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.runs.queue.ProcessExecutor.start", lambda *_: None)
    app = open_page("train", experiment="vessels", recipe="quick", seed="4")
    app.number_input(key=start.COUNT).set_value(3)
    checked(app.run())
    assert "--seed 6" in app.code[0].value
    assert numbers(app.button(key=START).label) == [3]
    press(app, START)
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
        press(app, START)
    assert has(app, START), "still the page of the form"
    checked(app.run())
    (run,) = store.runs()
    assert (has(app, f"more-{run.id}"), parameter(app, "run")) == (True, [run.short_id])


def test_check_says_what_is_missing() -> None:
    config, said = start.check(Choice("vessels", "unet-small", "quick", data=""))
    assert config is None
    assert find_experiment("vessels").data_help in said


def test_a_finished_run_says_how_it_ended_and_its_best(store: RunStore) -> None:
    run = record(store, dice=0.8123)
    app = open_page("runs", run=run.short_id)
    assert app.success[0].value == "All 3 epochs are done."
    assert (app.metric[0].value, numbers(app.metric[0].label)) == ("0.8123", [2])
    assert not has(app, f"stop-{run.id}")
    assert not app.button(key=f"try-{run.id}").disabled


def test_a_failed_run_is_never_shown_as_anything_else(store: RunStore) -> None:
    run = record(store, status=FAILED)
    app = open_page("runs", run=run.id)
    assert app.error[0].value == "Memory is full."
    assert not app.success


def test_a_running_run_shows_its_progress_and_can_be_stopped(store: RunStore) -> None:
    run = record(store, status=None)
    app = open_page("runs")
    assert parameter(app, "run") == [run.short_id]
    assert numbers(app.metric[1].value) == [2, 3]
    press(app, f"stop-{run.id}")
    assert store.get(run.id).stopping
    assert app.button(key=f"stop-{run.id}").disabled


def test_a_queued_run_says_its_place_and_has_the_buttons_that_go_with_it(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.runs.queue.ProcessExecutor.start", lambda *_: None)
    monkeypatch.setattr("core.runs.queue.slot_count", lambda: 0)
    config = find_experiment("vessels").config(recipe="quick").as_values()
    ids = [store.create("vessels", config).id for _ in range(3)]
    offered = []
    for place, run_id in enumerate(ids, start=1):
        app = open_page("runs", run=run_id)
        offered.append({each for each in BUTTONS if has(app, f"{each}-{run_id}")})
        assert place in numbers(app.get("progress")[0].proto.text)
    assert offered == [{"cancel", "later"}, {"cancel", "sooner", "later"}, {"cancel", "sooner"}]
    press(app, f"sooner-{ids[2]}")
    assert [run.id for run in queued(store.runs())] == [ids[0], ids[2], ids[1]]
    press(app, f"cancel-{ids[2]}")
    assert store.get(ids[2]).state == "stopped"


def test_an_unknown_run_is_told_with_what_to_do() -> None:
    warning = open_page("runs", run="abcdef01").warning[0].value
    assert "abcdef01" in warning
    assert ALL in warning


def test_the_table_lists_and_filters_all_runs(store: RunStore) -> None:
    record(store)
    record(store, status=FAILED)
    app = open_page("runs")
    checked(app.segmented_control(key=VIEW).set_value(ALL).run())
    assert sorted({"failed", "finished"} & set(cells(app))) == ["failed", "finished"]
    assert len(app.dataframe[0].value) == 2
    checked(app.text_input(key="runs-search").set_value("Memory").run())
    assert len(app.dataframe[0].value) == 1
    assert "failed" in cells(app)
    checked(app.text_input(key="runs-search").set_value("nothing like it").run())
    assert (len(app.dataframe), len(app.info)) == (0, 1)


def test_again_opens_the_form_with_the_runs_settings(store: RunStore) -> None:
    run = record(store, epochs=9)
    app = press(open_page("runs", run=run.id), f"train-again-{run.id}")
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
    with closing(sqlite3.connect(home / "mlflow.db")) as database, database:  # MLflow takes minutes to write them
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
    assert len(app.metric) == 6
    assert {each.title for each in measure_disk(store)} <= set(cells(app))
    assert str(home) in cells(app)
    app.number_input(key="system-slots").set_value(3)
    checked(app.run())
    app.number_input(key="system-gib").set_value(0.5)
    checked(app.run())
    assert read_settings() == Settings(slots=3, keep_gib=0.5)
    assert app.number_input(key="system-slots").value == 3
    assert not has(app, "clean-up"), "there is nothing to remove by this rule"
    assert open_page("system").number_input(key="system-slots").value == 3


def test_the_load_of_a_run_is_drawn(store: RunStore) -> None:
    run = record(store, status=None)
    store.metrics.log_points(
        run.id, [(f"system/{key}", (second, 1e9, time.time())) for key in ("cpu", "memory") for second in (3, 5)]
    )
    app = open_page("runs", run=run.short_id, session={"run-tab": MACHINE})
    assert has(app, f"chart-cpu-{run.id}")
    assert has(app, f"chart-memory-{run.id}")
