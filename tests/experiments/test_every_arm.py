"""One contract for the whole catalogue: every arm builds, trains, is stopped and resumed, reloads, predicts, draws."""

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.config import RunConfig
from core.data.classified import train_and_validation_by_class
from core.data.pictures import Picture
from core.engine.checkpoint import load_card
from core.engine.device import Compute
from core.engine.trainer import Outcome, Trainer
from core.experiments import catalogue, find_experiment
from core.experiments.classification import ClassificationExperiment
from core.experiments.setup import Setup
from core.inference.checkpoints import Checkpoint
from core.inference.evaluation import evaluate
from core.inference.kinds import load_predictor
from core.inference.saving import save_prediction
from core.runs.training import build_card
from tests.engine.toy import MemoryRecorder

CPU = Compute("cpu", "fp32", "contiguous")
SMALLEST = 64
"""Side of the pictures, pixels, where an experiment has a knob for it that goes so low."""
FEW = {"per_class": 4, "patches": 3, "diameter": 160}
"""Values that make a run short, of knobs that only some experiments have."""

every_arm = pytest.mark.parametrize(
    ("slug", "arm"), [(slug, arm.slug) for slug, experiment in catalogue().items() for arm in experiment.arms]
)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> "DrawnSets":
    return DrawnSets(tmp_path_factory.mktemp("drawn"))


class DrawnSets:
    """The smallest synthetic set of each experiment, drawn when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, slug: str) -> Path:
        place = self.folder / slug
        if not place.exists():
            experiment = find_experiment(slug)
            experiment.make_data(place, n=experiment.fewest_pictures, seed=0)
        return place


def small_config(slug: str, arm: str, data: Path) -> RunConfig:
    experiment = find_experiment(slug)
    knobs = {each.name: each for each in experiment.config_type.knobs()}
    changes: dict[str, Any] = {"epochs": 2, "precision": "fp32", "memory_format": "contiguous", "batch_size": 8}
    changes |= {name: value for name, value in FEW.items() if name in knobs}
    quick = experiment.config(arm=arm, recipe="quick", data=str(data)).as_values()
    if quick.get("size", 0) > SMALLEST:
        changes["size"] = max(SMALLEST, int(knobs["size"].low or 0))
    return experiment.config(arm=arm, recipe="quick", data=str(data), changes=changes)


def train(config: RunConfig, slug: str, folder: Path, *, stop_after: int | None = None) -> "Trained":
    experiment = find_experiment(slug)
    needed = experiment.prerequisite(config)
    earlier = None if needed is None else train(needed, slug, folder / "earlier").folder / "best"
    torch.manual_seed(config.seed)
    setup = experiment.set_up(config)
    network = setup.build_network()
    setup.begin(network, earlier)
    data, task = setup.build_data(network), setup.build_task(network)
    recorder = MemoryRecorder(stop_after)
    trainer = Trainer(
        task, data, config, recorder, compute=CPU, folder=folder, card=build_card(setup, "test", {})
    )  # fmt: skip
    return Trained(setup, recorder, trainer.fit(resume=True), folder)


@dataclasses.dataclass
class Trained:
    setup: Setup[Any]
    recorder: MemoryRecorder
    outcome: Outcome
    folder: Path


def halves() -> Picture:
    """Return a picture twice as wide as high: a whole one for most networks, two templates for one that takes two."""
    rng = np.random.default_rng(3)
    soft = np.kron(rng.integers(40, 220, (8, 16, 3)), np.ones((16, 16, 1)))
    return Picture(soft.astype(np.uint8), "picture.png", ())


def finite(values: dict[str, float]) -> Iterator[float]:
    return (value for value in values.values() if math.isfinite(value))


@pytest.mark.slow
@pytest.mark.parametrize(
    "slug", [slug for slug, each in catalogue().items() if isinstance(each, ClassificationExperiment)]
)
def test_the_fewest_pictures_have_every_class_in_every_part(slug: str, drawn: DrawnSets) -> None:
    missing = parts_without_a_class(drawn.of(slug), find_experiment(slug))
    assert not missing, f"{slug}: fewest_pictures is too low: {missing}; give a larger number"


def parts_without_a_class(folder: Path, experiment: Any) -> list[str]:
    """Return in words which class is missing from what is trained, validated or tested on."""
    found = experiment.open_folder(folder)
    training, held = train_and_validation_by_class(found, experiment.config(recipe="quick").validation)
    parts = {"training": training, "validation": held, "test": found.splits.get("test") or training}
    return [
        f"no {name} in {part}"
        for part, items in parts.items()
        for label, name in enumerate(found.classes)
        if label not in {item.label for item in items}
    ]


@pytest.mark.slow
@every_arm
def test_an_arm_goes_the_whole_way(slug: str, arm: str, drawn: DrawnSets, tmp_path: Path) -> None:
    experiment, config = find_experiment(slug), small_config(slug, arm, drawn.of(slug))
    stopped = train(config, slug, tmp_path / "run", stop_after=1)
    assert stopped.outcome.ending == "stopped"
    assert (tmp_path / "run" / "best" / "weights.safetensors").is_file()

    done = train(config, slug, tmp_path / "run")
    assert (done.outcome.ending, done.outcome.epoch) == ("finished", 2)
    steps = [values for _, values in sorted(done.recorder.steps.items())]
    assert steps
    assert all(math.isfinite(value) for values in steps for key, value in values.items() if key.startswith("loss"))
    assert experiment.monitor_of(arm) in done.outcome.best.scores
    assert set(done.outcome.best.scores) <= {*experiment.score_titles, *_recalls(done.outcome.best.scores)}
    drawings = done.recorder.pictures[2]
    assert drawings
    assert all(each.pixels.ndim == 3 and each.pixels.dtype == np.uint8 for each in drawings)

    if answers := done.recorder.answers.get(2):
        assert answers["probs"].shape == (len(answers["names"]), answers["probs"].shape[1])
        assert len(answers["labels"]) == len(answers["names"])

    folder = tmp_path / "run" / "best"
    checkpoint = Checkpoint("test", folder, load_card(folder))
    again = evaluate(checkpoint, data=config.data, split="val", device="cpu")
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
@pytest.mark.parametrize("slug", list(catalogue()))
def test_a_resumed_run_ends_as_if_never_interrupted(slug: str, drawn: DrawnSets, tmp_path: Path) -> None:
    arm = find_experiment(slug).arms[0].slug
    config = small_config(slug, arm, drawn.of(slug))
    train(config, slug, tmp_path / "whole")
    steps = max(train(dataclasses.replace(config, epochs=1), slug, tmp_path / "one").recorder.steps)
    train(config, slug, tmp_path / "torn", stop_after=steps)
    train(config, slug, tmp_path / "torn")
    states = [torch.load(tmp_path / name / "last" / "state.pt", weights_only=True) for name in ("whole", "torn")]
    parts = [state["stepper"]["parts"] for state in states]
    assert parts[0].keys() == parts[1].keys()
    for name, tensors in parts[0].items():
        for key, tensor in tensors.items():
            assert torch.equal(tensor, parts[1][name][key]), f"{name}.{key}"
