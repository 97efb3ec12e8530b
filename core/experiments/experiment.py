"""What an entry of the catalogue is: a question, ways to answer it, and how to build what a run needs."""

import difflib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from core.config import IDENTITY, RunConfig
from core.data.traits import Traits
from core.errors import UserError, say_environment, shorten
from core.paths import as_path, data_folder
from core.public import refuse_folder

if TYPE_CHECKING:
    from core.data.dataset import DatasetSpec
    from core.engine.score import Score
    from core.experiments.setup import Setup

SYNTHETIC = "synthetic"
DIVIDING = ("data", "validation", "share")
"""Knobs that decide what is trained on and what is held back."""
NEEDED = (
    "title", "question", "kind", "config_type", "setup_type", "arms", "recipes", "reported", "data_help", "monitor",
    "score_titles", "synthetic_pictures", "fewest_pictures",
)  # fmt: skip
"""What an entry has to say beside its slug."""


@dataclass(frozen=True)
class Arm:
    """One way to answer an experiment's question.

    Attributes:
        slug: Name as typed.
        title: Name for people.
        summary: What it is.
        kind: Kind of learning problem, where it is not the experiment's.
        monitor: Key of the score that decides which epoch is kept, where it is not the experiment's.
    """

    slug: str
    title: str
    summary: str
    kind: str = ""
    monitor: str = ""


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

    Nothing heavy is imported before its setup builds something: the catalogue is listed without torch.

    Attributes:
        slug: Name as typed.
        title: Name for people.
        question: What is asked; ends with a question mark.
        kind: Which predictor and which widget its checkpoints get.
        caution: Sentence that stands beside every answer; empty where none is needed.
        verb: What the button of its widget says.
        share_title: Segmentation only: what the found share of the picture is called.
        thin: Segmentation only: whether what is found is lines, whose width and course are worth measuring.
        config_type: Its knobs.
        setup_type: What builds network, task and data of its runs.
        arms: The answers; the first is the one that a newcomer gets.
        recipes: Likewise.
        reported: Numbers of others.
        data_help: Which names and layouts are read.
        monitor: Key of the score that decides which epoch is kept.
        score_titles: Every score's name for people.
        lower_is_better: Keys of the scores of which the smallest is best.
        loss_level: A value of the loss that deserves a line in its chart, and what it means; None where there is none.
        usual_splits: On which a set can be scored that is drawn or fetched when it is first needed.
        synthetic_pictures: How many pictures the drawn set has.
        fewest_pictures: With how many of them the drawn set still has something of everything in each split, the part
            that is held back for validation included: of ``write_class_folders``, 3 of each class. Tests draw so many.
    """

    slug: ClassVar[str]
    title: ClassVar[str]
    question: ClassVar[str]
    kind: ClassVar[str]
    caution: ClassVar[str] = ""
    verb: ClassVar[str] = "Try it"
    share_title: ClassVar[str] = "Share of the picture"
    thin: ClassVar[bool] = False
    config_type: ClassVar[type[RunConfig]]
    setup_type: "ClassVar[type[Setup[Any, Any, Any]]]"
    arms: ClassVar[tuple[Arm, ...]]
    recipes: ClassVar[tuple[Recipe, ...]]
    reported: ClassVar[tuple[Reported, ...]]
    data_help: ClassVar[str]
    monitor: ClassVar[str]
    score_titles: ClassVar[Mapping[str, str]]
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss"})
    loss_level: ClassVar[tuple[float, str] | None] = None
    usual_splits: ClassVar[tuple[str, ...]] = ("train", "val", "test")
    synthetic_pictures: ClassVar[int]
    fewest_pictures: ClassVar[int]

    def __init_subclass__(cls) -> None:
        """Hold an entry against what every entry has to say, so that a slip is told where it was made."""
        super().__init_subclass__()
        if not hasattr(cls, "slug"):
            return  # what several entries share
        if missing := [name for name in NEEDED if not hasattr(cls, name)]:
            raise TypeError(f"{cls.__name__} does not say {', '.join(missing)}; see the docstring of Experiment.")
        arms = {arm.slug for arm in cls.arms}
        for recipe in cls.recipes:
            if strange := sorted(set(recipe.by_arm) - arms):
                raise TypeError(
                    f"{cls.__name__}: the recipe {recipe.slug} has values for {', '.join(strange)}, but the arms are "
                    f"{', '.join(sorted(arms))}."
                )
            try:
                for arm in cls.arms:
                    cls.config_type.from_values({**recipe.values_for(arm.slug), "arm": arm.slug})
            except UserError as error:
                raise TypeError(f"{cls.__name__}: the recipe {recipe.slug} cannot be used. {error}") from error

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

    def largest(self) -> dict[str, float]:
        """Return the largest value that each numeric knob has in a recipe of an arm."""
        found: dict[str, float] = {}
        for recipe in self.recipes:
            for arm in self.arms:
                for name, value in self.config(arm=arm.slug, recipe=recipe.slug).as_values().items():
                    if isinstance(value, int | float):
                        found[name] = max(value, found.get(name, value))
        return found

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

    def kind_of(self, arm: str) -> str:
        """Return the kind of learning problem of an arm."""
        return self.arm(arm).kind or self.kind

    def monitor_of(self, arm: str) -> str:
        """Return the key of the score that decides which epoch of an arm's run is kept."""
        return self.arm(arm).monitor or self.monitor

    @abstractmethod
    def make_data(self, folder: Path, *, n: int, seed: int = 0) -> None:
        """Write the synthetic set in the real set's own layout.

        Raises:
            UserError: If the folder holds something, or there are too few pictures for it.
        """

    @abstractmethod
    def open_folder(self, folder: Path) -> "DatasetSpec[Any]":
        """Recognise a data set from its folder.

        Raises:
            UserError: If it is none that this experiment can read.
        """

    def open_data(self, data: str) -> "DatasetSpec[Any]":
        """Return the data set of a name or folder; the synthetic one is drawn when it is first needed.

        Raises:
            UserError: If there is none that can be read.
        """
        if data != SYNTHETIC:
            refuse_folder(data)
            try:
                return self.open_folder(as_path(data).resolve())
            except OSError as error:
                said = say_environment(error) or f"{error}."
                raise UserError(f"The data were given as {shorten(data)!r}, which cannot be opened: {said}") from error
        folder = self._drawn_folder()
        if not folder.exists():
            try:
                self.make_data(folder, n=self.synthetic_pictures)
            except (OSError, UserError):
                if not folder.exists():  # else another run drew it meanwhile
                    raise
        return self.open_folder(folder)

    def check_data(self, data: str) -> str:
        """Return what is known of a data set in a sentence, without opening its pictures.

        Raises:
            UserError: If it is none that this experiment can read.
        """
        if data == SYNTHETIC:
            return f"{self.synthetic_pictures:,} drawn pictures, the same on every machine."
        return self.open_data(data).describe()

    def check_parts(self, configs: Sequence[RunConfig], split: str = "") -> None:
        """Refuse what would come out only once a run has begun, or after all runs of a study have trained.

        A set that is drawn or fetched when it is first needed can be divided and has the experiment's usual splits.

        Args:
            configs: Of runs.
            split: On which they will be scored; not asked if empty.

        Raises:
            UserError: If the data cannot be divided into training and validation, or have no such split, or images of
                these cannot be read.
        """
        from core.data.image_io.headers import refuse_unreadable

        ways = {tuple(each.as_values().get(name) for name in DIVIDING): each for each in reversed(configs)}
        for config in ways.values():
            if self.is_at_hand(config.data):
                setup = self.set_up(config)
                training, held = setup.split_training(setup.open_data())
                refuse_unreadable((*training, *held, *(setup.split_items("", split) if split else ())))
            elif split and split not in self.usual_splits:
                raise UserError(f"{split!r} is no split of {config.data}; it has {', '.join(self.usual_splits)}.")

    def is_at_hand(self, data: str) -> bool:
        """Say whether a data set lies on the disk: neither to be drawn nor to be fetched before it can be opened."""
        return data != SYNTHETIC or self._drawn_folder().exists()

    def _drawn_folder(self) -> Path:
        return data_folder() / f"{self.slug}-{SYNTHETIC}-{self.synthetic_pictures}"

    def announce(self, config: RunConfig) -> tuple[str, ...]:
        """Return what a user must know before the run starts, such as where pretrained weights come from.

        Raises:
            UserError: If the run could not start.
        """
        return ()

    def prerequisite(self, config: RunConfig) -> RunConfig | None:
        """Return the config of a run of this experiment that must have finished first; None if it needs none."""
        return None

    def set_up(self, config: RunConfig, traits: Traits | None = None) -> "Setup[Any, Any, Any]":
        """Return what builds the parts of a run.

        Args:
            config: All knobs.
            traits: What the training data decided, where a checkpoint tells; read from the data if None.
        """
        return self.setup_type(self, config, traits)

    @abstractmethod
    def score_of(self, arm: str) -> "Score":
        """Return the score that an arm's runs go by, with its definition."""


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
