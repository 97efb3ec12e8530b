"""A comparison as one HTML file that opens anywhere, to be read like a paper's section of results."""

import base64
import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.experiments import find_experiment
from core.experiments.experiment import SYNTHETIC, Experiment
from core.public import hide_places
from core.runs.launcher import command_of
from core.runs.run import Run
from core.runs.store.run_store import RunStore
from core.studies.band import AnyCurve, band
from core.studies.comparison import Side, differences
from core.studies.conclusion import Conclusion
from core.studies.costs import COSTS, costs_of, pareto_front
from core.studies.line_styles import assign_styles, colour_of, dash_of
from core.studies.subject import Subject
from core.studies.verdict import LEVEL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SPLITS = {"val": "the pictures that the runs held back", "test": "the test split"}
MOST_PICTURES = 4
INLINE = "data:image/jpeg;base64,"
LINES = {"solid": "-", "dash": "--", "dot": ":"}


def write_report(
    store: RunStore, subject: Subject, found: Conclusion, *, remarks: Sequence[str] = (), pictures: bool = True
) -> str:
    """Return a self-contained HTML document.

    Args:
        store: Where the runs are recorded.
        subject: What was asked.
        found: What is concluded of it.
        remarks: Further sentences for the findings.
        pictures: Whether sample predictions stand in it; not for a report of pictures that must not be passed on.
    """
    from jinja2 import Environment  # noqa: PLC0415 - only who writes a report needs it

    first = found.sides[0].runs[0]
    experiment = find_experiment(first.slug)
    source = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    kept = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_hidden)
    template = kept.from_string(source)
    runs = [run for side in found.sides for run in side.runs]
    costs = [each for each in COSTS if all(each.key in costs_of(store, run) for run in runs)]
    return template.render(
        question=subject.question, title=subject.title, why=subject.why, caveat=subject.caveat,
        remarks=remarks, experiment=experiment.title,
        date=time.strftime("%d %B %Y", time.localtime(max(run.ended or run.created for run in runs))),
        commit=first.facts.get("commit", "unknown"),
        claims=[{"said": each.said, "decided": each.verdict.is_decided and each.p < 1 - LEVEL}
                for each in found.claims],
        data=_name(first.config["data"]), fingerprint=first.facts.get("fingerprint", "unknown"),
        said_of_data=first.facts.get("data", ""), split=SPLITS.get(found.split, found.split),
        pictures=found.claims[0].verdict.pictures if found.claims else 0,
        sides=[_describe(experiment, each) for each in found.sides], score=found.score.title,
        costs=[each.title for each in costs], rows=_rows(store, found, [each.key for each in costs]),
        reported=say_reported(experiment, found.sides), figures=_figures(store, experiment, found),
        pairs=_pairs(store, found.sides) if pictures else [],
        legend="The same pictures of what the runs held back, by the first seed of the first two sides.",
        differing=differences(found.sides), machine=first.facts.get("machine", "unknown machine"),
        python=first.facts.get("python", "unknown"), packages=first.facts.get("packages", ""),
        devices="; ".join(dict.fromkeys(run.facts.get("device", "unknown") for run in runs)),
        commands=[_command(run) for run in runs], caution=experiment.caution,
    )  # fmt: skip


def _hidden(shown: object) -> object:
    """Hide where a public server keeps things; not among a picture's letters, which can name a folder by chance."""
    return hide_places(shown) if isinstance(shown, str) and not shown.startswith(INLINE) else shown


def _name(data: str) -> str:
    return "Drawn pictures" if data == SYNTHETIC else Path(data).name


def _describe(experiment: Experiment, side: Side) -> dict[str, str]:
    config = side.runs[0].config
    arm, recipe = experiment.arm(config["arm"]), experiment.recipe(config["recipe"])
    seeds = ", ".join(str(run.config["seed"]) for run in side.runs)
    return {"name": side.name, "summary": arm.summary, "recipe": recipe.title, "seeds": seeds}


