import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from core.errors import UserError
from core.inference.predictors.cache import KeptPredictors, weigh


def predictor(megabytes: int) -> Any:
    return SimpleNamespace(network=torch.nn.Linear(megabytes * 250_000, 1, bias=False))


def test_weights_are_weighed_in_bytes() -> None:
    assert weigh(predictor(3)) == 3_000_000


def test_what_was_asked_for_last_stays_as_long_as_it_fits() -> None:
    kept, loaded = KeptPredictors(most_bytes=10_000_000), []

    def ask(name: str, megabytes: int) -> Any:
        return kept.get(name, lambda: loaded.append(name) or predictor(megabytes))

    for name in ("a", "b", "c"):
        ask(name, 3)
    assert len(kept) == 3
    ask("a", 3)
    ask("d", 3)  # b, which was asked for longest ago, goes
    for name in ("a", "c", "d"):
        ask(name, 3)
    assert loaded == ["a", "b", "c", "d"]
    ask("b", 3)
    assert loaded[-1] == "b"


def test_two_stay_whatever_they_take() -> None:
    kept, loaded = KeptPredictors(most_bytes=1), []
    for name in ("a", "b", "a", "b", "c", "b"):
        kept.get(name, lambda name=name: loaded.append(name) or predictor(1))
    assert loaded == ["a", "b", "c"]
    assert len(kept) == 2


def test_who_asks_at_the_same_time_waits_for_one_loading_and_gets_the_same() -> None:
    kept, loaded, got = KeptPredictors(), [], []
    begun, may_end = threading.Event(), threading.Event()

    def load() -> Any:
        loaded.append(1)
        begun.set()
        may_end.wait(10)
        return predictor(1)

    askers = [threading.Thread(target=lambda: got.append(kept.get("a", load))) for _ in range(8)]
    for each in askers:
        each.start()
    begun.wait(10)
    other = predictor(1)
    assert kept.get("b", lambda: other) is other  # another model is not held up
    may_end.set()
    for each in askers:
        each.join(10)
    assert len(loaded) == 1
    assert len({id(each) for each in got}) == 1
    assert len(got) == 8


def test_a_loading_that_failed_is_tried_again() -> None:
    kept, tries = KeptPredictors(), []

    def load() -> Any:
        tries.append(time.monotonic())
        if len(tries) == 1:
            raise UserError("There is no such model.")
        return predictor(1)

    with pytest.raises(UserError):
        kept.get("a", load)
    assert kept.get("a", load)
    assert len(kept) == 1
