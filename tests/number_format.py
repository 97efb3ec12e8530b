"""A fixture for folders of tests that predict: answers are computed in one number and memory format, without trials."""

from typing import Any

import pytest

from core.engine.device import Compute, choose_compute
from core.inference import evaluation
from core.inference.predictors import predictor


@pytest.fixture(autouse=True)
def one_number_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """Predictors choose number and memory format by trying, which takes longer than the few answers here.

    The trying is held by tests/engine/test_device.py; the tests of pages and of the command line leave it on.
    """

    def choose(*given: Any, **asked: Any) -> Compute:
        return choose_compute(*given, **asked | {"precision": "fp32", "memory_format": "contiguous"})

    for module in (evaluation, predictor):
        monkeypatch.setattr(module, "choose_compute", choose)
