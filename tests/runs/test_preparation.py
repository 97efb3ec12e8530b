"""How a run computes: chosen by trying, but for numbers that are to repeat."""

import pytest

from core.experiments import find_experiment
from core.runs.preparation import prepare
from tests.synthetic_sets import SyntheticSets


@pytest.mark.parametrize(("asked", "order"), [("auto", "contiguous"), ("channels-last", "channels-last")])
def test_where_exact_numbers_are_asked_for_nothing_is_left_to_a_trial(
    asked: str, order: str, synthetic_sets: SyntheticSets
) -> None:
    experiment = find_experiment("vessels")
    small = {"precision": "fp32", "memory_format": asked, "patch": 32, "patches": 2, "batch_size": 2, "validation": 0.4}
    data = str(synthetic_sets.of("vessels", n=6, seed=3, halved=True))
    ready = prepare(
        experiment.set_up(experiment.config(recipe="quick", data=data, changes=small)), None, say=lambda _: None
    )
    chosen = ready.choose_compute()
    assert (chosen.precision, chosen.memory_format, chosen.trials) == ("fp32", order, ()), "nothing was tried"
