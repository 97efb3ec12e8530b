"""Where to compute, in which number format and memory order: tried for a moment, not assumed.

The best setting differs by network and processor (on one machine, channels-last triples ResNet-50's time in fp32 and
halves it in bf16), so each candidate takes a few real steps on a copy of the network and the fastest wins.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import UserError

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
TRIAL_SECONDS = 0.6
WORTH, NOTHING_TO_GAIN = 1.1, 0.005
"""What a shorter number format must gain to be worth its rounding: a tenth of the time, of at least so many seconds."""
CLOSE, WHOLE_SECONDS = 1.35, 4.0
"""Settings up to so many times as slow as the fastest on a cut are tried on a whole batch, if a step takes so long."""


@dataclass(frozen=True)
class Compute:
    """A choice of device, number format (``fp32``, ``bf16``, ``fp16``) and memory order.

    Attributes:
        device: As torch names it.
        precision: Format of the arithmetic; weights and optimiser stay in fp32.
        memory_format: ``contiguous`` or ``channels-last``.
        trials: Measured milliseconds of a trial step for each setting tried; empty where nothing was tried.
    """

    device: str
    precision: str
    memory_format: str
    trials: tuple[tuple[str, float], ...] = ()

    @property
    def name(self) -> str:
        """Return number format and memory order, as they are shown."""
        return f"{self.precision} {self.memory_format}"

    @property
    def torch_memory_format(self) -> torch.memory_format:
        """Return torch's name of the memory order."""
        return torch.channels_last if self.memory_format == "channels-last" else torch.contiguous_format

    def place(self, images: Tensor) -> Tensor:
        """Move a batch of pictures ``(N, C, H, W)`` to the device in the chosen memory order."""
        return images.to(self.device, memory_format=self.torch_memory_format)

    def place_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Move a batch's tensors to the device, pictures also into the chosen memory order; the rest stays."""
        return {
            key: value if not isinstance(value, Tensor)
            else self.place(value) if value.ndim == 4 else value.to(self.device)
            for key, value in batch.items()
        }  # fmt: skip

    def autocast(self) -> torch.autocast:
        """Return the context in which the network computes in the chosen number format."""
        return torch.autocast(self.device, DTYPES.get(self.precision), enabled=self.precision in DTYPES)

    def describe(self) -> str:
        """Say the choice and what it was chosen from."""
        chosen = f"{self.device}, {self.precision}, {self.memory_format}"
        tried = "; ".join(f"{name} {milliseconds:.0f} ms" for name, milliseconds in self.trials)
        return f"{chosen} (tried on this network: {tried})" if tried else chosen


def choose_device(wanted: str) -> str:
    """Return the device to use: ``auto`` takes a GPU where there is one.

    Raises:
        UserError: If the device asked for is not on this machine.
    """
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if present[name])
    if not present[wanted]:
        there = ", ".join(name for name, found in present.items() if found)
        raise UserError(
            f"The device {wanted} was asked for, but this machine has {there}; choose one of those or auto."
        )
    return wanted


def short_format(device: str) -> str:
    """Return bf16 where a device has instructions for it, else fp32: the same each time, which a trial's winner is not.

    A processor without them takes longer in bf16 than in fp32.
    """
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    tells = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    has = device == "cpu" and any(getattr(torch.cpu, each, bool)() for each in tells)
    return "bf16" if has else "fp32"


Step = Callable[[nn.Module, Tensor], Tensor]


def choose_compute(
    network: nn.Module,
    images: Tensor,
    *,
    device: str = "auto",
    precision: str = "auto",
    memory_format: str = "auto",
    training: bool = True,
) -> Compute:
    """Return the fastest allowed setting for this network on pictures of this shape.

    Args:
        network: Only a copy is run; its weights, buffers and the random state stay as they were.
        images: ``(N, C, H, W)`` of the training's own shape. Where a step would take long, a smaller cut is tried.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision: ``auto`` or a fixed format.
        memory_format: ``auto`` or a fixed order.
        training: Whether whole training steps are tried, or predictions only.

    Raises:
        UserError: If the device is not there, or cannot compute in the format asked for.
    """
    place = choose_device(device)
    if precision == "fp16" and place == "cpu":
        raise UserError(
            "The precision fp16 was asked for, but a processor has no use for it; choose bf16, fp32 or auto."
        )
    formats = _formats(place) if precision == "auto" else [precision]
    orders = ["contiguous", "channels-last"] if memory_format == "auto" else [memory_format]
    candidates = [Compute(place, each, order) for each in formats for order in orders]
    if len(candidates) == 1:
        return candidates[0]
    with torch.random.fork_rng():
        cut = _affordable(network, images, place, training)
        times = {each: _trial(network, cut, each, training) for each in candidates}
        named = [(each.name, seconds) for each, seconds in times.items()]
        best = _best(times)
        close = [each for each in candidates if times[each] < CLOSE * times[best]]
        larger = images.numel() / cut.numel()
        if len(close) > 1 and larger > 1 and larger * times[best] < WHOLE_SECONDS:  # a cut hides what memory costs
            times = {each: _trial(network, images, each, training, repeats=1) for each in close}
            named += [(f"{each.name} on a whole batch", seconds) for each, seconds in times.items()]
            best = _best(times)
    trials = tuple((name, 1e3 * seconds) for name, seconds in named)
    return Compute(best.device, best.precision, best.memory_format, trials)


def _best(times: dict[Compute, float]) -> Compute:
    """Return the fastest setting; of formats that are about as fast, the exact one."""
    fastest = min(times, key=times.__getitem__)
    exact = min((each for each in times if each.precision == "fp32"), key=times.__getitem__, default=fastest)
    return exact if times[exact] < max(WORTH * times[fastest], NOTHING_TO_GAIN) else fastest


def _formats(device: str) -> list[str]:
    if device == "cuda":
        return ["fp32", "bf16"] if torch.cuda.is_bf16_supported() else ["fp32", "fp16"]
    return ["fp32", "bf16"] if short_format(device) == "bf16" else ["fp32"]


def _affordable(network: nn.Module, images: Tensor, device: str, training: bool) -> Tensor:
    """Return a cut of the pictures on which one step takes a fraction of a second.

    A network that takes one size alone says so with an attribute ``only_size``; it gets fewer pictures instead.
    """
    if getattr(network, "only_size", None):
        return images[: max(2, len(images) // 4)]
    smallest = images[..., : max(64, images.shape[-2] // 4), : max(64, images.shape[-1] // 4)]
    seconds = _trial(network, smallest, Compute(device, "fp32", "contiguous"), training, repeats=1)
    cut = smallest
    for part in (2, 1):
        larger = images[..., : images.shape[-2] // part, : images.shape[-1] // part]
        if seconds * larger.numel() / smallest.numel() > TRIAL_SECONDS:
            break
        cut = larger if larger.numel() > cut.numel() else cut
    return cut


def _trial(network: nn.Module, images: Tensor, compute: Compute, training: bool, *, repeats: int = 2) -> float:
    """Return the seconds of the fastest of a few steps, after one to warm up."""
    trial = copy.deepcopy(network).to(compute.device, memory_format=compute.torch_memory_format)  # type: ignore[call-overload]
    trial.train(training)
    placed = compute.place(images)
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        with torch.set_grad_enabled(training), compute.autocast():
            logits = trial(placed).float()
            if training:
                logits.square().mean().backward()
        if compute.device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
        trial.zero_grad()
    return min(seconds[1:])
