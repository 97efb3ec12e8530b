"""A study: runs of several sides and seeds, made to be compared. It is those runs: nothing else is recorded of it."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.config import RunConfig
from core.errors import UserError
from core.experiments import find_experiment
from core.runs.launcher import launch_all
from core.runs.requirements import find_same
from core.runs.run import FAILED, FINISHED, KILLED, Run
from core.runs.store.readable import readable
from core.runs.store.run_store import RunStore
from core.studies.comparison import NOT_THE_ARM, Side
from core.studies.templates import Line, Template, find_template

MOST_RUNS = 200
"""More runs than this are a mistake rather than a study."""


@dataclass(frozen=True)
class Study:
    """Runs that answer one question.

    Attributes:
        id: The template's slug and eight hexadecimal digits.
        template: What is asked.
        split: On which its sides are compared.
        runs: All of them, oldest first.
    """

    id: str
    template: Template
    split: str
    runs: tuple[Run, ...]

    @property
    def is_over(self) -> bool:
        """Say whether all its runs have ended."""
        return all(run.is_final for run in self.runs)

    @property
    def caveat(self) -> str:
        """Say which runs a verdict leaves out, and why; empty once every run has finished."""
        waiting = sum(not run.is_final for run in self.runs)
        broken = sum(run.is_final and not _counts(run) for run in self.runs)
        said = [f"{waiting} of {len(self.runs)} runs have not ended yet"] if waiting else []
        said += [f"{broken} of {len(self.runs)} runs were stopped or failed and are left out"] if broken else []
        return f"This may still change: {'; '.join(said)}." if said else ""

    @property
    def seeds(self) -> list[int]:
        """Return the seeds that were trained, in order."""
        return sorted({int(run.config["seed"]) for run in self.runs})

    @property
    def sides(self) -> list[Side]:
        """Return its finished runs by side, in the template's order whichever were trained first.

        One that was stopped early would lie about its side, so it is left out; those that were prolonged are a side of
        their own.
        """
        found: dict[tuple[float, int, str, int], list[Run]] = {}
        for run in self.runs:
            if _counts(run):
                share, epochs = float(run.config.get("share", 1.0)), int(run.config["epochs"])
                found.setdefault((-share, self._place_of(run), self.title_of(run), epochs), []).append(run)
        usual = {key[:3]: min(each[3] for each in found if each[:3] == key[:3]) for key in found}
        return [
            Side(
                title + (f", {epochs} epochs" if epochs != usual[share, place, title] else "")
                + (f", {-share:.3g} of the pictures" if share != -1 else ""),
                tuple(runs),
            )
            for (share, place, title, epochs), runs in sorted(found.items(), key=lambda each: each[0])
        ]  # fmt: skip

    def title_of(self, run: Run) -> str:
        """Return the name of the line of the template that a run belongs to; its arm if the template has changed."""
        place, lines = self._place_of(run), self.template.lines
        if place == len(lines):
            return str(run.config["arm"])
        return lines[place].title or find_experiment(run.slug).arm(lines[place].arm).title

    def _place_of(self, run: Run) -> int:
        """Return which line of the template a run belongs to; the number of lines if it is none of them."""
        for place, line in enumerate(self.template.lines):
            recipe = line.recipe or run.config["recipe"]
            changed = {name: str(run.config.get(name)) for name in line.changes}
            wanted = {name: str(value) for name, value in line.changes.items()}
            if (line.arm, recipe, wanted) == (run.config["arm"], run.config["recipe"], changed):
                return place
        return len(self.template.lines)


def _counts(run: Run) -> bool:
    return run.status == FINISHED and bool(run.best_epoch)


def plan(
    template: Template, *, data: str = "", seeds: Sequence[int] = (), recipe: str = "",
    changes: Mapping[str, object] | None = None, shares: Sequence[float] = (),
) -> list[RunConfig]:  # fmt: skip
    """Return the configs of a study, seed by seed, so that every side has a first result early.

    Args:
        template: What is asked.
        data: Name or folder; the synthetic set if empty.
        seeds: Of every side; 0, 1, … as the template says if empty.
        recipe: Of the lines that do not say their own; the template's if empty.
        changes: Knobs set for all lines.
        shares: Parts of the training pictures; the template's if empty.

    Raises:
        UserError: If a knob or recipe is unknown, or there would be too many runs.
    """
    experiment = find_experiment(template.experiment)
    seeds = list(seeds) or list(range(template.seeds))
    shares = list(shares) or list(template.shares)
    count = len(seeds) * len(shares) * len(template.lines)
    if count > MOST_RUNS:
        raise UserError(f"This study would be {count} runs; at most {MOST_RUNS} are allowed. Take fewer seeds.")

    def config(line: Line, seed: int, share: float) -> RunConfig:
        knobs = {**(changes or {}), **line.changes, **({} if share == 1 else {"share": share})}
        return experiment.config(
            arm=line.arm, recipe=line.recipe or recipe or template.recipe, data=data, seed=seed, changes=knobs
        )

    return [config(line, seed, share) for seed in seeds for share in shares for line in template.lines]


def launch_study(
    store: RunStore, template: Template, configs: Sequence[RunConfig], *, split: str = "val",
    say: Callable[[str], None] | None = None,
) -> Study:  # fmt: skip
    """Put a study's runs into the queue; what was trained before, or is under way, is not trained again.

    Args:
        store: Where runs are recorded.
        template: What is asked.
        configs: Of :func:`plan`.
        split: On which the sides will be compared: ``val``, or ``test`` once the recipe is settled.
        say: Is told what everybody must know before the runs start.

    Raises:
        UserError: If the data cannot be read, have no such split, or an arm could not start; then nothing is recorded.
    """
    experiment = find_experiment(template.experiment)
    experiment.check_data(configs[0].data)
    for text in dict.fromkeys(each for config in configs for each in experiment.announce(config)):
        if say:
            say(text)
    study = f"{template.slug}-{secrets.token_hex(4)}"
    _enlist(store, study, template, configs, split)
    return open_study(store, study)


def extend_study(store: RunStore, study: Study, seeds: int) -> Study:
    """Add so many seeds to every side of a study.

    Raises:
        UserError: If there would be too many runs, or one could not start.
    """
    sides: dict[tuple[tuple[str, Any], ...], Run] = {}
    for run in study.runs:
        sides.setdefault(tuple((key, value) for key, value in run.config.items() if key not in NOT_THE_ARM), run)
    if len(study.runs) + seeds * len(sides) > MOST_RUNS:
        raise UserError(f"This study would be more than {MOST_RUNS} runs. Add fewer seeds.")
    experiment, last = find_experiment(study.template.experiment), max(study.seeds)
    configs = [
        experiment.read_config({**run.config, "seed": seed})
        for seed in range(last + 1, last + 1 + seeds)
        for run in sides.values()
    ]
    _enlist(store, study.id, study.template, configs, study.split)
    return open_study(store, study.id)


def _enlist(store: RunStore, study: str, template: Template, configs: Sequence[RunConfig], split: str) -> None:
    """Give a study its runs: those that were trained with these configs or are under way, and new ones, all or none.

    Raises:
        UserError: If they could not be scored on its split, or one of them could not start.
    """
    find_experiment(template.experiment).check_parts(configs, split)
    known = [find_same(store, template.experiment, config) for config in configs]
    counts = [run is not None and run.status not in (FAILED, KILLED) for run in known]
    new = [config for config, there in zip(configs, counts, strict=True) if not there]
    launched = iter(launch_all(store, template.experiment, new))
    for run, there in zip(known, counts, strict=True):
        member = run if run is not None and there else next(launched)
        store.join_study(member.id, study, split)


def studies(runs: Sequence[Run]) -> list[Study]:
    """Return the studies that runs belong to, the newest first; those of templates that are gone are left out.

    Args:
        runs: As the store lists them.
    """
    members: dict[str, list[Run]] = {}
    for run in readable(runs):
        for study in run.studies:
            members.setdefault(study, []).append(run)
    found = []
    for study, own in members.items():
        try:
            template = find_template(study.rpartition("-")[0])
        except UserError:
            continue
        own.sort(key=lambda run: run.order)
        found.append(Study(study, template, own[0].studies[study], tuple(own)))
    return sorted(found, key=lambda each: each.runs[-1].created, reverse=True)


def open_study(store: RunStore, study: str) -> Study:
    """Return a study as it stands.

    Raises:
        UserError: If there is none of that name.
    """
    for each in studies(store.runs()):
        if each.id == study:
            return each
    raise UserError(f"There is no study {study!r}; `python -m core study list` names them.")
