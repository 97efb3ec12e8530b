"""The moving average of weights: what it is made of, that the weights come back, and that it is what a run keeps."""

from pathlib import Path

import pytest
import torch

from core.engine.averaging import WeightAverage
from core.engine.checkpoint import load_weights
from core.engine.trainer import BEST
from tests.engine.toy import build_toy_network, build_trainer


def test_the_average_is_what_a_slow_loop_finds() -> None:
    network = build_toy_network()
    weight, kept, keep = network[0].weight, network[0].weight.detach().clone(), 0.5
    average = WeightAverage({"network": network}, keep)
    for step in range(1, 30):
        with torch.no_grad():
            weight += torch.randn(weight.shape, generator=torch.Generator().manual_seed(step))
        average.update()
        share = min(keep, (1 + step) / (10 + step))
        kept = share * kept + (1 - share) * weight.detach()
    own = weight.detach().clone()
    with average.applied():
        assert torch.allclose(weight, kept, atol=1e-6)
    assert torch.equal(weight, own)


def test_running_statistics_are_averaged_and_counts_taken_over() -> None:
    network = build_toy_network()
    average = WeightAverage({"network": network}, 0.9)
    network[1].running_mean += 1
    network[1].num_batches_tracked += 7
    average.update()
    with average.applied():
        assert network[1].running_mean.tolist() == pytest.approx([1 - 2 / 11] * 4)
        assert int(network[1].num_batches_tracked) == 7


def test_what_is_held_still_is_not_kept_twice_and_an_older_state_that_has_it_goes_on() -> None:
    network = build_toy_network()
    network[0].requires_grad_(False)
    average = WeightAverage({"network": network}, 0.5)
    with torch.no_grad():
        network[1].weight += 1
    average.update()
    whole = len(network.state_dict())
    assert len(average.state()["kept"]) == whole - len(list(network[0].parameters()))
    older = {"updates": 4, "kept": [torch.full_like(each, 3) for each in network.state_dict().values()]}
    for state in (older, {**older, "kept": older["kept"][-len(average.state()["kept"]) :]}):
        average.load_state(state)
        own = network[0].weight.detach().clone()
        with average.applied():
            assert torch.equal(network[0].weight, own)
            assert all((each == 3).all() for each in list(network[1:].state_dict().values()))


def test_the_weights_come_back_when_validation_fails() -> None:
    network = build_toy_network()
    average, own = WeightAverage({"network": network}, 0.9), network[0].weight.detach().clone()
    with torch.no_grad():
        network[0].weight += 1
    with pytest.raises(RuntimeError), average.applied():
        assert torch.equal(network[0].weight, own)
        raise RuntimeError
    assert torch.equal(network[0].weight, own + 1)


def test_a_run_validates_and_keeps_the_average_and_trains_on_with_its_own_weights(tmp_path: Path) -> None:
    plain, _ = build_trainer(tmp_path / "plain", epochs=1)
    plain.fit()
    trainer, _ = build_trainer(tmp_path / "averaged", epochs=1, average=0.99)
    trainer.fit()
    weights = trainer.stepper.unwrapped()["network"].state_dict()
    assert all(
        torch.equal(each, weights[key]) for key, each in plain.stepper.unwrapped()["network"].state_dict().items()
    )
    kept = build_toy_network(99)
    load_weights(tmp_path / "averaged" / BEST, {"network": kept})
    with trainer.stepper.to_keep():
        assert all(torch.equal(each, weights[key]) for key, each in kept.state_dict().items())
        assert trainer.evaluate() == trainer.best.scores
    assert not torch.equal(kept[0].weight, weights["0.weight"])
