"""A run as it stood when it was read: a snapshot, never live."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SCHEDULED, RUNNING, FINISHED, FAILED, KILLED = "SCHEDULED", "RUNNING", "FINISHED", "FAILED", "KILLED"
FINAL = frozenset({FINISHED, FAILED, KILLED})


@dataclass(frozen=True)
class Progress:
    """How far a run had come at its last heartbeat; see :class:`core.engine.trainer.Progress`."""

    step: int = 0
    steps: int = 0
    epoch: int = 0
    epochs: int = 0
    seconds_left: float | None = None
    stale_epochs: int = 0


@dataclass(frozen=True)
class Orders:
    """What was asked of a worker since it began.

    Attributes:
        stop: Whether to stop after the current step.
        epochs: How many epochs the run is to have by now.
    """

    stop: bool
    epochs: int


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        id: Name in the store, 32 hexadecimal digits; the first 8 are shown.
        slug: Experiment.
        name: Name for people.
        status: One of the five states of MLflow.
        reason: Why it ended as it did, or what it is doing, in a sentence.
        config: All knobs.
        progress: At the last heartbeat.
        best: Scores of the best epoch.
        best_epoch: That epoch, counted from 1; 0 before the first.
        created: Seconds since 1970.
        started: When the worker of this attempt took it; None before.
        ended: When it reached its final state; None before.
        beat: Last heartbeat; None before the first.
        stopping: Whether a stop was asked for.
        host: Machine on which it was recorded; it is started there.
        order: Place in the queue: of two queued runs the one with the smaller number starts first.
        attempt: How often it was started: 1, and one more each time it is resumed or prolonged.
        earlier: Start and end of each earlier attempt that a worker took, seconds since 1970.
        killed: Whether a person asked for its end at once.
        usage: Load at the last heartbeat: ``cpu`` (cores), ``memory`` (bytes of the worker), ``free_share`` (part of
            the machine's memory that was free).
        lost: Whether it failed because its worker was gone without a word.
        worker: Who trains it: host, process id and start time of that process.
        facts: Fingerprint, device, versions, commit and other strings recorded with it.
        studies: The studies it belongs to, each with the split on which that one compares.
        damaged: What of its record could not be read.
    """

    id: str
    slug: str
    name: str
    status: str
    reason: str
    config: Mapping[str, Any]
    progress: Progress
    best: Mapping[str, float]
    best_epoch: int
    created: float
    started: float | None
    ended: float | None
    beat: float | None
    stopping: bool
    host: str = ""
    order: float = 0.0
    attempt: int = 1
    earlier: tuple[tuple[float, float], ...] = ()
    killed: bool = False
    usage: Mapping[str, float] = field(default_factory=dict)
    lost: bool = False
    worker: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    studies: Mapping[str, str] = field(default_factory=dict)
    damaged: tuple[str, ...] = ()

    @property
    def short_id(self) -> str:
        """Return the first eight digits, enough to name a run by hand."""
        return self.id[:8]

    @property
    def is_final(self) -> bool:
        """Say whether it will never change again."""
        return self.status in FINAL

    @property
    def epochs(self) -> int:
        """Return how many epochs it is to have, those counted that were added and are not trained yet."""
        return int(self.config.get("epochs", 0)) or self.progress.epochs

    @property
    def share_done(self) -> float:
        """Return the part of its steps that are done, 0 to 1."""
        steps = self.progress.steps * self.epochs / max(1, self.progress.epochs)
        return min(1.0, self.progress.step / steps) if steps else 0.0

    @property
    def attempts(self) -> tuple[tuple[float, float], ...]:
        """Return start and end of every attempt that a worker took, the last sign of life where one goes on."""
        until = self.ended or self.beat
        if self.started is None or until is None:
            return self.earlier
        return (*self.earlier, (self.started, max(self.started, until)))

    @property
    def seconds(self) -> float | None:
        """Return how long it trained in all attempts together, to its end or to its last sign of life."""
        return sum(end - start for start, end in self.attempts) if self.attempts else None

    @property
    def state(self) -> str:
        """Return the state in one word for people."""
        if self.status == RUNNING:
            return "stopping" if self.stopping else "running"
        if self.lost:
            return "lost"
        return {SCHEDULED: "queued", FINISHED: "finished", FAILED: "failed", KILLED: "stopped"}[self.status]

    def as_json(self) -> dict[str, Any]:
        """Return what the command line prints of a run."""
        return {
            "run": self.id,
            "name": self.name,
            "experiment": self.slug,
            "status": self.status,
            "state": self.state,
            "reason": self.reason,
            "best": dict(self.best),
            "epoch": self.best_epoch,
            "epochs_done": self.progress.epoch,
            "attempt": self.attempt,
            "seconds": None if self.seconds is None else round(self.seconds, 1),
            "created": self.created,
            "config": dict(self.config),
            "facts": dict(self.facts),
        }
