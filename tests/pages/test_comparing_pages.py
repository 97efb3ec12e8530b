"""Pages that compare and look closely: Compare, Reports, Inspect."""

import json
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.experiments import find_experiment
from core.inference.data_diagnosis.report import Placement, path_of, say_advice, say_shift
from core.metrics.separation import Separation
from core.runs.recorder import StoreRecorder
from core.runs.store.run_store import RunStore
from core.ui.views.compare import studies
from core.ui.views.inspect import run as inspected
from tests.pages.opened_pages import buttons, checked, has, numbers, open_page, parameter, record, texts
from tests.studies.test_study import record as record_runs_of_study

pytestmark = pytest.mark.filterwarnings("default")  # of Streamlit, MLflow and their dependencies, not of ours

TAB = "sides-tab"


@pytest.fixture
def store(home: Path) -> RunStore:
    return RunStore()


def counts(app: AppTest) -> list[list[float]]:
    """Return the numbers of each line of the page that has some."""
    return [found for line in texts(app).splitlines() if (found := numbers(line))]


def test_runs_stand_side_by_side_and_the_link_keeps_them(store: RunStore) -> None:
    first, second, other = record(store, dice=0.7), record(store, dice=0.8, learning_rate=0.01), record(store)
    app = open_page("compare", runs=f"{first.short_id},{second.short_id}")
    assert app.multiselect(key="compare-runs").value == [first.short_id, second.short_id]
    (scores,) = app.dataframe
    assert [row for row in scores.value.T.to_numpy().tolist() if "0.7000" in row] == [["0.7000", "0.8000"]]
    (differing,) = app.table
    assert list(differing.value.iloc[:, 0]) == ["learning_rate"]
    assert list(differing.value[second.short_id]) == ["0.01"]
    assert app.selectbox(key="compare-score").value == "val/dice"
    app.multiselect(key="compare-runs").set_value([first.short_id, other.short_id])
    app.selectbox(key="compare-score").set_value("step/loss")
    checked(app.run())
    assert parameter(app, "runs") == [f"{first.short_id},{other.short_id}"]
    assert not app.table, "they differ in nothing"
    assert not app.warning


def test_a_run_keeps_its_colour_when_others_join_it_or_leave(store: RunStore) -> None:
    runs = [record(store, learning_rate=0.001 * number) for number in range(1, 7)]
    app = open_page("compare", runs=f"{runs[2].short_id},{runs[4].short_id}")
    before = dict(app.session_state["line-styles"])
    assert before.keys() == {runs[2].id, runs[4].id}
    app.multiselect(key="compare-runs").set_value([run.short_id for run in runs])
    after = checked(app.run()).session_state["line-styles"]
    assert {name: after[name] for name in before} == before
    assert len(set(after.values())) == len(runs)


def test_runs_that_must_not_be_compared_are_marked(store: RunStore) -> None:
    first, second = record(store), record(store, validation=0.3)
    app = open_page("compare", runs=f"{first.short_id},{second.short_id}")
    (shares,) = [each.value for each in app.warning]
    store.add_facts(first.id, {"fingerprint": "a"})
    store.add_facts(second.id, {"fingerprint": "b"})
    (data,) = [each.value for each in checked(app.run()).warning]
    assert shares != data, "each has its own reason"


def test_a_study_is_asked_read_and_carried_by_its_link(store: RunStore) -> None:
    app = open_page("compare", ask="pets-encoders")
    assert app.selectbox(key="study-template").value == "pets-encoders"
    assert numbers(app.button(key="start-study").label) == [6]
    assert [each for each in app.caption if numbers(each.value)[-2:] == [6, 2]], "runs and sides"
    study = record_runs_of_study(store, seeds=2)
    assert "gone-01234567" in open_page("compare", study="gone-01234567").warning[0].value
    app = open_page("compare", study=study.id)
    assert study.template.question in texts(app)
    assert [4, 4, 2] in counts(app), "runs that have ended, runs, seeds"
    assert [each for each in app.success if study.sides[1].name in each.value], "what may be claimed"
    assert parameter(app, "study") == [study.id]
    late = store.create("reconstruction", {**study.runs[0].config, "seed": 2})
    store.join_study(late.id, study.id, "val")
    waiting = open_page("compare", study=study.id)
    assert not waiting.success, "a claim that may still change is none yet"
    assert [each for each in waiting.caption if numbers(each.value)[:2] == [1, 5]], "why it may still change"
    app.session_state[TAB] = studies.COSTS
    app.session_state["sides-cost"] = "parameters"  # as many for both: the better of them is better at the same cost
    checked(app.run())
    assert has(app, f"chart-sides-costs-{app.session_state['sides-cost']}")
    assert [each for each in app.caption if study.sides[0].name in each.value], "beaten in both"
    app.session_state[TAB] = studies.DISAGREEMENTS
    checked(app.run())
    assert [each for each in app.markdown if study.sides[1].name in each.value and numbers(each.value)[-2:] == [40, 40]]
    app.session_state[TAB] = studies.DIFFERENCES
    checked(app.run())
    assert list(app.table[0].value.iloc[:, 0]) == ["arm"]


