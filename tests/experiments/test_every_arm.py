"""One contract for the whole catalogue: every arm builds, trains, reloads, predicts, draws; a run is resumed.

By default one arm goes for each way through the code, and one run of each kind of task is interrupted; all of them in
``make test-all``.
"""

import dataclasses
import math
import shutil
from collections.abc import Hashable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from core.config import RunConfig
from core.data.image_io.reader import Picture
from core.data.layouts.classes import train_and_validation_by_class
from core.data.traits import Traits
from core.engine.checkpoint import load_card
from core.experiments import catalogue, find_experiment
from core.experiments.classification import ClassificationExperiment
from core.inference.checkpoints import Checkpoint
from core.inference.evaluation import evaluate
from core.inference.export.files import save_prediction
from core.inference.predictors.kinds import load_predictor
from tests.experiments.short_runs import Trained, small_config, train
from tests.synthetic_sets import SyntheticSets


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.function is test_an_arm_goes_the_whole_way:
        metafunc.parametrize(("slug", "arm"), every_arm())


@cache
def every_arm() -> list[Any]:
    """Return all arms of the catalogue; those that walk no new way through the code are exhaustive."""
    walked, arms = set[Hashable](), []
    for slug, experiment in catalogue().items():
        for arm in experiment.arms:
            ways = ways_of(slug, arm.slug)
            new = arm is experiment.arms[0] or not ways <= walked
            arms.append(pytest.param(slug, arm.slug, marks=() if new else pytest.mark.exhaustive))
            walked |= ways
    return arms


@cache
def ways_of(slug: str, arm: str) -> frozenset[Hashable]:
    """Return what decides which code trains an arm: how it is set up and which parts move, and its network's layers."""
    experiment, config = find_experiment(slug), small_config(slug, arm, Path("nowhere"))
    setup = experiment.set_up(config, Traits(("normal", "pneumonia"), (0.5,) * 3, (0.25,) * 3))
    with torch.device("meta"), Unfilled():
        network = setup.build_network()
    scope = tuple((name, moving_share(part)) for name, part in network.named_children())
    layers = frozenset(type(layer) for layer in network.modules())
    needs_another = experiment.prerequisite(config) is not None
    return frozenset({(experiment.kind_of(arm), type(setup), type(network), scope, needs_another), layers})


class Unfilled(TorchFunctionMode):
    """Draw no first weights: for tensors without values that takes longer than all the rest."""

    def __torch_function__(self, function: Any, types: Any, given: Any = (), named: Any = None) -> Any:
        drawn = getattr(function, "__name__", "") in {"normal_", "uniform_", "erfinv_", "clamp_"}
        return next(iter((*given, *(named or {}).values()))) if drawn else function(*given, **named or {})


def moving_share(part: nn.Module) -> str:
    moving = {each.requires_grad for each in part.parameters()}
    return {frozenset({True}): "all", frozenset({True, False}): "some"}.get(frozenset(moving), "none")


def first_of_each_kind() -> list[Any]:
    """Return the experiments; those whose first arm is of a kind that came before are exhaustive."""
    first = {each.kind_of(each.arms[0].slug): slug for slug, each in reversed(catalogue().items())}
    return [pytest.param(slug, marks=() if slug in first.values() else pytest.mark.exhaustive) for slug in catalogue()]


class WholeRuns:
    """Runs that nothing interrupted, each trained once: an epoch, and two of an experiment's first arm."""

    def __init__(self, folder: Path, sets: SyntheticSets) -> None:
        self.folder, self.sets = folder, sets
        self.known: dict[tuple[str, str], Trained] = {}

    def of(self, slug: str, arm: str) -> Trained:
        if (slug, arm) not in self.known:
            place = self.folder / f"{slug}-{arm}"
            self.known[slug, arm] = train(self.config(slug, arm), slug, place, shared=self.folder)
        return self.known[slug, arm]

    def config(self, slug: str, arm: str) -> RunConfig:
        config = small_config(slug, arm, self.sets.of(slug))
        return config if arm == find_experiment(slug).arms[0].slug else dataclasses.replace(config, epochs=1)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, synthetic_sets: SyntheticSets) -> Iterator[WholeRuns]:
    folder = tmp_path_factory.mktemp("runs")
    yield WholeRuns(folder, synthetic_sets)
    shutil.rmtree(folder)  # checkpoints of all arms are gigabytes


def halves() -> Picture:
    """Return a picture twice as wide as high: a whole one for most networks, two templates for one that takes two."""
    rng = np.random.default_rng(3)
    soft = np.kron(rng.integers(40, 220, (8, 16, 3)), np.ones((16, 16, 1)))
    return Picture(soft.astype(np.uint8), "picture.png", ())


