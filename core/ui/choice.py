"""What the Train page shows: an experiment, its arm, recipe, data, seed and changed knobs, as the address says it.

The address is the truth: a reload, the back button and a shared link find the same form. Where it says nothing, because
the visitor comes back from another page, the widgets' own memory does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from core.config import RunConfig
from core.errors import UserError
from core.experiments import catalogue, find_experiment
from core.experiments.experiment import SYNTHETIC, Experiment

Query = dict[str, str | list[str]]


@dataclass(frozen=True)
class Choice:
    """A valid choice of experiment, arm, recipe and knobs; the data may still be wrong."""

    slug: str
    arm: str
    recipe: str
    data: str = SYNTHETIC
    seed: int = 0
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def experiment(self) -> Experiment:
        """Return the catalogue's entry."""
        return find_experiment(self.slug)

    def config(self) -> RunConfig:
        """Return the config.

        Raises:
            UserError: If a knob's value is not allowed.
        """
        return self.experiment.config(
            arm=self.arm, recipe=self.recipe, data=self.data, seed=self.seed, changes=self.changes
        )

    def as_recipe(self) -> RunConfig:
        """Return the recipe's own config, with nothing changed."""
        return replace(self, changes={}).config()

    def as_query(self) -> Query:
        """Return the address' parameters; what is as it comes is left out."""
        query: Query = {"experiment": self.slug, "arm": self.arm, "recipe": self.recipe}
        if self.data != SYNTHETIC:
            query["data"] = self.data
        if self.seed:
            query["seed"] = str(self.seed)
        if self.changes:
            query["set"] = [f"{name}={value}" for name, value in self.changes.items()]
        return query


def first_choice(slug: str = "") -> Choice:
    """Return the first arm and recipe of an experiment; of the first experiment if none is named.

    Raises:
        UserError: If there is none of that name.
    """
    experiment = find_experiment(slug) if slug else next(iter(catalogue().values()))
    return Choice(experiment.slug, experiment.arms[0].slug, experiment.recipes[0].slug)


def choice_of(slug: str, config: RunConfig) -> Choice:
    """Return the choice that leads to a config again."""
    return Choice(slug, config.arm, config.recipe, config.data, config.seed, find_experiment(slug).changed(config))


def read_choice(query: Mapping[str, str], assignments: list[str]) -> Choice:
    """Return the choice an address stands for.

    Args:
        query: Single parameters.
        assignments: The parameter ``set``: ``knob=value``, any number of them.

    Raises:
        UserError: If it names something unknown or a value that is not allowed.
    """
    start = first_choice(query.get("experiment", ""))
    pairs = [each.partition("=")[::2] for each in assignments]
    try:
        config = start.experiment.config(
            arm=query.get("arm", ""),
            recipe=query.get("recipe", ""),
            data=query.get("data", ""),
            seed=start.experiment.config_type(seed=query.get("seed", 0)).seed,  # type: ignore[arg-type]
            changes=dict(pairs),
        )
    except UserError as error:
        raise UserError(f"The address of this page asks for something that is not there. {error}") from error
    return choice_of(start.slug, config)
