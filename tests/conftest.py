import os
from pathlib import Path

import pytest

# Read when torch and OpenMP are first loaded; small tensors are fastest on one thread, and tests share the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["STREAMLIT_BROWSER_GATHER_USAGE_STATS"] = "false"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a home of its own, so that none can touch the user's runs."""
    folder = tmp_path / "fovea-home"
    monkeypatch.setenv("FOVEA_HOME", str(folder))
    return folder
