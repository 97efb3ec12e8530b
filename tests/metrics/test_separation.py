"""Told apart where there is something to tell, and not where there is nothing."""

import numpy as np
import pytest

from core.metrics.separation import RESAMPLED, separate


def _drawn(count: int, seed: int, away: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 30)) + away * np.eye(30)[3]


@pytest.mark.parametrize("resampled", [100, pytest.param(RESAMPLED, marks=pytest.mark.exhaustive)])
def test_pictures_of_one_kind_cannot_be_told_apart(monkeypatch: pytest.MonkeyPatch, resampled: int) -> None:
    monkeypatch.setattr("core.metrics.separation.RESAMPLED", resampled)  # fewer make the interval rougher, not narrower
    claimed = sum(separate(_drawn(80, seed), _drawn(60, 100 + seed)).is_there for seed in range(20))
    assert claimed <= 2, "an interval of 95 % may be wrong once in twenty"


def test_the_area_of_two_normal_clouds_is_the_one_of_the_textbook() -> None:
    found = separate(_drawn(3000, 0), _drawn(3000, 1, away=1.5))
    assert found.auc == pytest.approx(0.856, abs=0.02)  # Φ(1.5 / √2), one direction of thirty
    assert found.low < found.auc < found.high
    assert found.is_there


def test_what_is_wholly_different_is_always_told() -> None:
    assert separate(_drawn(40, 0), _drawn(40, 1, away=30)).auc > 0.99


def test_too_few_pictures_say_nothing() -> None:
    with pytest.raises(ValueError, match=r"\b19\b.*\b50\b.*\b20\b"):
        separate(_drawn(19, 0), _drawn(50, 1))
