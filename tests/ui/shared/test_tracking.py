"""MLflow is loaded once, whoever asks first."""

import subprocess
import sys

from core.paths import PROJECT

PROGRAM = """
import sys, threading
from core.ui.shared.tracking import load_tracking

sys.setswitchinterval(1e-5)  # without the lock, this finds MLflow half made nearly every time
failed = []

def go(package):
    try:
        load_tracking()
        __import__(package)
    except BaseException as error:
        failed.append(repr(error))

threads = [threading.Thread(target=go, args=(each,)) for each in ("core.runs.launcher", "core.runs.queue", "fastapi")]
for each in threads:
    each.start()
for each in threads:
    each.join()
sys.exit("; ".join(failed) or 0)
"""


def test_pages_the_queue_and_the_demos_may_ask_for_it_at_the_same_moment() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
