"""How large a network is, and how much work one pass through it takes."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(module: nn.Module, trainable_only: bool = False) -> int:
    """Return the number of weights of a module.

    A weight that is used in several places counts once; running means of batch normalisation are no weights.

    Args:
        module: A network or a part of one.
        trainable_only: Leave out what is frozen.
    """
    return sum(each.numel() for each in module.parameters() if each.requires_grad or not trainable_only)


def count_flops(module: nn.Module, images: Tensor) -> int:
    """Return the floating-point operations of one forward pass in evaluation mode.

    A multiplication with its addition counts as 2. Papers and torchvision often count it as 1 and call that FLOPs
    or MACs: halve this number to compare. Convolutions, transposed convolutions and matrix products are counted;
    additions of biases, normalisation, activation, pooling and resizing, a few hundredths of the work at most in
    networks of this kind, are not. A convolution's padding counts like pixels.

    Only shapes are computed ("meta" tensors), so a large picture costs no more than a small one, and neither the
    weights nor the module's modes are touched.

    Args:
        module: Maps ``images`` to a tensor or a structure of tensors.
        images: ``(N, C, H, W)``; only shape and type matter. The count grows in proportion to N.
    """
    return trace(module, images).flops


@dataclass(frozen=True)
class Trace:
    """What one forward pass went through.

    Attributes:
        flops: Of all of it, counted as by :func:`count_flops`.
        modules: Names of the modules that were called, in the order in which they were.
        shapes: Of what each gave last, where that is a tensor, without the batch.
        flops_of: Of each, its parts included.
    """

    flops: int
    modules: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]
    flops_of: Mapping[str, int]


def trace(module: nn.Module, images: Tensor) -> Trace:
    """Follow one forward pass in evaluation mode; see :func:`count_flops`, also for the arguments."""
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    meta = {name: each.detach().to("meta") for name, each in tensors.items()}
    modes = {each: each.training for each in module.modules()}
    counter = FlopCounterMode(display=False)
    steps = _Steps(counter)
    with ExitStack() as hooks:
        for name, each in module.named_modules():
            if name:
                hooks.callback(each.register_forward_pre_hook(partial(steps.enter, name)).remove)
                hooks.callback(each.register_forward_hook(partial(steps.leave, name)).remove)
        module.eval()
        try:
            with torch.no_grad(), counter:
                functional_call(module, meta, (images.to("meta"),))
        finally:
            for each, was_training in modes.items():
                each.training = was_training
    return Trace(int(counter.get_total_flops()), tuple(steps.flops), steps.shapes, steps.flops)


class _Steps:
    """Notes what each module gives and what is counted while it is under way.

    PyTorch's counter has counts by module too, but loses those that are called from outside of their parent, such as
    the frozen part of a classifier.
    """

    def __init__(self, counter: FlopCounterMode) -> None:
        self.counter = counter
        self.flops: dict[str, int] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._before: list[int] = []

    def enter(self, name: str, _module: nn.Module, _given: Any) -> None:
        self._before.append(self.counter.get_total_flops())
        self.flops.setdefault(name, 0)  # in the order of the calls

    def leave(self, name: str, _module: nn.Module, _given: Any, answer: Any) -> None:
        self.flops[name] += int(self.counter.get_total_flops() - self._before.pop())
        if isinstance(answer, Tensor):
            self.shapes[name] = tuple(answer.shape[1:])
