"""MLflow is loaded by one thread: two that import it at the same moment can each find it half made."""

import importlib
import threading

_loading = threading.Lock()


def load_tracking() -> None:
    """Import what reads and writes runs; threads that come meanwhile wait. It takes seconds the first time."""
    with _loading:
        importlib.import_module("core.runs.launcher")
