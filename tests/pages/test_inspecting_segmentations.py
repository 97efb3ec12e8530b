"""Inspect and Compare where the answer is a region of a picture; and the network of every run."""

from pathlib import Path

import pytest

from core.experiments import find_experiment
from core.inference.scores import kept_scores, score
from core.runs.store import RunStore
from core.ui import mask_view
from tests.inference.trained_runs import record_trained
from tests.pages.test_pages import button, checked, open_page, parameter, texts

pytestmark = pytest.mark.filterwarnings("default")  # of Streamlit, MLflow and their dependencies, not of ours


@pytest.fixture
def store(home: Path) -> RunStore:
    return RunStore()


def test_a_segmentation_is_inspected_from_its_worst_picture_on(store: RunStore, tmp_path: Path) -> None:
    run = record_trained(store, tmp_path / "drive", "vessels", validation=0.5)
    app = open_page("inspect", run=run.short_id)
    assert "run has none on what the runs held back yet" in texts(app)
    assert button(app, "Score it now")
    scored = score(store, run, "val")
    order = sorted(range(len(scored.names)), key=lambda each: scored.rows[each]["dice"])
    app = open_page("inspect", run=run.short_id)
    choice = app.selectbox(key=f"{mask_view.PICTURE}-{run.id}-val")
    assert [each.partition(" ")[0] for each in choice.options] == [scored.names[each] for each in order]
    worst, best = scored.names[order[0]], scored.names[order[-1]]
    assert choice.value == worst
    assert parameter(app, "picture") == [worst]
    checked(app.button(key=f"{mask_view.PICTURE}-{run.id}-val-{best}").click().run())
    assert app.selectbox(key=f"{mask_view.PICTURE}-{run.id}-val").value == best
    checked(app.toggle(key=mask_view.LOOKS).set_value(True).run())
    said = texts(app)
    assert "`bottleneck`" in said or "Nothing is found at this threshold" in said


def test_classes_are_offered_from_the_one_that_a_picture_is_worst_in(store: RunStore, tmp_path: Path) -> None:
    run = record_trained(store, tmp_path / "land", "landcover")
    scored = score(store, run, "val")
    name = scored.names[0]
    app = open_page("inspect", run=run.short_id, picture=name)
    choice = app.selectbox(key=f"{mask_view.CLASS}-{run.id}")
    known = {key.removeprefix("iou_"): each for key, each in scored.rows[0].items() if key.startswith("iou_")}
    said = [each.partition(" · ")[0] for each in choice.options]
    assert said[: len(known)] == sorted(known, key=known.__getitem__)
    assert all("not here" in each for each in choice.options[len(known) :])
    assert "that is the network's own answer" in texts(app)


def test_a_data_set_that_is_gone_is_said_and_the_page_stands(store: RunStore, tmp_path: Path) -> None:
    run = record_trained(store, tmp_path / "drive", "vessels")
    score(store, run, "val")
    (tmp_path / "drive").rename(tmp_path / "elsewhere")
    app = open_page("inspect", run=run.short_id)
    assert "There is no folder" in texts(app)


def test_two_segmentations_are_compared_over_the_same_picture(store: RunStore, tmp_path: Path) -> None:
    runs = [record_trained(store, tmp_path / "pets", "pets", arm=arm, width=0.125, size=96, validation=0.5)
            for arm in ("unet", "resnet34-unet")]  # fmt: skip
    rows = {run.id: score(store, run, "val") for run in runs}
    app = open_page("compare", runs=",".join(run.short_id for run in runs))
    app.session_state["sides-tab"] = "Picture by picture"
    checked(app.run())
    key = f"differ-picture-{runs[0].id}-{runs[1].id}-val"
    dice = [[row["dice"] for row in rows[run.id].rows] for run in runs]
    gaps = [abs(one - other) for one, other in zip(*dice, strict=True)]
    largest = rows[runs[0].id].names[gaps.index(max(gaps))]
    assert app.selectbox(key=key).value == largest
    assert "one threshold counts for both" in texts(app)
    assert f"of {len(gaps)} pictures" in texts(app)


@pytest.mark.parametrize(("slug", "part"), [("vessels", "bottleneck"), ("reconstruction", "bottleneck")])
def test_every_run_shows_its_network_part_by_part_and_is_timed(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slug: str, part: str
) -> None:
    monkeypatch.setattr("core.ui.network_view.SECONDS", 0.01)
    run = record_trained(store, tmp_path / "data", slug)
    store.add_facts(run.id, {"latency": "12.34", "latency_measured": "Median of 5 passes."})
    app = open_page("inspect", run=run.short_id)
    app.session_state["inspect-tab"] = "Network"
    checked(app.run())
    table = app.dataframe[0].value
    assert part in list(table["Part"])
    assert table["Share of FLOPs"].sum() == pytest.approx(1)
    network = find_experiment(slug).set_up(find_experiment(slug).read_config(run.config)).build_network()
    assert table["Parameters"].sum() == sum(each.numel() for each in network.parameters())
    assert "**12.3 ms** at the end of the training. Median of 5 passes." in texts(app)
    checked(button(app, "Measure it here").click().run())  # type: ignore[attr-defined]
    assert "on this machine now. Median of" in texts(app)
    assert kept_scores(store, run, "val") is None
