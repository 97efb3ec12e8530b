"""What a server on the open internet allows its visitors. The one place that reads the switch ``FOVEA_PUBLIC``.

Nobody logs in here, so a visitor cannot be told from another: whatever would cost the host much, show its disk, or
touch what somebody else made, is limited or left out, and says so.
"""

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from core.errors import UserError
from core.paths import PROJECT, home

MIB = 1 << 20
OFF = ("", "0", "false", "no")


@dataclass(frozen=True)
class PublicLimits:
    """What visitors may.

    Attributes:
        minutes: A training is stopped after so many and keeps its best epoch.
        unfinished_runs: So many may wait or train at once, all visitors' together.
        visitor_runs: So many of these may be one visitor's, as far as addresses tell visitors apart.
        knobs: The largest value of knobs that decide memory or time, where an experiment has them.
        sizes: Knobs that decide how large a network or a step is: none may be larger than in one of the experiment's
            own recipes.
        step_pixels: Of all pictures of one training step together.
        upload_bytes: Of one file.
        upload_pixels: Of one picture.
        upload_pictures: At once, an archive's counted each.
        upload_all_bytes: That an archive may unpack to, and that one request may bring.
        visitor_bytes: That one visitor may upload until it is cleaned away.
        stored_bytes: That the uploads and results of all visitors may take until they are cleaned away.
    """

    minutes: float = 10.0
    unfinished_runs: int = 4
    visitor_runs: int = 3
    knobs: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType(
            {
                "epochs": 60,
                "batch_size": 64,
                "size": 512,
                "diameter": 720,
                "patch": 256,
                "patches": 64,
                "per_class": 500,
            }
        )
    )
    sizes: tuple[str, ...] = (
        "bottleneck", "copies", "crop", "crops", "gallery", "hidden", "judge_width", "levels", "patch", "patches",
        "projection", "resize", "test_size", "tile", "width",
    )  # fmt: skip
    step_pixels: int = 64 * 256 * 256
    upload_bytes: int = 16 * MIB
    upload_pixels: int = 16_000_000
    upload_pictures: int = 50
    upload_all_bytes: int = 128 * MIB
    visitor_bytes: int = 512 * MIB
    stored_bytes: int = 2048 * MIB

    def say(self) -> str:
        """Return the limits in words, for pages."""
        return (
            f"This server is public: a training is stopped after {self.minutes:g} minutes and keeps its best epoch, "
            f"{self.unfinished_runs} may wait or train at once, {self.visitor_runs} of them one visitor's, and only "
            "drawn data is trained on. A picture may have "
            f"{self.upload_bytes / MIB:g} MiB and {self.upload_pixels / 1e6:g} million pixels. Runs are seen by all "
            "visitors; uploaded pictures are not."
        )


def public_limits() -> PublicLimits | None:
    """Return what this server's visitors may; None where it is not public. Read at every call."""
    return None if os.environ.get("FOVEA_PUBLIC", "").strip().lower() in OFF else PublicLimits()


def refuse_folder(data: str) -> None:
    """Refuse a folder of a public server as data.

    Raises:
        UserError: If this server is public.
    """
    if public_limits() is not None:
        raise UserError(
            f"The data were given as {data!r}, but a public server opens no folder of its own; choose the drawn "
            "pictures, whose name is synthetic."
        )


def refuse_training(config: Mapping[str, Any], largest: Callable[[], Mapping[str, float]]) -> None:
    """Refuse a training that is larger than a public server allows.

    Args:
        config: All knobs by name.
        largest: Returns of each numeric knob the largest value in the experiment's recipes; asked where it matters.

    Raises:
        UserError: If this server is public, and a knob is above its limit or names a place on its disk.
    """
    limits = public_limits()
    if limits is None:
        return
    known = largest()
    most = dict(limits.knobs) | {name: known[name] for name in limits.sizes if name in known}
    for name, allowed in most.items():
        if isinstance(config.get(name), int | float) and config[name] > allowed:
            raise UserError(f"{name} was given as {config[name]}, and a public server allows {allowed:g}; lower it.")
    side = next((int(config[name]) for name in ("patch", "crop", "size", "diameter") if config.get(name)), 0)
    if config.get("batch_size", 1) * side**2 > limits.step_pixels:
        raise UserError(
            f"A step of {config['batch_size']} pictures of {side}×{side} pixels is more than the "
            f"{limits.step_pixels / 1e6:.1f} million pixels that a public server allows; lower batch_size."
        )
    for name, value in config.items():
        if name != "data" and isinstance(value, str) and ("/" in value or "\\" in value or value.startswith("~")):
            raise UserError(f"{name} was given as {value!r}, but a public server opens no folder of its own; leave it.")


def refuse_another(unfinished: int, count: int = 1) -> None:
    """Refuse more trainings where a public server has enough of them.

    Args:
        unfinished: Runs that wait or train.
        count: So many more are asked for.

    Raises:
        UserError: If this server is public and has no place for all of them.
    """
    limits = public_limits()
    if limits is None or unfinished + count <= limits.unfinished_runs:
        return
    if count > limits.unfinished_runs:
        raise UserError(
            f"These are {count} trainings, and this public server allows {limits.unfinished_runs} that wait or run; "
            "ask for fewer."
        )
    asked = "" if count == 1 else f" and {count} more were asked for"
    raise UserError(
        f"{unfinished} trainings wait or run on this public server, which allows {limits.unfinished_runs}{asked}; come "
        "back when one has ended."
    )


def refuse_unfair(own: int, count: int = 1) -> None:
    """Refuse more trainings to a visitor who has a fair share of what a public server runs at once.

    Args:
        own: The visitor's runs that wait or train.
        count: So many more are asked for.

    Raises:
        UserError: If this server is public and these are too many.
    """
    limits = public_limits()
    if limits is None or own + count <= limits.visitor_runs:
        return
    if count > limits.visitor_runs:
        raise UserError(
            f"These are {count} trainings, and this public server allows {limits.visitor_runs} of one visitor that "
            "wait or run; ask for fewer."
        )
    raise UserError(
        f"{own} of your trainings wait or run and {count} more {'was' if count == 1 else 'were'} asked for; this "
        f"public server allows {limits.visitor_runs} of one visitor, so that others come in as well. Come back when "
        "one has ended."
    )


def refuse_keeper_task(what: str) -> None:
    """Refuse what is for whoever keeps a public server alone.

    Args:
        what: Such as "Deleting runs".

    Raises:
        UserError: If this server is public.
    """
    if public_limits() is not None:
        raise UserError(f"{what} is not possible on a public server, because runs there belong to all visitors.")


def time_is_up(seconds: float) -> bool:
    """Say whether a training has taken as long as a public server allows."""
    limits = public_limits()
    return limits is not None and seconds > 60 * limits.minutes


def hide_places(text: str) -> str:
    """Return a text in which the folders of a public server have no address; as it is where it is not public."""
    if public_limits() is None:
        return text
    shown = {home(): "(runs)", PROJECT: "(program)", Path(tempfile.gettempdir()): "(temporary)", Path.home(): "(home)"}
    for folder in sorted(shown, key=lambda each: -len(str(each))):
        if len(folder.parts) > 1:  # a root as somebody's home would hide every slash
            text = text.replace(str(folder), shown[folder])
    return text
