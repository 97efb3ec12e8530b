from pathlib import Path

import pytest

from core.runs.store.run_store import RunStore
from tests.synthetic_sets import SyntheticSets


@pytest.fixture
def store(home: Path) -> RunStore:
    """The store of the test's own home."""
    return RunStore()


@pytest.fixture(scope="session")
def drive(synthetic_sets: SyntheticSets) -> Path:
    """Six small synthetic photographs in DRIVE's layout, to read."""
    return synthetic_sets.of("vessels", n=6, seed=3, halved=True)
