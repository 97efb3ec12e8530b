from collections.abc import Iterator
from pathlib import Path

import pytest

from core.runs.store import RunStore
from tests.small_drive import make_small_drive


@pytest.fixture(scope="session")
def store_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for a whole session of store tests: making MLflow's tables takes seconds."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def store(store_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunStore]:
    monkeypatch.setenv("FOVEA_HOME", str(store_home))
    store = RunStore()
    yield store
    for run in store.runs():
        store._client.delete_run(run.id)


@pytest.fixture(scope="session")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small synthetic photographs in DRIVE's layout."""
    return make_small_drive(tmp_path_factory.mktemp("data") / "drive", n=6, seed=3)
