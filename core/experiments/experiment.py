"""What an entry of the catalogue is: a question, ways to answer it, and how to build what a run needs."""

import difflib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from core.config import IDENTITY, RunConfig
from core.errors import UserError

if TYPE_CHECKING:
    from torch import nn

    from core.data.labelled import PreparedPicture
    from core.data.raster import Pixels
    from core.engine.task import Batch, Score, Task, TaskData

SYNTHETIC = "synthetic"


@dataclass(frozen=True)
class Arm:
    """One way to answer an experiment's question."""

    slug: str
    title: str
    summary: str


@dataclass(frozen=True)
class Recipe:
    """A named set of knob values.

    Attributes:
        slug: Name as typed.
        title: Name for people.
        summary: What it is for, and what it changes and why.
        values: Knob values that differ from the config's defaults.
        by_arm: Further values for single arms.
    """

    slug: str
    title: str
    summary: str
    values: Mapping[str, Any]
    by_arm: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def values_for(self, arm: str) -> dict[str, Any]:
        """Return the knob values of this recipe for an arm."""
        return {**self.values, **self.by_arm.get(arm, {})}


@dataclass(frozen=True)
class Reported:
    """A number from a report or a paper, to stand beside what is measured here."""

    score: str
    value: float
    source: str
    arm: str = ""
    data: str = ""


class Experiment(ABC):
    """One question, answered by arms, each with recipes. Subclasses live one to a file in this folder.

    Nothing heavy is imported before a ``build_`` or ``evaluate`` method runs: the catalogue is listed without torch.
    """

    slug: ClassVar[str]
    title: ClassVar[str]
    question: ClassVar[str]
    kind: ClassVar[str]
    caution: ClassVar[str] = ""
    config_type: ClassVar[type[RunConfig]]
    arms: ClassVar[tuple[Arm, ...]]
    recipes: ClassVar[tuple[Recipe, ...]]
    reported: ClassVar[tuple[Reported, ...]]
    data_help: ClassVar[str]
    monitor: ClassVar[str]
    score_titles: ClassVar[Mapping[str, str]]

    def config(
        self, *, arm: str = "", recipe: str = "", data: str = "", seed: int = 0,
        changes: Mapping[str, object] | None = None,
    ) -> RunConfig:  # fmt: skip
        """Return the config of an arm and recipe with some knobs changed.

        Args:
            arm: Slug; the first if empty.
            recipe: Slug; the first if empty.
            data: Name or folder; the synthetic set if empty.
            seed: Start of every random choice.
            changes: Knobs that differ from the recipe.

        Raises:
            UserError: If a name is unknown or a value is not allowed.
        """
        changes = dict(changes or {})
        for name in IDENTITY:
            if name in changes:
                raise UserError(f"{name} is not a knob that can be set; give it by its own option.")
        chosen, way = self.recipe(recipe), self.arm(arm)
        identity = {"arm": way.slug, "recipe": chosen.slug, "data": data or SYNTHETIC, "seed": seed}
        return self.config_type.from_values({**chosen.values_for(way.slug), **changes, **identity})

    def read_config(self, values: Mapping[str, object]) -> RunConfig:
        """Return a stored config, checked again.

        Raises:
            UserError: If it holds an unknown knob, arm or recipe, or a value that is not allowed.
        """
        config = self.config_type.from_values(values)
        recipe, arm = self.recipe(config.recipe), self.arm(config.arm)
        return replace(config, recipe=recipe.slug, arm=arm.slug)

    def changed(self, config: RunConfig) -> dict[str, Any]:
        """Return the knobs of a config that differ from its recipe."""
        recipe = self.config(arm=config.arm, recipe=config.recipe, data=config.data, seed=config.seed).as_values()
        return {name: value for name, value in config.as_values().items() if value != recipe[name]}

    def arm(self, slug: str) -> Arm:
        """Return an arm by slug; the first if empty."""
        return _named(self.arms, slug, f"arm of {self.slug}")

    def recipe(self, slug: str) -> Recipe:
        """Return a recipe by slug; the first if empty."""
        return _named(self.recipes, slug, f"recipe of {self.slug}")

    @abstractmethod
    def make_data(self, folder: Path, *, n: int, seed: int) -> None:
        """Write the synthetic set in the real set's own layout."""

    @abstractmethod
    def check_data(self, data: str) -> str:
        """Return what is known of a data set in a sentence, without opening its pictures.

        Raises:
            UserError: If it is none that this experiment can read.
        """

    @abstractmethod
    def build_network(self, config: RunConfig) -> "nn.Module":
        """Return the arm's network with fresh weights; the global random state decides them."""

    @abstractmethod
    def build_task(self, config: RunConfig, network: "nn.Module", *, careful: bool = False) -> "Task":
        """Join the network with its loss and scores; ``careful`` predicts as a finished run does, not as it trains."""

    @abstractmethod
    def build_data(self, config: RunConfig) -> "TaskData":
        """Open the data set and return what is trained and validated on.

        Raises:
            UserError: If the set cannot be read or is too small.
        """

    @abstractmethod
    def build_split(self, config: RunConfig, data: str, split: str) -> "Iterable[Batch]":
        """Return the validation batches of a split of any data set: ``val`` is the part that a run holds back.

        Raises:
            UserError: If there is no such split.
        """

    @abstractmethod
    def prepare_picture(self, config: RunConfig, pixels: "Pixels") -> "PreparedPicture":
        """Make a picture ``(H, W, 3)`` that came without a label ready for the network."""

    @property
    @abstractmethod
    def score(self) -> "Score":
        """Return the monitored score with its definition."""


NamedT = TypeVar("NamedT", Arm, Recipe)


def _named(entries: tuple[NamedT, ...], slug: str, what: str) -> NamedT:
    if not slug:
        return entries[0]
    found = next((each for each in entries if each.slug == slug), None)
    if found is None:
        slugs = [each.slug for each in entries]
        near = difflib.get_close_matches(slug, slugs, n=1)
        hint = f"did you mean {near[0]}?" if near else "choose one of " + ", ".join(slugs) + "."
        raise UserError(f"There is no {what} called {slug!r}; {hint}")
    return found
