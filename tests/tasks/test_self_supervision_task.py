import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.config import RunConfig
from core.engine.device import Compute
from core.engine.stepper import Stepper
from core.engine.task import Batch, TaskData
from core.engine.trainer import Trainer
from core.metrics.neighbours import classify_by_neighbours
from core.models.byol import byol_loss
from core.models.gallery import Gallery, SearchableNetwork
from core.tasks.self_supervision import RIGHT, WRONG, Pace, SelfSupervisionTask
from tests.engine.toy import MemoryRecorder
from tests.messages import naming

CPU = Compute("cpu", "fp32", "contiguous")


class _Sampler:
    epoch = 0


class _Loader:
    """Two batches a pass, other ones in each epoch."""

    def __init__(self) -> None:
        self.sampler = _Sampler()

    def __len__(self) -> int:
        return 2

    def __iter__(self):  # type: ignore[no-untyped-def]
        return (_pair(seed=10 * self.sampler.epoch + number) for number in range(2))


def _network() -> SearchableNetwork:
    torch.manual_seed(0)
    backbone = nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 8, 3, stride=2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip
    gallery = Gallery(6, 8)
    gallery.fill(torch.zeros(4, 64, 64, 3, dtype=torch.uint8), torch.tensor([0, 0, 1, 1]))
    return SearchableNetwork(backbone, 8, gallery, hidden=12, projection=5)


def _pair(pictures: int = 6, seed: int = 1) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(pictures, 3, 16, 16, generator=generator)
    return {"images": first, "second": first + 0.3 * torch.randn(first.shape, generator=generator)}


def _held(pictures: int = 5) -> Batch:
    pair = _pair(pictures, seed=99)
    return {
        "images": pair["images"], "first": pair["images"], "second": pair["second"],
        "labels": torch.arange(pictures) % 2, "names": [f"p{each}" for each in range(pictures)],
        "pixels": np.full((pictures, 16, 16, 3), 128, np.uint8),
    }  # fmt: skip


def _bank() -> Batch:
    return {"images": _pair(4, seed=7)["images"], "places": torch.arange(4)}