@pytest.mark.parametrize(
    "slug", [slug for slug, each in catalogue().items() if isinstance(each, ClassificationExperiment)]
)
def test_the_fewest_pictures_have_every_class_in_every_part(slug: str, synthetic_sets: SyntheticSets) -> None:
    missing = parts_without_a_class(synthetic_sets.of(slug), find_experiment(slug))
    assert not missing, f"{slug}: fewest_pictures is too low: {missing}; give a larger number"


def parts_without_a_class(folder: Path, experiment: Any) -> list[tuple[str, str]]:
    """Return which class is missing from what is trained, validated or tested on: pairs of part and class."""
    found = experiment.open_folder(folder)
    training, held = train_and_validation_by_class(found, experiment.config(recipe="quick").validation)
    parts = {"training": training, "validation": held, "test": found.splits.get("test") or training}
    return [
        (part, name)
        for part, items in parts.items()
        for label, name in enumerate(found.classes)
        if label not in {item.label for item in items}
    ]


def test_by_default_every_experiment_kind_setup_and_network_has_an_arm_that_goes_the_whole_way() -> None:
    chosen = {tuple(each.values) for each in every_arm() if not each.marks}
    everything = {(slug, arm.slug) for slug, each in catalogue().items() for arm in each.arms}
    assert chosen < everything
    assert {slug for slug, _ in chosen} == set(catalogue())
    assert set().union(*(ways_of(*each) for each in chosen)) == set().union(*(ways_of(*each) for each in everything))


@pytest.mark.slow
def test_an_arm_goes_the_whole_way(slug: str, arm: str, runs: WholeRuns, tmp_path: Path) -> None:
    experiment, done = find_experiment(slug), runs.of(slug, arm)
    epochs, steps = done.setup.config.epochs, done.recorder.steps.values()
    assert (done.outcome.ending, done.outcome.epoch) == ("finished", epochs)
    assert steps
    assert all(math.isfinite(value) for values in steps for key, value in values.items() if key.startswith("loss"))
    assert experiment.monitor_of(arm) in done.outcome.best.scores
    assert set(done.outcome.best.scores) <= {*experiment.score_titles, *_recalls(done.outcome.best.scores)}
    drawings = done.recorder.pictures[epochs]
    assert drawings
    assert all(each.pixels.ndim == 3 and each.pixels.dtype == np.uint8 for each in drawings)

    if answers := done.recorder.answers.get(epochs):
        assert answers["probs"].shape == (len(answers["names"]), answers["probs"].shape[1])
        assert len(answers["labels"]) == len(answers["names"])

    folder = done.folder / "best"
    checkpoint = Checkpoint("test", folder, load_card(folder))
    again = evaluate(checkpoint, data=done.setup.config.data, split="val", device="cpu")
    assert len(again.per_picture) >= 1
    assert experiment.monitor_of(arm) in again.scores
    prediction = load_predictor(checkpoint, device="cpu").predict(halves())
    assert prediction.say()
    assert {"notes", "milliseconds"} <= prediction.as_json().keys()
    files = save_prediction(prediction, tmp_path / "out", "picture.png")
    assert files
    assert all(Path(path).stat().st_size for path in files.values())


def _recalls(scores: dict[str, float]) -> set[str]:
    """Return the keys of single classes, whose names come with the data."""
    return {key for key in scores if key.startswith(("recall_", "iou_"))}


@pytest.mark.slow
@pytest.mark.parametrize("slug", first_of_each_kind())
def test_a_resumed_run_ends_as_if_never_interrupted(slug: str, runs: WholeRuns, tmp_path: Path) -> None:
    arm = find_experiment(slug).arms[0].slug
    config, whole = runs.config(slug, arm), runs.of(slug, arm)
    stopped = train(config, slug, tmp_path, stop_after=1)
    assert (stopped.outcome.ending, stopped.outcome.epoch) == ("stopped", 1)
    assert (tmp_path / "best" / "weights.safetensors").is_file()
    resumed = train(config, slug, tmp_path)
    assert (resumed.outcome.ending, resumed.outcome.epoch) == ("finished", 2)
    assert stopped.recorder.steps | resumed.recorder.steps == whole.recorder.steps
    states = [torch.load(each.folder / "last" / "state.pt", weights_only=True) for each in (whole, resumed)]
    parts = [state["stepper"]["parts"] for state in states]
    assert parts[0].keys() == parts[1].keys()
    for name, tensors in parts[0].items():
        for key, tensor in tensors.items():
            assert torch.equal(tensor, parts[1][name][key]), f"{name}.{key}"
    assert whole.outcome.best == resumed.outcome.best
