import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from core.cli import main
from core.engine.checkpoint import load_card
from core.errors import UserError
from core.experiments import catalogue, find_experiment
from core.experiments.classification import ClassificationExperiment
from core.inference.checkpoints import Checkpoint, find_checkpoint
from core.inference.hub_folder import export_folder
from core.inference.kinds import load_predictor
from core.inference.onnx_export import export_onnx, prepared_examples
from core.paths import PROJECT
from tests.inference.untrained import untrained

onnxruntime = pytest.importorskip("onnxruntime", reason="the extra for ONNX is not installed")

QUICK_TO_SHOW = ("vessels", "unet-small")
ALIKE = {"slow-discriminator": "reported", "smooth-labels": "reported", "denoising": "with-skips",
         "lite0-unet-scratch": "lite0-unet"}  # fmt: skip
"""Arms whose networks are those of another arm of their experiment, which they train in another way."""


def name_network(slug: str, arm: str) -> tuple[str, str]:
    """Name what an arm's network is built like; two arms of the same name export the same graph."""
    experiment = find_experiment(slug)
    if slug == "byol" and arm != "pretrain":
        return slug, "classifier"
    if isinstance(experiment, ClassificationExperiment) and experiment.kind_of(arm) == "classification":
        return "classifier", experiment.ways[arm].backbone
    return slug, ALIKE.get(arm, arm)


different = {name_network(slug, arm.slug): (slug, arm.slug) for slug, each in catalogue().items() for arm in each.arms}
every_network = pytest.mark.parametrize(
    ("slug", "arm"),
    [
        pytest.param(slug, arm, marks=() if (slug, arm) == QUICK_TO_SHOW else pytest.mark.slow)
        for slug, arm in sorted(different.values())
    ],
)


@every_network
def test_an_arm_answers_as_onnx_and_as_a_folder_as_it_does_here(slug: str, arm: str, tmp_path: Path) -> None:
    checkpoint = untrained(slug, arm, tmp_path / "checkpoint")
    found = export_onnx(checkpoint, tmp_path / "onnx" / "network.onnx")
    assert found.difference <= 1e-4 * max(1.0, found.largest)
    assert found.largest > 0
    if checkpoint.kind != "classification":
        assert found.any_size
    predictor = load_predictor(checkpoint, device="cpu")
    images = prepared_examples(predictor)[-1]
    session = onnxruntime.InferenceSession(found.path, providers=["CPUExecutionProvider"])
    if found.any_size or images.shape[-2:] == found.input_shape[-2:]:
        answer = session.run(None, {"images": images.numpy()})[0]
        assert np.isfinite(answer).all()

    written = export_folder(checkpoint, tmp_path / "hub")
    assert set(written.files) == {"README.md", "config.json", "model.safetensors"}
    again = find_checkpoint(written.folder, lambda _: tmp_path)
    assert "/somewhere" not in (Path(written.folder) / "config.json").read_text()
    assert "/somewhere" not in (Path(written.folder) / "README.md").read_text()
    loaded = load_predictor(again, device="cpu")
    for mine, other in zip(predictor.task.parts().values(), loaded.task.parts().values(), strict=True):
        for name, tensor in mine.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name]), name


def test_onnx_tells_what_its_numbers_mean(checkpoint_folder: Path, tmp_path: Path) -> None:
    checkpoint = Checkpoint("test", checkpoint_folder, load_card(checkpoint_folder))
    found = export_onnx(checkpoint, tmp_path / "network.onnx")
    told = onnxruntime.InferenceSession(found.path).get_modelmeta().custom_metadata_map
    assert told["experiment"] == "vessels"
    assert json.loads(told["config"])["diameter"] == 200
    assert "sigmoid" in told["answers"]
    assert "not for diagnosis" in told["caution"]
    assert found.input_shape[0] == "n"
    assert found.any_size


def test_a_network_that_answers_otherwise_is_not_written(checkpoint_folder: Path, tmp_path: Path) -> None:
    checkpoint = Checkpoint("test", checkpoint_folder, load_card(checkpoint_folder))
    with pytest.raises(UserError, match=r"differs from PyTorch's by .* nothing was written"):
        export_onnx(checkpoint, tmp_path / "network.onnx", bound=0.0)
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_both_and_predicts_from_the_folder(
    checkpoint_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnx, hub = tmp_path / "network.onnx", tmp_path / "hub"
    assert main(["export", str(checkpoint_folder), "--onnx", str(onnx), "--folder", str(hub), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["onnx"]["any_size"]
    assert onnx.stat().st_size > 1e5
    head = (hub / "README.md").read_text().split("---\n")[1]
    values = {name: json.loads(value) for name, _, value in (line.partition(": ") for line in head.splitlines())}
    assert values["pipeline_tag"] == "image-segmentation"
    assert values["library_name"] == "fovea"

    picture = PROJECT / "assets" / "examples" / "vessels" / "drawn_1.jpg"
    shares = []
    for source in (checkpoint_folder, hub):
        assert main(["predict", str(source), str(picture), "--json"]) == 0
        shares.append(json.loads(capsys.readouterr().out)["predictions"][0]["share"])
    assert math.isclose(*shares, abs_tol=0.01)  # the number format is chosen by trying, each time anew

    assert main(["export", str(checkpoint_folder), "--folder", str(hub)]) == 2
    assert "already holds something" in capsys.readouterr().err
    assert main(["export", str(checkpoint_folder)]) == 2
    assert "--onnx FILE" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_place_that_cannot_be_written_is_told(checkpoint_folder: Path, tmp_path: Path) -> None:
    checkpoint = Checkpoint("test", checkpoint_folder, load_card(checkpoint_folder))
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="cannot be written"):
        export_onnx(checkpoint, tmp_path / "network.onnx")
