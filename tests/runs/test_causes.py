import re
from pathlib import Path

import pytest

from core.runs.process.causes import exit_path, say_cause, say_failure
from core.runs.recorder import StoreRecorder
from core.runs.run import FAILED, Progress
from core.runs.store.run_store import RunStore
from tests.runs.test_queue import CONFIG


def cause_of(store: RunStore, log: Path, *, code: str, epoch: int, free: float = 0.5) -> str:
    run = store.create("vessels", CONFIG)
    store.claim(run.id)
    store.beat(run.id, Progress(epoch=epoch), {"free_share": free})
    exit_path(log).unlink(missing_ok=True)
    if code:
        exit_path(log).write_text(code)
    return say_cause(store.get(run.id), log)


@pytest.mark.parametrize("epoch", [0, 4])
@pytest.mark.parametrize(("code", "free", "named"), [("", 0.5, ""), ("-9", 0.5, "SIGKILL"), ("7", 0.5, "7"),
                                                     ("-9", 0.03, "3 %"), ("", 0.03, "batch_size")])  # fmt: skip
def test_it_is_said_how_a_worker_ended_and_after_which_epoch(
    code: str, free: float, named: str, epoch: int, store: RunStore, tmp_path: Path
) -> None:
    cause = cause_of(store, tmp_path / "run.log", code=code, epoch=epoch, free=free)
    assert named in cause
    assert ("SIGKILL" in cause) == (named == "SIGKILL")
    assert ("batch_size" in cause) == (free < 0.5)
    assert (re.search(r"\b4\b", cause) is not None) == (epoch == 4)


def test_what_resuming_does_is_said_otherwise_where_no_epoch_was_done(store: RunStore, tmp_path: Path) -> None:
    lost, kept = (cause_of(store, tmp_path / "run.log", code="7", epoch=each).rpartition(". ")[2] for each in (0, 4))
    assert "resume" in lost.lower()
    assert "resume" in kept.lower()
    assert lost != kept


def test_who_is_resumed_and_dies_before_it_trains_has_not_lost_its_epochs(store: RunStore, tmp_path: Path) -> None:
    run = store.create("vessels", CONFIG)
    store.claim(run.id)
    store.beat(run.id, Progress(epoch=4))
    store.finish(run.id, FAILED, "It did not go well.")
    store.reopen(run.id)
    store.claim(run.id)
    with StoreRecorder(store, run.id) as recorder:
        recorder.say("Opening the data.")
    assert re.search(r"\b4\b", say_cause(store.get(run.id), tmp_path / "run.log"))


@pytest.mark.parametrize(("error", "named"), [
    (OSError(28, "No space left on device"), "FOVEA_HOME"),
    (MemoryError(), "batch_size"),
    (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "2 GiB"),
    (OSError(5, "Input/output error", "/disk/eye.tif"), "/disk/eye.tif"),
    (ZeroDivisionError("division by zero"), "division by zero"),
])  # fmt: skip
def test_what_ended_a_run_is_said_with_what_to_do(error: Exception, named: str) -> None:
    assert named in say_failure(error)
