"""Inspect and Compare where the answer is a region of a picture; and the network of every run."""

from pathlib import Path

import pytest

from core.experiments import find_experiment
from core.inference.scores import kept_scores, score
from core.runs.run import Run
from core.runs.store.run_store import RunStore
from core.ui.views.compare import studies
from core.ui.views.inspect import masks
from core.ui.views.inspect import run as inspected
from core.ui.views.inspect.network import LATENCY
from tests.inference.trained_runs import record_trained
from tests.pages.opened_pages import cells, checked, has, numbers, open_page, parameter, press, shown, texts
from tests.synthetic_sets import SyntheticSets

pytestmark = pytest.mark.filterwarnings("default")  # of Streamlit, MLflow and their dependencies, not of ours


@pytest.fixture
def store(home: Path) -> RunStore:
    return RunStore()


SMALL: dict[str, dict[str, object]] = {
    "vessels": {"diameter": 128, "threshold": 0.2}, "landcover": {"size": 96}, "pets": {"size": 96, "width": 0.125},
    "reconstruction": {"size": 64},
}  # fmt: skip
"""Knobs that make a network's work small; at its threshold the one of random weights finds something."""


def trained(store: RunStore, folder: Path, slug: str, sets: SyntheticSets, *, arm: str = "", **changes: object) -> Run:
    """Return a run of random weights on small pictures of its own in a folder."""
    if not folder.exists():
        sets.copy(slug, folder, halved=True)
    return record_trained(store, folder, slug, arm=arm, **SMALL[slug], **changes)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_segmentation_is_inspected_from_its_worst_picture_on(
    store: RunStore, tmp_path: Path, synthetic_sets: SyntheticSets
) -> None:
    run = trained(store, tmp_path / "drive", "vessels", synthetic_sets, validation=0.5)
    assert has(open_page("inspect", run=run.short_id), "score-now")
    scored = score(store, run, "val")
    order = sorted(range(len(scored.names)), key=lambda each: scored.rows[each]["dice"])
    app = open_page("inspect", run=run.short_id)
    assert not has(app, "score-now")
    choice = app.selectbox(key=f"{masks.PICTURE}-{run.id}-val")
    assert [each.partition(" ")[0] for each in choice.options] == [scored.names[each] for each in order]
    worst, best = scored.names[order[0]], scored.names[order[-1]]
    assert choice.value == worst
    assert parameter(app, "picture") == [worst]
    press(app, f"{masks.PICTURE}-{run.id}-val-{best}")
    assert app.selectbox(key=f"{masks.PICTURE}-{run.id}-val").value == best
    checked(app.toggle(key=masks.LOOKS).set_value(True).run())
    assert "`bottleneck`" in texts(app), "the layer that was asked"


@pytest.mark.slow
def test_classes_are_offered_from_the_one_that_a_picture_is_worst_in(
    store: RunStore, tmp_path: Path, synthetic_sets: SyntheticSets
) -> None:
    run = trained(store, tmp_path / "land", "landcover", synthetic_sets)
    scored = score(store, run, "val")
    name = scored.names[0]
    app = open_page("inspect", run=run.short_id, picture=name)
    choice = app.selectbox(key=f"{masks.CLASS}-{run.id}")
    known = {key.removeprefix("iou_"): each for key, each in scored.rows[0].items() if key.startswith("iou_")}
    said = [each.partition(" · ")[0] for each in choice.options]
    assert said[: len(known)] == sorted(known, key=known.__getitem__)
    assert [bool(numbers(each)) for each in choice.options] == [place < len(known) for place in range(len(said))]


def test_a_data_set_that_is_gone_is_said_and_the_page_stands(
    store: RunStore, tmp_path: Path, synthetic_sets: SyntheticSets
) -> None:
    run = trained(store, tmp_path / "drive", "vessels", synthetic_sets)
    score(store, run, "val")
    (tmp_path / "drive").rename(tmp_path / "elsewhere")
    app = open_page("inspect", run=run.short_id)
    assert [each for each in app.info if str(tmp_path / "drive") in shown(each.value)]


def test_two_segmentations_are_compared_over_the_same_picture(
    store: RunStore, tmp_path: Path, synthetic_sets: SyntheticSets
) -> None:
    runs = [trained(store, tmp_path / "pets", "pets", synthetic_sets, arm=arm, validation=0.5)
            for arm in ("unet", "resnet34-unet")]  # fmt: skip
    rows = {run.id: score(store, run, "val") for run in runs}
    app = open_page(
        "compare", session={"sides-tab": studies.DISAGREEMENTS}, runs=",".join(each.short_id for each in runs)
    )
    key = f"differ-picture-{runs[0].id}-{runs[1].id}-val"
    dice = [[row["dice"] for row in rows[run.id].rows] for run in runs]
    gaps = [abs(one - other) for one, other in zip(*dice, strict=True)]
    largest = rows[runs[0].id].names[gaps.index(max(gaps))]
    assert app.selectbox(key=key).value == largest
    better = [sum(gap > 0 for gap in found) for found in _gaps(dice)]
    said = [numbers(each.value)[-2:] for each in app.markdown if "**" in each.value]
    assert all([each, len(gaps)] in said for each in better), "on how many pictures each is better"


def _gaps(dice: list[list[float]]) -> tuple[list[float], list[float]]:
    """Return by how much each of two is better, picture by picture."""
    first = [one - other for one, other in zip(*dice, strict=True)]
    return first, [-each for each in first]


@pytest.mark.parametrize(
    ("slug", "part"),
    [("vessels", "bottleneck"), pytest.param("reconstruction", "bottleneck", marks=pytest.mark.exhaustive)],
)
def test_every_run_shows_its_network_part_by_part_and_is_timed(
    store: RunStore,
    tmp_path: Path,
    synthetic_sets: SyntheticSets,
    monkeypatch: pytest.MonkeyPatch,
    slug: str,
    part: str,
) -> None:
    monkeypatch.setattr("core.ui.views.inspect.network.SECONDS", 0.01)
    run = trained(store, tmp_path / "data", slug, synthetic_sets)
    store.add_facts(run.id, {"latency": "12.34", "latency_measured": "Median of 5 passes."})
    app = open_page("inspect", session={"inspect-tab": inspected.NETWORK}, run=run.short_id)
    assert part in cells(app)
    parameters, flops = (app.dataframe[0].value.iloc[:, place] for place in (3, 6))
    assert flops.sum() == pytest.approx(1), "shares of the work"
    network = find_experiment(slug).set_up(find_experiment(slug).read_config(run.config)).build_network()
    assert parameters.sum() == sum(each.numel() for each in network.parameters())
    assert [each for each in app.markdown if "12.3 ms" in each.value and "Median of 5 passes." in each.value]
    press(app, f"{LATENCY}-{run.id}-button")
    milliseconds, told = app.session_state[f"{LATENCY}-{run.id}"]
    assert milliseconds > 0
    assert told in texts(app)
    assert kept_scores(store, run, "val") is None
