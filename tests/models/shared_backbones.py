"""Backbones that the tests of networks share: each is built once for all of them."""

from functools import cache

import pytest
import torch

from core.models.backbones import BACKBONES, StagedBackbone, build_backbone

TWINS = ("resnet50",)
"""Backbones whose structure is another's: resnet50 is built of the same stages as resnet18."""

FAMILIES = [pytest.param(each, marks=pytest.mark.exhaustive) if each in TWINS else each for each in BACKBONES]
"""What every backbone must hold is shown for one of each structure by default, and for all in `make test-all`."""


def shared_backbone(name: str) -> StagedBackbone:
    """Return a backbone in evaluation mode of which nothing is held still.

    Its weights are random, and the tests before may have moved its statistics: a test must hold for any.
    """
    backbone = _built(name)
    backbone.freeze(0)
    backbone.zero_grad()
    return backbone.eval()


@cache
def _built(name: str) -> StagedBackbone:
    torch.manual_seed(0)
    with torch.inference_mode(False):  # the next test may want gradients, whatever the first one wants
        return build_backbone(name)