def _rows(store: RunStore, found: Conclusion, costs: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for side, means in zip(found.sides, found.means, strict=True):
        spent = [costs_of(store, run) for run in side.runs]
        rows.append({
            "name": side.name, "mean": f"{np.mean(means):.4f}",
            "spread": f"{np.std(means, ddof=1):.4f}" if len(means) > 1 else "–",
            "seeds": ", ".join(f"{each:.4f}" for each in means),
            "costs": [f"{np.mean([each[key] for each in spent]):.4g}" for key in costs],
        })  # fmt: skip
    return rows


def say_reported(experiment: Experiment, sides: Sequence[Side]) -> str:
    """Return what others report of these sides' arms, to stand beside what was measured; empty where nothing is."""
    arms = {side.runs[0].config["arm"] for side in sides}
    fitting = [each for each in experiment.reported if each.arm in arms]
    return "; ".join(
        f"{experiment.score_titles.get(each.score, each.score)} {each.value:g} for {each.arm} ({each.source})"
        for each in fitting
    )


def _command(run: Run) -> str:
    """Return the command that trains a run anew, with the name of its data in place of where they lay."""
    config = find_experiment(run.slug).read_config(run.config)
    return command_of(run.slug, config).replace(str(config.data), Path(config.data).name)


def _figures(store: RunStore, experiment: Experiment, found: Conclusion) -> list[dict[str, str]]:
    monitor = experiment.monitor_of(found.sides[0].runs[0].config["arm"])
    named = {f"val/{monitor}": f"{experiment.score_titles.get(monitor, monitor)} on held-back pictures",
             "val/loss": "Validation loss", "train/loss": "Training loss"}  # fmt: skip
    figures = []
    given = assign_styles([side.oldest.id for side in found.sides])
    styles = {side.name: given[side.oldest.id] for side in found.sides}
    for key, title in named.items():
        sides = [(side.name, [_curve(store, run, key) for run in side.runs]) for side in found.sides]
        sides = [(name, [each for each in seeds if len(each[0])]) for name, seeds in sides]
        sides = [(name, seeds) for name, seeds in sides if seeds]
        if sides:
            said = f"{title} by epoch: the mean over seeds, in a band from the lowest to the highest seed."
            figures.append({"svg": _as_svg(_draw_bands(sides, title, styles)), "caption": said})
    spent = [[costs_of(store, run).get("seconds") for run in side.runs] for side in found.sides]
    if all(each is not None for seeds in spent for each in seeds):
        seconds = [float(np.mean([each for each in seeds if each is not None])) for seeds in spent]
        figures.append({
            "svg": _as_svg(_draw_costs(found, seconds, styles)),
            "caption": "Quality against training time. The dotted line joins the sides that none beats in both; bars "
                       "reach from the lowest to the highest seed.",
        })  # fmt: skip
    return figures


def _curve(store: RunStore, run: Run, key: str) -> AnyCurve:
    points = [each for each in store.metrics.history(run.id, key) if np.isfinite(each[1])]
    return np.array([each[0] for each in points]), np.array([each[1] for each in points], np.float64)


def _axes(x: str, y: str) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure  # noqa: PLC0415 - only who writes a report needs it

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlabel=x, ylabel=y)
    axes.grid(axis="y", color="#e2e9eb", linewidth=0.8)
    return figure, axes


def _draw_bands(
    sides: Sequence[tuple[str, Sequence[AnyCurve]]], title: str, styles: Mapping[str, int]
) -> "Figure":  # fmt: skip
    figure, axes = _axes("epoch", title)
    for name, curves in sides:
        colour, line = colour_of(styles[name]), LINES[dash_of(styles[name])]
        places, low, mean, high = band(curves)
        axes.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(places, mean, line, color=colour, label=name, marker="o" if len(places) < 12 else None, markersize=3)
    axes.legend(frameon=False, fontsize=9)
    return figure


def _draw_costs(found: Conclusion, seconds: Sequence[float], styles: Mapping[str, int]) -> "Figure":
    means = [float(np.mean(each)) for each in found.means]
    front = pareto_front(seconds, means, higher_is_better=found.score.higher_is_better)
    figure, axes = _axes("training time, s", found.score.title)
    axes.plot([seconds[each] for each in front], [means[each] for each in front], ":", color="#8a979c")
    for number, (side, values) in enumerate(zip(found.sides, found.means, strict=True)):
        reach = [[means[number] - min(values)], [max(values) - means[number]]]
        axes.errorbar(seconds[number], means[number], yerr=reach, fmt="o", color=colour_of(styles[side.name]),
                      label=side.name, capsize=3)  # fmt: skip
    axes.set_xlim(left=0)
    axes.legend(frameon=False, fontsize=9)
    return figure


def _as_svg(figure: "Figure") -> str:
    """Return a figure as SVG with its text as text, without what changes from one drawing to the next."""
    from matplotlib import rc_context  # noqa: PLC0415

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "fovea", "font.family": "sans-serif"}):
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    return text[text.index("<svg") :]


def _pairs(store: RunStore, sides: Sequence[Side]) -> list[dict[str, Any]]:
    """Return the same pictures by the first seed of two sides, after the last epoch that each drew."""
    folders = []
    for side in sides[:2]:
        root = store.files.fetch(side.runs[0].id, "pictures")
        epochs = sorted(each for each in root.iterdir() if each.name.isdigit()) if root.is_dir() else []
        if not epochs:
            return []
        folders.append((side.name, epochs[-1]))
    names = [each.name for each in sorted(folders[0][1].glob("*.jpg")) if (folders[1][1] / each.name).exists()]
    return [
        {"name": Path(name).stem, "pictures": [{"side": side, "source": _inline(folder / name)}
                                               for side, folder in folders]}
        for name in names[:MOST_PICTURES]
    ]  # fmt: skip


def _inline(path: Path) -> str:
    return INLINE + base64.b64encode(path.read_bytes()).decode()
