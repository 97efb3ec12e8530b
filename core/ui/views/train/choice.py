"""What the Train page shows: an experiment, its arm, recipe, data, seed and changed knobs, as the address says it.

The address is the truth: a reload, the back button and a shared link find the same form. Where it says nothing, because
the visitor comes back from another page, the widgets' own memory does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from core.config import IDENTITY, Knob, RunConfig
from core.errors import UserError
from core.experiments import catalogue, find_experiment
from core.experiments.experiment import SYNTHETIC, Experiment

Query = dict[str, str | list[str]]


@dataclass(frozen=True)
class Choice:
    """An experiment, arm, recipe and knobs that exist; the data may be wrong and the knobs may not go together."""

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
            UserError: If the knobs do not go together.
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


def own_knobs(config_type: type[RunConfig]) -> list[Knob]:
    """Return the knobs that are not part of a run's identity."""
    return [each for each in config_type.knobs() if each.name not in IDENTITY]


def changed_from(recipe: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that differ from a recipe's; the order is the recipe's."""
    return {name: values[name] for name, value in recipe.items() if name in values and values[name] != value}


def read_choice(query: Mapping[str, str], assignments: list[str]) -> Choice:
    """Return the choice an address stands for. Its knobs are allowed one by one; whether they go together is not said.

    Args:
        query: Single parameters.
        assignments: The parameter ``set``: ``knob=value``, any number of them.

    Raises:
        UserError: If it names something unknown or a value that is not allowed.
    """
    try:
        start = first_choice(query.get("experiment", ""))
        experiment = start.experiment
        arm, recipe = experiment.arm(query.get("arm", "")), experiment.recipe(query.get("recipe", ""))
        seed = next(each for each in experiment.config_type.knobs() if each.name == "seed").parse(query.get("seed", 0))
        plain = Choice(start.slug, arm.slug, recipe.slug, query.get("data", SYNTHETIC), seed)
        given = dict(_parse(experiment.config_type, assignments))
    except UserError as error:
        raise UserError(f"The address of this page asks for something that is not there. {error}") from error
    return replace(plain, changes=changed_from(plain.as_recipe().as_values(), given))


def _parse(config_type: type[RunConfig], assignments: list[str]) -> Iterator[tuple[str, Any]]:
    knobs = {each.name: each for each in own_knobs(config_type)}
    for each in assignments:
        name, _, value = each.partition("=")
        if name not in knobs:
            raise UserError(f"There is no knob called {name!r}.")
        yield name, knobs[name].parse(value)
