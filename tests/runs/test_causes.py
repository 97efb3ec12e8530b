from pathlib import Path

import pytest

from core.runs.causes import exit_path, say_cause
from core.runs.recorder import StoreRecorder
from core.runs.run import FAILED, Progress
from core.runs.store import RunStore
from tests.runs.test_queue import CONFIG


@pytest.mark.parametrize(
    ("code", "epoch", "said"),
    [
        ("", 0, "died before its first epoch was done without a word: it was killed, or the machine was restarted."),
        ("-9", 3, "died after epoch 3: it was ended from outside by SIGKILL."),
        ("7", 3, "died after epoch 3 with exit status 7; the log has the details."),
    ],
)
def test_it_is_said_how_a_worker_ended_and_what_resuming_does(
    code: str, epoch: int, said: str, store: RunStore, tmp_path: Path
) -> None:
    run, log = store.create("vessels", CONFIG), tmp_path / "run.log"
    store.claim(run.id)
    store.beat(run.id, Progress(epoch=epoch))
    if code:
        exit_path(log).write_text(code)
    cause = say_cause(store.get(run.id), log)
    assert said in cause
    assert cause.endswith("Resume it to go on from its last checkpoint." if epoch else "Resume it to begin anew.")


def test_who_is_resumed_and_dies_before_it_trains_has_not_lost_its_epochs(store: RunStore, tmp_path: Path) -> None:
    run = store.create("vessels", CONFIG)
    store.claim(run.id)
    store.beat(run.id, Progress(epoch=3))
    store.finish(run.id, FAILED, "It did not go well.")
    store.reopen(run.id)
    store.claim(run.id)
    with StoreRecorder(store, run.id) as recorder:
        recorder.say("Opening the data.")
    assert say_cause(store.get(run.id), tmp_path / "run.log").startswith("The worker process died after epoch 3 ")
