"""What a run cost, and which sides nobody beats in both quality and cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.runs.run import Run
from core.runs.store.run_store import RunStore


@dataclass(frozen=True)
class Cost:
    """A kind of cost.

    Attributes:
        key: Name in tables.
        title: Name for people, with its unit.
    """

    key: str
    title: str


COSTS = (
    Cost("seconds", "Training time, s"),
    Cost("parameters", "Parameters, million"),
    Cost("flops", "FLOPs of one picture, billion"),
    Cost("latency", "Latency of one picture, ms"),
    Cost("memory", "Peak memory, MiB"),
    Cost("size", "Checkpoint, MB"),
)


def costs_of(store: RunStore, run: Run) -> dict[str, float]:
    """Return what is known of a run's costs, by key, in the units of :data:`COSTS`.

    A time that was taken while the machine was busy with something else is left out: it does not stand beside others.
    """
    found = {"seconds": run.seconds}
    facts = (("parameters", "parameters", 1e6), ("flops", "flops", 1e9), ("latency", "latency", 1),
             ("memory", "peak_memory", 1))  # fmt: skip
    for key, fact, unit in facts:
        text = run.facts.get(fact, "")
        found[key] = float(text) / unit if text.replace(".", "", 1).isdigit() else None
    if run.facts.get("latency_fair", "True") != "True":
        found["latency"] = None
    weights = store.files.folder(run.id) / "checkpoint" / "best" / "weights.safetensors"
    found["size"] = weights.stat().st_size / 1e6 if weights.exists() else None
    return {key: value for key, value in found.items() if value is not None}


def pareto_front(costs: Sequence[float], qualities: Sequence[float], *, higher_is_better: bool = True) -> list[int]:
    """Return the numbers of the points that no other beats in both, from the cheapest on.

    Args:
        costs: Of each point; less is better.
        qualities: Of each point.
        higher_is_better: Whether a larger quality is the better one.
    """
    sign = 1 if higher_is_better else -1
    front: list[int] = []
    for number in sorted(range(len(costs)), key=lambda each: (costs[each], -sign * qualities[each])):
        if not front or sign * qualities[number] > sign * qualities[front[-1]]:
            front.append(number)
    return front
