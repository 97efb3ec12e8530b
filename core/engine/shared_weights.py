"""Checkpoints that do not store again what is published: weights that training left as the bundled package has them.

A card says under ``borrowed`` whose weights they are and what their digest is. What the file lacks is then taken from
the package, and nothing is answered with weights of another digest.
"""

import hashlib
from collections.abc import Mapping
from typing import TypedDict

import torch
from torch import Tensor, nn

from core.engine.pretrained import BUNDLED, PACKAGE, bundled_weights, load_weights_into
from core.errors import UserError
from core.models.backbones import StagedBackbone, build_backbone


class Borrowed(TypedDict):
    """What a card says of the tensors that its file lacks.

    Attributes:
        module: Where they lie: a part's name and the path of the backbone in it, ``network.backbone``.
        weights: Name of the backbone in :data:`core.models.backbone_specs.BACKBONES`.
        tensors: How many.
        digest: Of their names and values, :func:`digest_of`.
    """

    module: str
    weights: str
    tensors: int
    digest: str


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """Return 64 hexadecimal digits that change with every name, shape, type and bit of some tensors."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\0".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def find_borrowed(parts: Mapping[str, nn.Module]) -> tuple[Borrowed, frozenset[str]] | None:
    """Find what need not be stored: tensors of a backbone that are bit for bit those of the bundled package.

    Args:
        parts: Modules by name, as a checkpoint stores them.

    Returns:
        What the card has to say, and the tensors' names within the checkpoint; None where there are none.
    """
    for place, backbone in _backbones(parts):
        published = _published()
        if backbone.spec.name != BUNDLED or published is None:
            continue
        own = backbone.state_dict()
        alike = {key: each for key, each in own.items() if key in published and torch.equal(each.cpu(), published[key])}
        if alike:
            said: Borrowed = {
                "module": place, "weights": BUNDLED, "tensors": len(alike), "digest": digest_of(alike),
            }  # fmt: skip
            return said, frozenset(f"{place}.{key}" for key in alike)
    return None


def fill_in(tensors: dict[str, Tensor], borrowed: Borrowed, parts: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Return a checkpoint's tensors with those that it borrows.

    Args:
        tensors: What its file holds, by name.
        borrowed: What its card says.
        parts: Modules by name, which say what is missing.

    Raises:
        UserError: If the package is not there, or holds other weights than when the checkpoint was made.
    """
    place = borrowed["module"]
    part, _, path = place.partition(".")
    if part not in parts:  # only some parts are loaded
        return tensors
    wanted = [key for key in parts[part].get_submodule(path).state_dict() if f"{place}.{key}" not in tensors]
    published = _published()
    advice = f"install the package {PACKAGE.replace('_', '-')} as requirements.txt names it"
    if published is None:
        raise UserError(
            f"This checkpoint stores only what was trained; the rest is published weights of {borrowed['weights']}, "
            f"which are not on this machine: {advice}."
        )
    found = {key: published[key] for key in wanted if key in published}
    if digest_of(found) != borrowed["digest"]:
        raise UserError(
            f"This checkpoint builds on published weights of {borrowed['weights']} with the digest "
            f"{borrowed['digest'][:12]}…, but those on this machine have {digest_of(found)[:12]}…: {advice}."
        )
    return tensors | {f"{place}.{key}": each for key, each in found.items()}


def _backbones(parts: Mapping[str, nn.Module]) -> list[tuple[str, StagedBackbone]]:
    return [
        (f"{name}.{path}", module)
        for name, part in parts.items()
        for path, module in part.named_modules()
        if isinstance(module, StagedBackbone)
    ]


def _published() -> dict[str, Tensor] | None:
    """Return the bundled package's tensors under a backbone's own names; None where it is not installed."""
    source = bundled_weights()
    if source is None:
        return None
    backbone = build_backbone(BUNDLED)
    load_weights_into(backbone, source)
    return backbone.state_dict()
