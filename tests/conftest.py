import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import psutil
import pytest

from tests.synthetic_sets import SyntheticSets

# Read when torch and OpenMP are first loaded; small tensors are fastest on one thread, and tests share the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the servers of the browser tests: they share one fork server
gc.set_threshold(100_000, 20, 50)  # what all tests import stays: to look it over again and again takes minutes
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["STREAMLIT_BROWSER_GATHER_USAGE_STATS"] = "false"


GROUPS = ("browser", "fork server", "servers", "study", "command line")
"""Groups of tests that take longest, in the order in which they begin; whatever is short fills the gaps at the end."""


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the first process; those of pytest-xdist inherit its environment
        os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="fovea-tests-")  # the fork server of this session


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ["XDG_RUNTIME_DIR"], ignore_errors=True)  # its fork server finds that and ends


def pytest_collection_finish(session: pytest.Session) -> None:
    """Hold that groups are kept together: a release of pytest once made pytest-xdist forget them without a word."""
    if session.config.getoption("loadgroup", False):
        grouped = [item.nodeid for item in session.items if item.get_closest_marker("xdist_group")]
        assert all("@" in nodeid for nodeid in grouped), "pytest-xdist does not keep groups together"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest begin first, so that no test process waits for another at the end."""

    def place(item: pytest.Item) -> tuple[int, bool]:
        group = next((mark.args[0] for mark in item.iter_markers("xdist_group")), "")
        return GROUPS.index(group) if group in GROUPS else len(GROUPS), item.get_closest_marker("slow") is None

    items.sort(key=place)


@pytest.fixture(scope="session")
def synthetic_sets(request: pytest.FixtureRequest) -> SyntheticSets:
    """Synthetic data sets that all tests share, to read; see :class:`SyntheticSets`."""
    assert request.config.cache is not None
    return SyntheticSets(request.config.cache.mkdir("sets"))


@pytest.fixture(scope="session")
def empty_store(request: pytest.FixtureRequest) -> Path:
    """Return MLflow's tables without a run: to make them takes a second, so they are made once and kept by pytest."""
    assert request.config.cache is not None
    path = request.config.cache.mkdir("stores") / f"mlflow-{version('mlflow')}.db"
    if not path.exists():
        from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

        part = path.with_name(f"{path.name}.{os.getpid()}")
        engine = create_sqlalchemy_engine(f"sqlite:///{part}")
        _initialize_tables(engine)
        engine.dispose()
        part.replace(path)
    return path


@pytest.fixture(autouse=True)
def home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, empty_store: Path
) -> Iterator[Path]:
    """Every test has a home of its own, so that none can touch the user's runs; it goes with the test."""
    # Of a name that never comes again: MLflow keeps what it has opened by its address.
    folder = Path(tempfile.mkdtemp(prefix="home-", dir=tmp_path_factory.getbasetemp()))
    shutil.copyfile(empty_store, folder / "mlflow.db")
    monkeypatch.setenv("FOVEA_HOME", str(folder))
    yield folder
    if (folder / "logs").exists():
        end_workers(folder)
    shutil.rmtree(folder, ignore_errors=True)  # of each of thousands, a megabyte would stay


def end_workers(home: Path) -> None:
    """End what still trains in a home: the worker of a test that failed would go on for ever and slow all others."""
    logs = str(home / "logs")
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if any(each.path.startswith(logs) for each in process.open_files()) and process.pid != os.getpid():
                process.kill()
