import re
from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine.checkpoint import load_card
from core.engine.device import Compute
from core.engine.trainer import Trainer
from core.errors import UserError
from core.experiments import find_experiment
from core.runs.training import build_card
from tests.engine.toy import MemoryRecorder
from tests.messages import naming
from tests.synthetic_sets import SyntheticSets

BYOL = find_experiment("byol")
CPU = Compute("cpu", "fp32", "contiguous")
SMALL = {"size": 32, "hidden": 16, "projection": 8, "gallery": 2, "validation": 0.2, "precision": "fp32",
         "memory_format": "contiguous"}  # fmt: skip
FIXED = {"epochs": 1, "batch_size": 16}


@pytest.fixture(scope="module")
def scenes(synthetic_sets: SyntheticSets) -> Path:
    return synthetic_sets.of("byol")


def train(arm: str, scenes: Path, folder: Path, earlier: Path | None = None, **changes: Any) -> Any:
    config = BYOL.config(arm=arm, recipe="quick", data=str(scenes), changes=SMALL | FIXED | changes)
    torch.manual_seed(0)
    setup = BYOL.set_up(config)
    network = setup.build_network()
    setup.begin(network, earlier)
    begun = {name: each.clone() for name, each in network.state_dict().items()}
    data, task = setup.build_data(network), setup.build_task(network)
    card = build_card(setup, "test", {})
    recorder = MemoryRecorder()
    trainer = Trainer(task, data, config, recorder, compute=CPU, folder=folder, card=card)
    trainer.fit()
    return network, begun, data, recorder


