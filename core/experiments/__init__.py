"""The catalogue: every module in this folder that names an ``EXPERIMENT`` is one experiment."""

import difflib
import importlib
import pkgutil
from functools import cache
from types import MappingProxyType

from core.errors import UserError
from core.experiments.experiment import Experiment


@cache
def catalogue() -> MappingProxyType[str, Experiment]:
    """Return all experiments by slug, in alphabetical order of their files.

    Raises:
        ValueError: If two files claim the same slug.
    """
    found: dict[str, Experiment] = {}
    for module in pkgutil.iter_modules(__path__):
        entry = getattr(importlib.import_module(f"{__name__}.{module.name}"), "EXPERIMENT", None)
        if entry is None:
            continue
        if entry.slug in found:
            raise ValueError(f"two experiments are called {entry.slug}")
        found[entry.slug] = entry
    return MappingProxyType(found)


def find_experiment(slug: str) -> Experiment:
    """Return an experiment.

    Raises:
        UserError: If there is none of that name.
    """
    entries = catalogue()
    if slug not in entries:
        near = difflib.get_close_matches(slug, entries, n=1)
        hint = f"did you mean {near[0]}?" if near else "choose one of " + ", ".join(entries) + "."
        raise UserError(f"There is no experiment called {slug!r}; {hint}")
    return entries[slug]
