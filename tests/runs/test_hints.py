import re

import pytest

from core.runs.hints import find_hints

FALLING = [1.0 / (1 + epoch) for epoch in range(20)]
VALLEY = [1.0, 0.7, 0.5, 0.45, 0.44, 0.46, 0.5, 0.55, 0.6, 0.66, 0.7, 0.75]


def hints(training: list[float], validation: list[float], best: int = 0, epochs: int = 20) -> list[str]:
    return find_hints(training, validation, score="Dice", best_epoch=best or len(training), epochs=epochs)


def numbers(said: str) -> list[float]:
    return [float(each) for each in re.findall(r"\d+(?:\.\d+)?", said)]


def test_a_validation_loss_that_rises_while_the_training_loss_falls_is_over_fitting() -> None:
    (said,) = hints(FALLING[:12], VALLEY, best=5)
    since, training, validation = 5, (0.2, 0.0833), (0.44, 0.703)
    assert sorted(numbers(said)) == sorted([since, *training, *validation])


@pytest.mark.parametrize(
    ("training", "validation"),
    [
        (FALLING, FALLING),
        (FALLING[:7], VALLEY[:7]),  # two epochs are no trend
        (VALLEY, VALLEY),  # both rise: it does not learn by heart
        (FALLING[:12], [0.5, 0.51] * 6),  # noise
        (FALLING, []),
        ([], []),
        ([float("nan")] * 6, [float("nan")] * 6),
    ],
)
def test_nothing_is_said_of_what_is_no_trend(training: list[float], validation: list[float]) -> None:
    assert hints(training, validation) == []


@pytest.mark.parametrize(("best", "epochs", "said"), [(15, 20, True), (16, 20, False), (15, 40, False), (10, 40, True)])
def test_a_run_that_stands_still_is_pointed_out(best: int, epochs: int, said: bool) -> None:
    found = hints(FALLING, FALLING, best, epochs)
    assert [sorted(numbers(each)) for each in found] == [sorted([20 - best, best])] * said
    assert all("Dice" in each for each in found)