@pytest.fixture(scope="module")
def pretrained(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    folder = tmp_path_factory.mktemp("pretrained")
    network, _, data, _ = train("pretrain", scenes, folder)
    return network, data, folder / "best"


@pytest.fixture(scope="module")
def head(
    scenes: Path, pretrained: tuple[Any, Any, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, dict[str, torch.Tensor], Path]:
    """Return a classifier on the pre-training, what it began with, and its checkpoint."""
    folder = tmp_path_factory.mktemp("head")
    network, begun, _, _ = train("byol-head", scenes, folder, pretrained[2])
    return network, begun, folder / "best"


@pytest.mark.parametrize(
    ("arm", "values"),
    [
        ("pretrain", {"epochs": 10, "batch_size": 256, "learning_rate": 0.01, "hidden": 4096, "projection": 256,
                      "tau": 0.996, "smallest_cut": 0.08}),
        *[(arm, {"epochs": 100, "batch_size": 64, "learning_rate": 5e-4, "flip": True, "trivial_augment": True})
          for arm in ("scratch-whole", "supervised-whole", "byol-whole", "supervised-head", "byol-head")],
    ],
)  # fmt: skip
def test_the_reported_recipe_is_the_report_s(arm: str, values: dict[str, Any]) -> None:
    config = BYOL.config(arm=arm, recipe="reported").as_values()
    both = {"backbone": "resnet50", "size": 128, "resize": 0, "optimizer": "adam", "schedule": "constant"}
    assert {name: config[name] for name in values | both} == values | both


def test_the_five_settings_carry_the_report_s_numbers() -> None:
    found = {each.arm: each.value for each in BYOL.reported}
    assert found == {"scratch-whole": 0.41, "supervised-whole": 0.595, "byol-whole": 0.496, "supervised-head": 0.539,
                     "byol-head": 0.34}  # fmt: skip


@pytest.mark.parametrize("recipe", ["improved", "reported", "quick"])
def test_both_blind_arms_share_the_very_run_that_a_newcomer_would_start(recipe: str) -> None:
    direct = BYOL.config(arm="pretrain", recipe=recipe, seed=3)
    for arm in ("byol-whole", "byol-head"):
        assert BYOL.prerequisite(BYOL.config(arm=arm, recipe=recipe, seed=3)) == direct
    for arm in ("pretrain", "scratch-whole", "supervised-whole", "supervised-head"):
        assert BYOL.prerequisite(BYOL.config(arm=arm, recipe=recipe)) is None


def test_a_pretraining_hangs_on_what_concerns_it_alone() -> None:
    def needed(**changes: Any) -> Any:
        return BYOL.prerequisite(BYOL.config(arm="byol-head", recipe="quick", changes=changes))

    assert needed(epochs=99, learning_rate=0.1, flip=True, per_class=5, batch_size=3, label_smoothing=0.1) == needed()
    for changes in ({"backbone": "resnet18"}, {"size": 96}, {"tau": 0.5}, {"validation": 0.3}, {"hidden": 64}):
        assert needed(**changes) != needed()
        for name, value in changes.items():
            assert getattr(needed(**changes), name) == value
    assert needed(backbone_from="/somewhere") is None


def test_blind_arms_begin_with_the_pretrained_backbone(
    pretrained: tuple[Any, Any, Path], head: tuple[Any, dict[str, torch.Tensor], Path]
) -> None:
    network, begun, _ = head
    learned = pretrained[0].backbone.state_dict()
    assert learned
    for name, tensor in learned.items():
        assert torch.equal(begun[f"backbone.{name}"], tensor), name
        assert torch.equal(network.state_dict()[f"backbone.{name}"], tensor), name  # only the linear layer moves
    assert not torch.equal(network.head.linear.weight, begun["head.linear.weight"])


def test_a_checkpoint_s_folder_does_as_well(scenes: Path, pretrained: tuple[Any, Any, Path], tmp_path: Path) -> None:
    source, _, folder = pretrained
    network, begun, _, _ = train("byol-whole", scenes, tmp_path, backbone_from=str(folder))
    name = next(name for name, each in network.backbone.named_parameters() if each.ndim == 4)
    assert torch.equal(begun[f"backbone.{name}"], source.backbone.state_dict()[name])
    assert not torch.equal(network.state_dict()[f"backbone.{name}"], begun[f"backbone.{name}"])


def test_what_is_no_fitting_pretraining_is_refused(
    scenes: Path, pretrained: tuple[Any, Any, Path], head: tuple[Any, Any, Path], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=naming("byol-head", "pretrain")):
        train("byol-head", scenes, tmp_path)
    with pytest.raises(UserError, match=naming(pretrained[2], "tiny-cnn", "resnet18", "backbone")):
        train("byol-head", scenes, tmp_path, pretrained[2], backbone="resnet18")
    with pytest.raises(UserError, match=naming(head[2], "byol")):
        train("byol-head", scenes, tmp_path, head[2])


def test_pretraining_sees_all_training_pictures_and_hangs_a_few_of_each_class(
    pretrained: tuple[Any, Any, Path],
) -> None:
    network, data, folder = pretrained
    labels = network.gallery.labels
    assert len(labels) == 40
    assert {int((labels == each).sum()) for each in range(20)} == {2}
    assert network.gallery.features.abs().sum(dim=1).min() > 0
    assert "labels" not in next(iter(data.training))
    assert len(re.findall(r"\d+\.\d %", data.notes[-1])) == 2  # of random weights, and of guessing:
    assert re.search(r"\b5\.0 %", data.notes[-1])
    assert len(load_card(folder)["traits"]["classes"]) == 20


def test_held_back_pictures_hang_in_no_gallery(pretrained: tuple[Any, Any, Path], scenes: Path) -> None:
    config = BYOL.config(recipe="quick", data=str(scenes), changes=SMALL)
    training, held = BYOL.set_up(config).parts  # type: ignore[attr-defined]
    assert held
    assert not {item.name for item in training} & {item.name for item in held}
    names = [name for batch in pretrained[1].validation for name in batch.get("names", [])]
    assert names == [item.name for item in held]


def test_validation_is_the_same_each_time_and_has_both_views(pretrained: tuple[Any, Any, Path]) -> None:
    validation = pretrained[1].validation
    first, again = list(validation), list(validation)
    assert torch.equal(first[-1]["second"], again[-1]["second"])
    assert not torch.equal(first[-1]["first"], first[-1]["second"])
    assert first[0]["places"].tolist() == list(range(40))
    assert len(first) == len(validation)


def test_a_gallery_that_is_too_large_is_refused(scenes: Path) -> None:
    config = BYOL.config(data=str(scenes), changes={"gallery": 600})
    with pytest.raises(UserError, match=naming("gallery", 600, "12,000", 20, "10,000")):
        BYOL.set_up(config).build_network()


def test_without_validation_it_trains_and_hangs_the_gallery_all_the_same(scenes: Path, tmp_path: Path) -> None:
    network, _, data, recorder = train("pretrain", scenes, tmp_path, validation=0)
    assert data.notes[-1]
    assert "%" not in data.notes[-1]
    assert network.gallery.features.abs().sum() > 0
    assert len(recorder.steps) == 80 // 16


def test_what_a_run_begins_with_is_said_before_it_starts() -> None:
    said = {arm.slug: " ".join(BYOL.announce(BYOL.config(arm=arm.slug, recipe="quick"))) for arm in BYOL.arms}
    assert said["pretrain"] == said["scratch-whole"] == ""
    assert re.search(r"\bquick\b", said["byol-head"])  # the recipe of the run that is started first
    assert "EfficientNet-Lite0" in said["supervised-head"]