def test_a_report_stands_on_its_page_with_its_files(store: RunStore) -> None:
    study = record_runs_of_study(store, seeds=2)
    app = open_page("reports", study=study.id)
    links = [element.proto.url for element in app.get("link_button")]
    assert [each.partition("?")[0] for each in links] == ["/files/report", "/files/report", "/files/curves"]
    assert all(study.id in each for each in links)
    app.text_area(key="report-remarks").set_value("One.\n\nTwo & three.")
    app.toggle(key="report-pictures").set_value(False)
    checked(app.run())
    address = app.get_by_key("save-report").proto.url
    assert "remark=One.&remark=Two+%26+three.&pictures=no&save=yes" in address
    for run in study.runs:
        (store.files.folder(run.id) / "scores" / "val-epoch-3.json").unlink()
    assert has(open_page("reports", study=study.id), "score-now")
    alone = open_page("reports", runs=study.runs[0].short_id)
    assert [each.proto.url.partition("?")[0] for each in alone.get("link_button")] == ["/files/curves"]


def test_what_more_pictures_are_worth_is_drawn(store: RunStore) -> None:
    record_runs_of_study(store, seeds=2)
    study = record_runs_of_study(store, seeds=2, share=0.5)
    app = open_page("compare", session={TAB: studies.AMOUNTS}, study=study.id)
    assert has(app, "chart-sides-amounts")


def test_a_study_says_where_its_data_stand(store: RunStore) -> None:
    study = record_runs_of_study(store, seeds=2, template="chest-tuning")
    app = open_page("compare", session={TAB: studies.PLACE}, study=study.id)
    assert has(app, "measure-data")
    placed = Placement("lungs", "same", 4000, 2, 0.2, Separation(0.69, 0.66, 0.72))
    path_of("same").parent.mkdir(parents=True)
    path_of("same").write_text(json.dumps(placed.as_json()))
    checked(app.run())
    assert has(app, "chart-place-same")
    assert say_advice(placed) in texts(app)
    assert say_shift(placed) in texts(app)


def test_a_study_that_nobody_scored_offers_to(store: RunStore) -> None:
    study = record_runs_of_study(store, seeds=2)
    for run in study.runs:
        (store.files.folder(run.id) / "scores" / "val-epoch-3.json").unlink()
    app = open_page("compare", study=study.id)
    assert [4] in counts(app), "runs without scores"
    assert has(app, "score-now")


def test_a_classifier_is_inspected_epoch_by_epoch(store: RunStore) -> None:
    assert "train-first" in buttons(open_page("inspect"))
    config = find_experiment("chest").config(recipe="quick", data="/gone")
    run = store.create("chest", config.as_values())
    rng = np.random.default_rng(0)
    with StoreRecorder(store, run.id) as recorder:
        for epoch in (1, 2):
            labels = rng.integers(0, 2, 30)
            second = np.clip(labels * 0.3 * epoch + rng.uniform(0, 0.5, 30), 0, 1)
            probs = np.stack([1 - second, second], axis=1).astype(np.float32)
            names = np.array([f"train/{each}.png" for each in range(30)])
            components = rng.normal(size=(30, 5)).astype(np.float16)
            told = {"names": names, "labels": labels, "probs": probs, "components": components}
            recorder.record_answers(epoch, told)
    app = open_page("inspect", run=run.short_id, epoch="1")
    assert [each for each in app.caption if numbers(each.value)[::2] == [30, 1]], "pictures and epoch"
    assert app.dataframe[0].value.iloc[:, 1:].to_numpy().sum() == 30
    shown = {
        inspected.THRESHOLD: "inspect-threshold-5.0-1.0-1", inspected.CALIBRATION: "chart-inspect-calibration",
        inspected.CURVES: "chart-inspect-roc", inspected.MAP: f"map-{run.id}-pca",
    }  # fmt: skip
    for tab, key in shown.items():
        app.session_state["inspect-tab"] = tab
        assert has(checked(app.run()), key), tab
    app.session_state["inspect-tab"] = inspected.RANKED
    missing = [each for each in checked(app.run()).caption if "image_not_supported" in each.value]
    assert len(missing) == inspected.SHOWN + 4, "worst and best, whose files are gone"
    app.session_state["inspect-tab"] = inspected.NETWORK
    assert len(checked(app.run()).info) == 1, "there are no weights yet"
    app.select_slider[0].set_value(2)
    assert [each for each in checked(app.run()).caption if numbers(each.value)[::2] == [30, 2]]
    assert parameter(app, "epoch") == ["2"]


def test_compare_begins_with_two_runs_of_one_experiment_and_asks_for_a_second(store: RunStore) -> None:
    alone = record(store)
    app = open_page("compare", runs="")
    assert app.multiselect(key="compare-runs").value == [alone.short_id]
    assert not app.table
    another = record(store)
    store.create("objects", find_experiment("objects").config(recipe="quick").as_values())
    assert open_page("compare", runs="").multiselect(key="compare-runs").value == [another.short_id, alone.short_id]


def test_compare_says_what_to_do_where_there_is_nothing() -> None:
    assert "train-first" in buttons(open_page("compare", runs=""))
    assert {"ask-chest-tuning", "ask-pets-encoders", "start-study"} <= buttons(open_page("compare"))
