"""Numbers and states in words, the same on every page."""

import math
import re
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from core.config import Knob
from core.errors import UserError, brief
from core.experiments.experiment import SYNTHETIC, Experiment
from core.runs.run import SCHEDULED, Run

COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "queued": "gray",
        "running": "blue",
        "stopping": "orange",
        "finished": "green",
        "failed": "red",
        "stopped": "violet",
        "lost": "red",
    }
)
ICONS: Mapping[str, str] = MappingProxyType(
    {
        "queued": ":material/hourglass_top:",
        "running": ":material/play_circle:",
        "stopping": ":material/pending:",
        "finished": ":material/check_circle:",
        "failed": ":material/error:",
        "stopped": ":material/stop_circle:",
        "lost": ":material/heart_broken:",
    }
)

MARKS = re.compile(r"([\\*_\[\]<>~$#|@]|:(?=//)|(?<=www)\.)")
"""What Markdown, as Streamlit reads it, makes something else of."""


def as_text(words: object) -> str:
    r"""Return words as Markdown that shows them as they stand, but for code between backticks.

    What a page says may hold a file's or a class's name, or a piece of its own address: none of it is to become a link,
    a picture of another server's, or a heading.

    >>> as_text("![a](http://b) in `c_d`")
    '!\\[a\\](http\\://b) in `c_d`'
    """
    words = brief(str(words))
    parts = words.split("`")
    if len(parts) % 2 == 0 or "``" in words:
        parts = ["'".join(parts)]
    return "`".join(part if number % 2 else MARKS.sub(r"\\\1", part) for number, part in enumerate(parts))


def say_duration(seconds: float | None) -> str:
    """Return a span of time as people say it; a dash where it is not known."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def say_size(size: float) -> str:
    """Return a number of bytes as people say it."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size / 2**10:.0f} KiB" if size else "nothing"


def say_left(seconds: float | None) -> str:
    """Return an estimate of the time left, rounded as coarsely as it is sure."""
    if seconds is None:
        return "being estimated"
    step = 5 if seconds < 60 else 10 if seconds < 600 else 60
    return f"about {say_duration(max(step, step * round(seconds / step)))}"


def say_when(at: float) -> str:
    """Return a moment as local date and time."""
    return time.strftime("%d %b %Y, %H:%M", time.localtime(at))


def say_number(value: float | None) -> str:
    """Return a score with four digits; a dash where there is none."""
    return "–" if value is None or math.isnan(value) else f"{value:.4f}"


def say_value(value: Any) -> str:
    """Return a knob's value as a person would type it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def say_data(data: str) -> str:
    """Return a short name for a data set."""
    return "drawn pictures" if data == SYNTHETIC else Path(data).name or data


def title_of_score(experiment: Experiment, key: str) -> str:
    """Return a score's name for people, with or without ``val/`` before its key."""
    bare = key.removeprefix("val/")
    return experiment.score_titles.get(bare, bare.replace("_", " "))


def title_of_knob(knob: Knob) -> str:
    """Return a knob's label."""
    words = knob.name.replace("_", " ").capitalize()
    return f"{words} ({knob.unit})" if knob.unit and knob.unit != knob.name else words


def best_of(run: Run, key: str) -> float | None:
    """Return a score of a run's best epoch; None before the first or where it is not a number."""
    value = run.best.get(key)
    return None if value is None or math.isnan(value) else value


def monitored(experiment: Experiment, run: Run) -> tuple[str, float | None]:
    """Return the name of the score that a run goes by, and its best value so far."""
    try:
        key = experiment.monitor_of(str(run.config.get("arm", "")))
    except UserError:  # an arm of another version
        return "", None
    return title_of_score(experiment, key), best_of(run, key)


def say_status(run: Run) -> str:
    """Return what a run is doing or how it ended, in a sentence or two."""
    progress = run.progress
    if run.is_final:
        return run.reason or "It has ended."
    if run.stopping:
        return "It was asked to stop and ends after its current step. The best epoch is kept."
    if run.status == SCHEDULED and not run.worker:
        return "It is queued and starts by itself when the runs before it have ended."
    if not progress.steps:
        return f"{run.reason or 'The worker process is starting.'} This takes a few seconds."
    now = min(progress.epoch + 1, run.epochs)
    return f"Training epoch {now} of {run.epochs}; {say_left(progress.seconds_left)} left."
