"""Trained weights on disk: safetensors with a JSON card. Nothing here ever unpickles a stranger's file.

A checkpoint is a folder with ``weights.safetensors`` and ``card.json``. The card is also kept inside the weights file,
so that one atomic rename replaces both and a crash can never pair new weights with an old card.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from core.engine.damage import UNREADABLE
from core.errors import UserError
from core.files import replacing, write_atomically

WEIGHTS, CARD, STATE = "weights.safetensors", "card.json", "state.pt"
HUB_WEIGHTS = "model.safetensors"
"""What the Hugging Face Hub calls a file of weights; a folder with it is a checkpoint too."""

Card = dict[str, Any]


def save_checkpoint(
    folder: Path, parts: Mapping[str, nn.Module], card: Card, *, left_out: Collection[str] = (), half: bool = False
) -> None:
    """Write weights and card, replacing what was there in one move.

    Args:
        folder: Made if missing.
        parts: Modules by name; tensors are stored as ``part.name``.
        card: Anything JSON can hold.
        left_out: Tensors that are not stored; the card's ``borrowed`` says where they are found again.
        half: Whether numbers are stored with 16 bits instead of 32.
    """
    tensors = {
        f"{name}.{key}": _stored(tensor, half=half)
        for name, part in parts.items()
        for key, tensor in part.state_dict().items()
        if f"{name}.{key}" not in left_out
    }
    text = json.dumps(card, indent=2, ensure_ascii=False)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / WEIGHTS, save(tensors, metadata={"card": text}))
    write_atomically(folder / CARD, text.encode() + b"\n")


def weights_path(folder: Path) -> Path:
    """Return a checkpoint's file of weights by either name; ours where there is none."""
    hub = folder / HUB_WEIGHTS
    return hub if hub.is_file() and not (folder / WEIGHTS).is_file() else folder / WEIGHTS


def load_card(folder: Path) -> Card:
    """Return a checkpoint's card.

    Raises:
        UserError: If the folder is no checkpoint, or its file is damaged.
    """
    with _opened(folder) as weights:
        text = (weights.metadata() or {}).get("card")
    if text is None:
        raise UserError(f"The weights in {folder} carry no card, so it is not known what they are for.")
    try:
        card = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"The card of the weights in {folder} is damaged; get the checkpoint again.") from error
    if not isinstance(card, dict):
        raise UserError(f"The card of the weights in {folder} is not one of ours; get the checkpoint again.")
    return card


def load_weights(folder: Path, parts: Mapping[str, nn.Module]) -> None:
    """Put a checkpoint's tensors into modules of the same names; what it borrows is filled in.

    Raises:
        UserError: If the folder is no checkpoint, its file is damaged, the tensors do not fit or are not finite, or
            what it borrows is not on this machine.
    """
    with _opened(folder) as weights:
        tensors = {key: weights.get_tensor(key) for key in weights.keys()}  # noqa: SIM118 - not a dict
        _refuse_no_numbers(folder, tensors)
        borrows = '"borrowed"' in (weights.metadata() or {}).get("card", "")
    borrowed = load_card(folder).get("borrowed") if borrows else None
    if borrowed:
        from core.engine.shared_weights import fill_in  # noqa: PLC0415 - most checkpoints are whole

        try:
            tensors = fill_in(tensors, borrowed, parts)
        except (AttributeError, KeyError, TypeError) as error:
            raise UserError(f"The card of the weights in {folder} is damaged; get the checkpoint again.") from error
    for name, part in parts.items():
        own = {key.removeprefix(f"{name}."): tensor for key, tensor in tensors.items() if key.startswith(f"{name}.")}
        try:
            part.load_state_dict(own)
        except RuntimeError as error:
            raise UserError(f"The weights in {folder} are of another network than its card says.") from error


def _refuse_no_numbers(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Refuse weights with which every answer would be NaN."""
    spoilt = [key for key, each in tensors.items() if each.is_floating_point() and not torch.isfinite(each).all()]
    if spoilt:
        raise UserError(
            f"{len(spoilt)} of {len(tensors)} tensors of the weights in {folder} hold NaN or infinite numbers, such as "
            f"{spoilt[0]}, so nothing can be predicted with them; get the checkpoint again, or train anew with a lower "
            "learning rate."
        )


def _stored(tensor: Tensor, *, half: bool) -> Tensor:
    kept = tensor.detach().cpu().contiguous()
    return kept.half() if half and kept.is_floating_point() else kept


def fingerprint_of(network: nn.Module) -> str:
    """Return 16 hexadecimal digits that change with a frozen weight or a buffer; trained weights do not count."""
    trained = {name for name, each in network.named_parameters() if each.requires_grad}
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        if name not in trained:
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def save_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Write what a run needs to go on."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / STATE) as file:
        torch.save(dict(state), file)


def load_state(folder: Path) -> dict[str, Any] | None:
    """Return what a run needs to go on, or None if it never stored any.

    Raises:
        UserError: If the file is damaged.
    """
    path = folder / STATE
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise UserError(f"{path} is damaged, so this run cannot go on; start it anew.") from error
    return state


def _opened(folder: Path) -> Any:
    path = weights_path(folder)
    if not path.is_file():
        raise UserError(f"{folder} is no checkpoint: it has no {WEIGHTS}.")
    try:
        return safe_open(path, framework="pt")
    except SafetensorError as error:
        raise UserError(f"{path} is damaged or not a safetensors file; get it again.") from error