def test_the_checkpoint_holds_the_online_network_with_its_gallery_and_no_target(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    task = SelfSupervisionTask(_network(), Pace(6, 0.9))
    data = TaskData(_Loader(), [_bank(), _held()], "x")  # type: ignore[arg-type]
    config = RunConfig(epochs=1, learning_rate=1e-2)
    Trainer(task, data, config, MemoryRecorder(), compute=CPU, folder=tmp_path, card={}).fit()
    stored = load_file(tmp_path / "best" / "weights.safetensors")
    assert {name.partition(".")[0] for name in stored} == {"online"}
    assert torch.equal(stored["online.gallery.features"], task.gallery.features)
    assert task.gallery.features[:4].abs().sum() > 0


def _copied(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def test_the_target_shares_no_memory_with_what_is_trained() -> None:
    task = SelfSupervisionTask(_network(), Pace(10))
    (online,), (target,) = task.parts().values(), task.companions().values()
    places = [{each.untyped_storage().data_ptr() for each in part.state_dict().values()} for part in (online, target)]
    assert not places[0] & places[1]
    assert not any(each.requires_grad for each in target.parameters())


def test_in_a_training_the_target_moves_by_the_exponential_average_alone() -> None:
    steps, base = 4, 0.8
    task = SelfSupervisionTask(_network(), Pace(steps, base))
    stepper = Stepper(task, RunConfig(learning_rate=1e-2, weight_decay=0.1), CPU, steps=steps)
    assert task.target is not None
    for step in range(steps):
        before = {name: each.clone() for name, each in task.target.target.named_parameters()}
        recorded = stepper.step(_pair(seed=step))
        tau = 1 - (1 - base) * (math.cos(math.pi * step / steps) + 1) / 2
        assert recorded["tau"] == pytest.approx(tau)
        online = dict(task.network.named_parameters())
        for name, each in task.target.target.named_parameters():
            expected = tau * before[name] + (1 - tau) * online[name].detach()  # of the weights after the step
            torch.testing.assert_close(each, expected, rtol=1e-5, atol=1e-6)
            assert each.grad is None
    assert int(task.target.moves) == steps


def test_the_loss_compares_each_view_with_the_other_one_s_target() -> None:
    task = SelfSupervisionTask(_network(), Pace(10))
    pair = _pair()
    twin = copy.deepcopy(task)
    assert twin.target is not None
    (part,) = [next(iter(task.losses(pair)))]
    first, second = twin.online(pair["images"]), twin.online(pair["second"])
    with torch.no_grad():
        one, two = twin.target(pair["images"]), twin.target(pair["second"])
    assert part.part == "online"
    torch.testing.assert_close(part.loss, byol_loss(first, two) + byol_loss(second, one))


def test_twenty_steps_lower_the_loss_and_move_every_online_weight() -> None:
    task = SelfSupervisionTask(_network(), Pace(20, 0.9))
    before = {name: each.detach().clone() for name, each in task.network.named_parameters()}
    stepper = Stepper(task, RunConfig(learning_rate=1e-2), CPU, steps=20)
    losses = [stepper.step(_pair())["loss"] for _ in range(20)]
    assert losses[-1] < 0.7 * losses[0]
    assert [name for name, each in task.network.named_parameters() if torch.equal(each, before[name])] == []


def test_scores_are_those_of_the_gallery_s_votes() -> None:
    task = SelfSupervisionTask(_network().eval(), Pace(10))
    assert task.target is not None
    task.target.eval()
    scores = task.new_scores()
    task.evaluate(_bank(), scores)
    features = task.evaluate(_held(), scores)
    found = scores.compute()
    answers = classify_by_neighbours(task.gallery.features[:4].numpy(), np.array([0, 0, 1, 1]), features)
    assert found["knn_accuracy"] == pytest.approx((answers == np.arange(5) % 2).mean())
    assert [row["correct"] for row in scores.per_picture()] == (answers == np.arange(5) % 2).astype(float).tolist()
    assert 0 < found["spread"] < 1
    assert 0 < found["loss"] < 8
    assert scores.reference() == {}


def test_collapse_is_seen() -> None:
    network = _network().eval()
    with torch.no_grad():
        network.backbone[3].weight.zero_()  # every picture gets the same features
    task = SelfSupervisionTask(network, None)
    scores = task.new_scores()
    for batch in (_bank(), _held()):
        task.evaluate(batch, scores)
    assert scores.compute()["spread"] == pytest.approx(0, abs=1e-6)
    assert "loss" not in scores.compute()


def test_without_held_back_pictures_there_are_no_scores_but_a_gallery() -> None:
    task = SelfSupervisionTask(_network().eval(), None)
    scores = task.new_scores()
    batch = _bank()
    features = task.evaluate(batch, scores)
    assert scores.compute() == {}
    assert scores.per_picture() == []
    np.testing.assert_array_equal(task.gallery.features[:4].numpy(), features)
    assert list(task.draw(batch, features)) == []


def test_samples_frame_neighbours_of_the_same_class_green() -> None:
    task = SelfSupervisionTask(_network().eval(), None)
    task.gallery.features[:4] = torch.eye(8)[:4]
    held = _held(2)
    samples = list(task.draw(held, np.eye(8, dtype=np.float32)[[0, 0]]))
    assert [each.name for each in samples] == ["p0", "p1"]
    side = samples[0].pixels.shape[0]
    assert samples[0].pixels.shape == (side, 5 * side, 3)  # four pictures hang
    assert tuple(samples[0].pixels[0, side]) == RIGHT  # label 0, nearest has 0
    assert tuple(samples[1].pixels[0, side]) == WRONG  # label 1, nearest has 0


def test_a_task_without_a_target_cannot_be_trained() -> None:
    task = SelfSupervisionTask(_network(), None)
    assert task.companions() == {}
    with pytest.raises(ValueError, match=naming("target")):
        next(iter(task.losses(_pair())))
