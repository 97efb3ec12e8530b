import json
import math
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from safetensors.torch import load_file

from core.cli import main
from core.engine.checkpoint import WEIGHTS, load_card
from core.errors import UserError
from core.experiments import catalogue, find_experiment
from core.experiments.classification import ClassificationExperiment
from core.inference.checkpoints import Checkpoint, find_checkpoint
from core.inference.export.hub_folder import export_folder
from core.inference.export.onnx import MEANINGS, answering_part, export_onnx, prepared_examples
from core.inference.predictors.kinds import load_predictor
from core.inference.predictors.predictor import Predictor
from core.paths import PROJECT
from tests.inference.untrained import set_up_untrained, untrained

onnxruntime = pytest.importorskip("onnxruntime", reason="the extra for ONNX is not installed")

BY_DEFAULT = (
    ("vessels", "unet-small"),  # one logit; transposed convolutions, padding that is cropped to any size
    ("pets", "resnet34-unet"),  # residual blocks
    ("landcover", "lite0-unet-scratch"),  # a logit for each class; upsampling to the size of what is joined
    ("landcover", "fcn32s"),  # sums of maps that are cropped
    ("landcover", "deeplabv3"),  # dilation, a map that is pooled to one place and spread again
    ("reconstruction", "no-skips"),
    ("blots", "smooth-labels"),  # a generator without its judge
    ("blots", "pix2pix"),  # normalised over each picture
    ("byol", "pretrain"),  # features of a backbone alone
    ("objects", "small-cnn"),  # logits; a fixed size
    ("chest", "densenet121-tuned"),  # average pooling with a stride
    ("objects", "convnext-last-stage"),  # layer normalisation, axes that are exchanged
)
"""One arm for each kind, each network's class and each kind of layer: what decides how a network becomes a graph.

The test below tells which arm to add where a new network brings another.
"""
LONGEST = dict.fromkeys((("landcover", "deeplabv3"), ("objects", "convnext-last-stage")), pytest.mark.slow)
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
        pytest.param(*each, marks=pytest.mark.exhaustive if each not in BY_DEFAULT else LONGEST.get(each, ()))
        for each in different.values()
    ],
)


def parts_of_graph(slug: str, arm: str) -> set[Any]:
    """Return what decides how an arm's network becomes a graph: its kind, its class and those of its layers."""
    kind = find_experiment(slug).kind_of(arm)
    with torch.device("meta"):
        network = set_up_untrained(slug, arm)[1].build_network()
    answering = answering_part(cast(Predictor, SimpleNamespace(kind=kind, network=network)))
    return {kind, type(answering)} | {type(each) for each in answering.modules() if not [*each.children()]}


def test_the_default_run_exports_every_kind_of_answer_network_and_layer() -> None:
    exported = set[Any]().union(*(parts_of_graph(*each) for each in BY_DEFAULT))
    assert set(BY_DEFAULT) <= set(different.values()), "an arm is named that others stand for"
    missing = {each: parts_of_graph(*each) - exported for each in different.values() if each not in BY_DEFAULT}
    assert not any(missing.values()), missing


@every_network
def test_an_arm_answers_as_onnx_and_as_a_folder_as_it_does_here(slug: str, arm: str, tmp_path: Path) -> None:
    checkpoint = untrained(slug, arm, tmp_path / "checkpoint")
    found = export_onnx(checkpoint, tmp_path / "onnx" / "network.onnx")
    assert found.difference <= 1e-4 * max(1.0, found.largest)
    assert found.largest > 0
    if checkpoint.kind != "classification":
        assert found.any_size

    written = export_folder(checkpoint, tmp_path / "hub")
    assert set(written.files) == {"README.md", "config.json", "model.safetensors"}
    again = find_checkpoint(written.folder, lambda _: tmp_path)
    assert "/somewhere" not in (Path(written.folder) / "config.json").read_text()
    assert "/somewhere" not in (Path(written.folder) / "README.md").read_text()
    loaded = load_predictor(again, device="cpu")
    tensors = load_file(checkpoint.folder / WEIGHTS)
    ours = {
        f"{part}.{name}": each for part, own in loaded.task.parts().items() for name, each in own.state_dict().items()
    }
    assert all(torch.equal(ours[name], tensor) for name, tensor in tensors.items())
    assert ours.keys() == tensors.keys()

    images = prepared_examples(loaded)[-1]
    session = onnxruntime.InferenceSession(found.path, providers=["CPUExecutionProvider"])
    if found.any_size or images.shape[-2:] == found.input_shape[-2:]:
        answers = session.run(None, {"images": images.numpy()})[0]
        with torch.inference_mode():
            expected = answering_part(loaded)(images).numpy()
        assert answers == pytest.approx(expected, abs=2e-4 * max(1.0, found.largest))


def test_onnx_tells_what_its_numbers_mean(checkpoint_folder: Path, tmp_path: Path) -> None:
    checkpoint = Checkpoint("test", checkpoint_folder, load_card(checkpoint_folder))
    found = export_onnx(checkpoint, tmp_path / "network.onnx")
    told = onnxruntime.InferenceSession(found.path).get_modelmeta().custom_metadata_map
    assert told["experiment"] == "vessels"
    assert json.loads(told["config"])["diameter"] == 128
    assert told["answers"] == MEANINGS["segmentation"]
    assert told["caution"] == checkpoint.experiment.caution != ""
    assert found.input_shape[0] == "n"
    assert found.any_size


def test_a_network_that_answers_otherwise_is_not_written(checkpoint_folder: Path, tmp_path: Path) -> None:
    checkpoint = Checkpoint("test", checkpoint_folder, load_card(checkpoint_folder))
    with pytest.raises(UserError, match=r"\de[-+]\d\d.*\b0e\+00\b"):
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
    assert math.isclose(*shares, abs_tol=1e-6)

    assert main(["export", str(checkpoint_folder), "--folder", str(hub)]) == 2
    assert str(hub) in capsys.readouterr().err
    assert main(["export", str(checkpoint_folder)]) == 2
    assert "--onnx FILE" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_told(checkpoint_folder: Path, tmp_path: Path) -> None:
    checkpoint = Checkpoint("test", checkpoint_folder, load_card(checkpoint_folder))
    place = tmp_path / "file" / "network.onnx"
    place.parent.write_text("no folder")
    with pytest.raises(UserError, match=f"{re.escape(str(place))}.*--onnx"):
        export_onnx(checkpoint, place)
