"""The pages through their entry script, without a browser, and what is on them: by key, by kind and by value."""

import re
import time
from functools import cache
from unittest import mock

from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from core.experiments import find_experiment
from core.paths import PROJECT
from core.runs.run import FINISHED, Progress, Run
from core.runs.store.run_store import RunStore

ENTRY = PROJECT / "pages" / "main.py"
installed_components = cache(manifest_scanner.scan_component_manifests)
"""Each visit looks through all installed packages for them, which takes nine tenths of its time: once is enough."""


def open_page(name: str, *, session: dict[str, object] | None = None, **query: str | list[str]) -> AppTest:
    """Open a page as a visitor with this address; ``session`` is what the visit remembers already."""
    app = AppTest.from_file(str(ENTRY), default_timeout=60).switch_page(str(PROJECT / "pages" / f"{name}.py"))
    for key, value in query.items():
        app.query_params[key] = value
    for key, told in (session or {}).items():
        app.session_state[key] = told
    with mock.patch.object(manifest_scanner, "scan_component_manifests", installed_components):
        return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception, app.exception[0].message
    return app


def press(app: AppTest, key: str) -> AppTest:
    """Press the button of this key and return the page as it is drawn then."""
    return checked(app.button(key=key).click().run())


def buttons(app: AppTest) -> set[str]:
    """Return the keys of all buttons."""
    return {str(each.key) for each in app.button}


def has(app: AppTest, key: str) -> bool:
    """Say whether something on the page has this key: a widget, a chart or a container."""
    try:
        app.get_by_key(key)
    except KeyError:
        return False
    return True


def texts(app: AppTest) -> str:
    kinds = (
        app.title, app.header, app.subheader, app.markdown, app.caption, app.info, app.warning, app.error, app.success,
    )  # fmt: skip
    return "\n".join(shown(each.value) for kind in kinds for each in kind)


def shown(words: object) -> str:
    """Return what a visitor reads where Markdown keeps a letter from meaning something."""
    return re.sub(r"\\([\\*_\[\]<>~$#|@:.])", r"\1", str(words))


def numbers(text: object) -> list[float]:
    """Return the numbers in a text, in their order."""
    return [float(each) for each in re.findall(r"\d+(?:\.\d+)?", str(text))]


def cells(app: AppTest) -> list[str]:
    """Return what stands in the cells of all tables."""
    return [str(cell) for each in (*app.table, *app.dataframe) for cell in each.value.to_numpy().ravel()]


def parameter(app: AppTest, key: str) -> list[str]:
    value = app.query_params[key]
    return [value] if isinstance(value, str) else list(value)


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
    store.metrics.log_points(run.id, points)
    store.set_best(run.id, 2, {"dice": dice, "iou_mean": 0.6, "loss": 0.3})
    store.beat(run.id, Progress(6, 9, 2, 3, 12.0, 0))
    if status:
        store.finish(run.id, status, "All 3 epochs are done." if status == FINISHED else "Memory is full.")
    return store.get(run.id)
