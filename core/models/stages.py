"""The parts of a network one after another: what each gives, and its share of weights and work."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from core.models.summary import count_parameters, trace

FEWEST = 4
"""Of a network with fewer parts the heaviest is taken apart."""
PLAIN = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


@dataclass(frozen=True)
class Stage:
    """One part of a network.

    Attributes:
        name: As PyTorch gives it; empty for what belongs to the network itself and to no part.
        kind: Name of its class.
        shape: What it gives for one picture, ``(C, H, W)`` as a rule; empty where that is no tensor.
        parameters: Its weights; one that several parts share is counted in the first.
        flops: Of one forward pass, a multiplication with its addition being 2.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    flops: int


def list_stages(network: nn.Module, images: Tensor) -> list[Stage]:
    """Return the parts of a network in the order in which a picture passes them.

    Plain containers, and modules whose parts are called but never they themselves, are taken apart, and of a network
    with few parts the heaviest. Parts with neither weights nor work, such as pooling, are left out. Parameters and
    FLOPs sum up to those of the whole network.

    Args:
        network: Maps ``images`` to logits; neither its weights nor its modes are touched.
        images: ``(1, C, H, W)``; only the shape matters.
    """
    went = trace(network, images)
    named = _parts(network, set(went.modules))
    order = {name: number for number, name in enumerate(went.modules)}
    first = {name: min((order[each] for each in order if _lies_in(each, name)), default=len(order)) for name in named}
    counted: set[int] = set()
    stages = []
    for name in sorted(named, key=first.__getitem__):
        fresh = [each for each in named[name].parameters() if id(each) not in counted]
        counted.update(id(each) for each in fresh)
        parameters = sum(each.numel() for each in fresh)
        kind, shape = type(named[name]).__name__, went.shapes.get(name, ())
        stages.append(Stage(name, kind, shape, parameters, went.flops_of.get(name, 0)))
    rest = Stage("", type(network).__name__, (), count_parameters(network) - sum(each.parameters for each in stages),
                 went.flops - sum(each.flops for each in stages))  # fmt: skip
    return [each for each in (*stages, rest) if each.parameters or each.flops]


def _lies_in(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


def _parts(network: nn.Module, called: set[str]) -> dict[str, nn.Module]:
    """Return the parts by name: children, taken apart where they only hold others; the heaviest where there are few."""
    parts = dict(_open(network, "", called))
    while sum(count_parameters(each) > 0 for each in parts.values()) < FEWEST:
        heaviest = max(parts, key=lambda name: count_parameters(parts[name]), default="")
        inner = dict(_open(parts[heaviest], f"{heaviest}.", called)) if parts else {}
        if not inner:
            break
        parts = {name: part for name, part in parts.items() if name != heaviest} | inner
    return parts


def _open(module: nn.Module, prefix: str, called: set[str]) -> Iterator[tuple[str, nn.Module]]:
    """Yield a module's children, or theirs where a child only holds them; what lies in a plain container is a part."""
    for name, child in module.named_children():
        full = f"{prefix}{name}"
        only_holds = full not in called or (type(child) in PLAIN and type(module) not in PLAIN)
        if only_holds and any(True for _ in child.children()):
            yield from _open(child, f"{full}.", called)
        else:
            yield full, child
