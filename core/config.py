"""Knobs: what a run can be told, said once.

A knob is one field of a frozen dataclass. Its default, range, unit and help stand beside it, and the form of the Train
page, the command line's ``--set``, the stored JSON and the documents are all drawn from there.
"""

import difflib
import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, Self, get_type_hints

from core.errors import UserError

IDENTITY = ("arm", "recipe", "data", "seed")
"""Fields that say which run this is; the others are its knobs."""


@dataclass(frozen=True)
class Knob:
    """What a form, a command line and a reader need to know about one field.

    Attributes:
        name: The field's name, as typed after ``--set``.
        kind: ``bool``, ``int``, ``float`` or ``str``.
        default: Value without a recipe.
        help: One sentence in plain words.
        low: Smallest allowed value, if any.
        high: Largest allowed value, if any.
        choices: The allowed words, if the knob is a choice.
        unit: Unit of the value, if it has one.
        group: Heading of the form under which the knob stands.
        advanced: Whether the form folds it away.
    """

    name: str
    kind: type
    default: Any
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    group: str = "Training"
    advanced: bool = False

    @property
    def allowed(self) -> str:
        """Say in words what may be given."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.kind is bool:
            return "true or false"
        noun = {int: "a whole number", float: "a number", str: "text"}[self.kind]
        unit = f" {self.unit}" if self.unit else ""
        if self.low is not None and self.high is not None:
            return f"{noun} from {self.low:.10g} to {self.high:.10g}{unit}"
        return f"{noun} of at least {self.low:.10g}{unit}" if self.low is not None else noun

    def parse(self, value: object) -> Any:
        """Return the value in the knob's own type.

        Raises:
            UserError: If it is not one, or outside the range.
        """
        parsed = _converted(self.kind, value)
        inside = parsed is not None and self._is_inside(parsed)
        if not inside:
            raise UserError(f"{self.name} was given as {value!r}; {self.allowed} is allowed.")
        return parsed

    def _is_inside(self, value: Any) -> bool:
        if self.choices:
            return value in self.choices
        if isinstance(value, str) or self.kind is bool:
            return True
        if not math.isfinite(value):
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


def knob(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    unit: str = "",
    group: str = "Training",
    advanced: bool = False,
) -> Any:
    """Return a dataclass field that is a knob; see :class:`Knob` for the arguments."""
    described = {"help": help, "low": low, "high": high, "choices": choices, "unit": unit}
    return field(default=default, metadata={"knob": described | {"group": group, "advanced": advanced}})


def _converted(kind: type, value: object) -> Any:
    """Return the value as this kind, or None where that would guess or lose something."""
    if kind is bool:
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        return words.get(str(value).strip().lower())
    if kind is str:
        return value.strip() if isinstance(value, str) else None
    try:
        number = float(str(value).strip())  # of the word, so that True is no number
    except ValueError:
        return None
    if kind is int:
        return int(number) if math.isfinite(number) and number == int(number) else None
    return number


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that decides one training. An experiment adds its own knobs in a subclass.

    A constructed config is valid: every value has been parsed and held against its range.

    Raises:
        UserError: If a value is outside what its knob allows.
    """

    arm: str = knob("", "Which answer to the experiment's question is trained.", group="Identity")
    recipe: str = knob("", "The named set of knob values this run starts from.", group="Identity")
    data: str = knob("synthetic", "A data set's name, or the path of a folder.", group="Identity")
    seed: int = knob(0, "Start of every random choice: weights, order, augmentation.", low=0, high=2**31 - 1,
                     group="Identity")  # fmt: skip

    epochs: int = knob(20, "How often the training split is gone through.", low=1, high=10_000, unit="epochs")
    batch_size: int = knob(8, "Pictures or patches in one step.", low=1, high=1024)
    learning_rate: float = knob(1e-3, "Step length of the optimiser; with one-cycle, its peak.", low=1e-7, high=10.0)
    optimizer: str = knob("adamw", "The rule that turns gradients into steps.", choices=("adamw", "adam", "sgd"))
    schedule: str = knob(
        "constant",
        "How the learning rate moves: constant; one-cycle rises and falls once over the run; plateau halves it when "
        "the validation loss stops falling.",
        choices=("constant", "one-cycle", "plateau"),
    )
    weight_decay: float = knob(0.0, "Pull of the weights towards zero.", low=0.0, high=1.0, advanced=True)
    momentum: float = knob(0.9, "Momentum; only SGD uses it.", low=0.0, high=0.999, advanced=True)
    beta1: float = knob(0.9, "Adam's and AdamW's first beta: how much of the earlier gradients is kept.", low=0.0,
                        high=0.999, advanced=True)  # fmt: skip
    plateau_factor: float = knob(0.5, "Plateau only: the rate is multiplied by this.", low=0.01, high=0.99,
                                 advanced=True)  # fmt: skip
    plateau_patience: int = knob(5, "Plateau only: epochs without improvement before the rate falls.", low=0, high=1000,
                                 unit="epochs", advanced=True)  # fmt: skip
    gradient_clip: float = knob(0.0, "Largest norm of the gradient; 0 leaves it alone.", low=0.0, high=1e6,
                                advanced=True)  # fmt: skip
    average: float = knob(
        0.0, "Validate and keep a moving average of the weights, which keeps this much of itself at each step, such as "
        "0.99; 0 takes the weights themselves. It calms scores that jump from epoch to epoch.", low=0.0, high=0.99999,
        advanced=True,
    )  # fmt: skip
    patience: int = knob(0, "Stop early after this many epochs without improvement; 0 never stops early.", low=0,
                         high=10_000, unit="epochs", advanced=True)  # fmt: skip
    validation: float = knob(
        0.1,
        "Part of the training split that is held back to validate on, where the data set has no validation split of "
        "its own. 0 trains on everything and keeps the last epoch.",
        low=0.0, high=0.5, group="Data", advanced=True,
    )  # fmt: skip
    share: float = knob(
        1.0,
        "Part of the training pictures that is trained on, to see what more of them are worth. A smaller part lies "
        "within a larger one, and what is held back to validate on stays the same.",
        low=0.001, high=1.0, group="Data", advanced=True,
    )  # fmt: skip
    device: str = knob("auto", "Where to compute.", choices=("auto", "cpu", "cuda", "mps"), group="Machine",
                       advanced=True)  # fmt: skip
    precision: str = knob(
        "auto",
        "Number format of the network's arithmetic; auto tries what this machine has on this network for a moment and "
        "takes the fastest. With fp32 the same seed gives the same numbers on the same machine.",
        choices=("auto", "fp32", "bf16", "fp16"), group="Machine", advanced=True,
    )  # fmt: skip
    memory_format: str = knob(
        "auto",
        "Order of a picture's numbers in memory; auto tries both, and takes contiguous where the precision is fp32.",
        choices=("auto", "contiguous", "channels-last"), group="Machine", advanced=True,
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Hold every value against its knob."""
        for each in self.knobs():
            object.__setattr__(self, each.name, each.parse(getattr(self, each.name)))

    @classmethod
    def knobs(cls) -> tuple[Knob, ...]:
        """Return every field's description, in the order of the form."""
        hints = get_type_hints(cls)
        described = [each for each in fields(cls) if each.default is not MISSING]
        return tuple(Knob(each.name, hints[each.name], each.default, **each.metadata["knob"]) for each in described)

    @classmethod
    def from_values(cls, values: Mapping[str, object]) -> Self:
        """Build a config from words or stored values.

        Raises:
            UserError: If a knob is unknown or a value is not allowed.
        """
        names = [each.name for each in cls.knobs()]
        for name in values:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                hint = f"did you mean {near[0]}?" if near else "known are " + ", ".join(names) + "."
                raise UserError(f"There is no knob called {name!r}; {hint}")
        given: dict[str, Any] = dict(values)
        return cls(**given)

    def as_values(self) -> dict[str, Any]:
        """Return all fields as plain values, ready for JSON; :meth:`from_values` reads them back."""
        return asdict(self)
