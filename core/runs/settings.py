"""What a user sets for this home folder once, and every server and worker on it follows."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from core.errors import UserError
from core.files import write_atomically
from core.paths import home
from core.public import refuse_keeper_task

MOST_SLOTS = 64


@dataclass(frozen=True)
class Settings:
    """Limits of the queue and the rule of the clean-up.

    Attributes:
        slots: How many runs may train at once; 0 lets the machine decide.
        keep_days: Days after a run's end for which the state to go on with is kept; 0 keeps it for ever.
        keep_gib: GiB that these states may take together, the oldest go first; 0 sets no bound.
    """

    slots: int = 0
    keep_days: int = 0
    keep_gib: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.slots <= MOST_SLOTS:
            raise UserError(f"slots was given as {self.slots}; a whole number from 0 to {MOST_SLOTS} is allowed.")
        if self.keep_days < 0 or self.keep_gib < 0:
            raise UserError("What is kept cannot be less than nothing; give 0 to keep everything.")


def _path() -> Path:
    return home() / "settings.json"


def read_settings() -> Settings:
    """Return what was set; what is missing, damaged or not allowed stands at its default."""
    try:
        told = json.loads(_path().read_text(encoding="utf-8"))
        usual = asdict(Settings())
        return Settings(**{name: type(value)(told[name]) for name, value in usual.items() if name in told})
    except (OSError, ValueError, TypeError, UserError):
        return Settings()


def write_settings(settings: Settings) -> None:
    """Keep settings.

    Raises:
        UserError: If the home folder cannot be written, or this server is public.
    """
    refuse_keeper_task("Changing its limits")
    try:
        home().mkdir(parents=True, exist_ok=True)
        write_atomically(_path(), json.dumps(asdict(settings), indent=2).encode() + b"\n")
    except OSError as error:
        raise UserError(f"{_path()} cannot be written ({error.strerror}).") from error
