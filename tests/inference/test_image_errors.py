"""Pictures beside what is true: counted as the scores count them, at every threshold."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.data.layouts.landcover import UNKNOWN
from core.engine.checkpoint import load_card, save_checkpoint
from core.errors import UserError
from core.experiments import find_experiment
from core.inference.checkpoints import Checkpoint
from core.inference.evaluation import evaluate
from core.inference.image_errors import CHECKS, LEVELS, SHOWN_SIDE, check, check_picture
from core.inference.predictors.kinds import load_predictor
from core.inference.predictors.predictor import Predictor
from tests.experiments.short_runs import small_config
from tests.synthetic_sets import SyntheticSets

KINDS = [("vessels", "unet-small"), ("pets", "lite0-unet"), ("landcover", "lite0-unet")]


@pytest.fixture(scope="module", params=KINDS, ids=[slug for slug, _ in KINDS])
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, synthetic_sets: SyntheticSets
) -> Checkpoint:
    """A network of random weights on a few small synthetic pictures, stored as a run stores it."""
    slug, arm = request.param
    folder = tmp_path_factory.mktemp(slug)
    config = small_config(slug, arm, synthetic_sets.of(slug, halved=True))
    if hasattr(config, "test_flips"):
        config = replace(config, test_flips=False)
    setup = find_experiment(slug).set_up(config)
    torch.manual_seed(0)
    network = setup.build_network()
    card = {"experiment": slug, "config": config.as_values(), "traits": setup.traits.as_json()}
    save_checkpoint(folder / "checkpoint", {"network": network}, card)
    return Checkpoint("trained", folder / "checkpoint", load_card(folder / "checkpoint"))


def test_the_counts_are_those_that_the_scores_are_made_of(trained: Checkpoint) -> None:
    predictor, found = load_predictor(trained, device="cpu"), evaluate(trained, split="val", device="cpu")
    name, row = found.names[-1], found.per_picture[-1]
    classes = predictor.setup.traits.classes
    for label in range(max(1, len(classes))):
        seen = check_picture(predictor, "val", name, label)
        assert seen.name == name
        counts = seen.count(seen.threshold)
        key = f"iou_{classes[label]}" if classes else "iou"
        whole = counts.hits + counts.misses + counts.false_alarms
        assert (counts.hits / whole if whole else 1) == pytest.approx(row.get(key, 1), abs=2e-3)
        assert (np.diff(seen.hits) <= 0).all()
        assert (np.diff(seen.false_alarms) <= 0).all()
        assert seen.hits[0] == seen.labelled
        assert seen.hits[0] + seen.false_alarms[0] == seen.counted


def test_a_picture_that_is_gone_is_said_by_name(trained: Checkpoint) -> None:
    with pytest.raises(UserError, match=r"\bnowhere\b.*\bval\b"):
        check_picture(load_predictor(trained, device="cpu"), "val", "nowhere")


def test_only_the_picture_that_is_asked_for_is_opened(trained: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = trained.set_up()
    names = [each["picture"].name for each in setup.build_split("", "train")]
    assert len(names) > 1
    opened: list[str] = []
    place = (
        "core.data.torch_datasets."
        + {
            "vessels": "fundus.load_labelled",
            "pets": "pets.load_pet",
            "landcover": "landcover.open_picture",
        }[trained.experiment.slug]
    )
    module, _, function = place.rpartition(".")
    real = getattr(__import__(module, fromlist=[function]), function)
    monkeypatch.setattr(place, lambda item, **rest: opened.append(item.name) or real(item, **rest))
    (batch,) = setup.build_pictures("", "train", {names[-1]})
    assert [batch["picture"].name] == opened == [names[-1]]


def test_only_kinds_that_answer_with_a_region_are_checked() -> None:
    assert set(CHECKS) == {"segmentation", "semantic"}


def test_hits_misses_and_false_alarms_are_counted_inside_alone() -> None:
    certainty = np.array([[0.9, 0.2, 0.5, 1.0]], np.float32)
    truth, inside = np.array([[True, True, False, True]]), np.array([[True, True, True, False]])
    pixels = np.zeros((1, 4, 3), np.uint8)
    seen = check("a", pixels, certainty, truth=truth, inside=inside, threshold=0.5)
    counts = seen.count(0.5)
    assert (counts.hits, counts.misses, counts.false_alarms) == (1, 1, 1)
    assert counts.dice == 0.5
    assert seen.found(0.5).tolist() == [[True, False, True, False]]
    assert seen.found(0.51).tolist() == [[True, False, False, False]]
    assert seen.count(0.2).misses == 0
    assert check("b", pixels, certainty * 0, truth=~inside, inside=inside, threshold=0.5).count(0.5).dice == 1


def test_every_threshold_splits_exactly_where_the_probability_lies() -> None:
    steps = np.arange(LEVELS + 1, dtype=np.float32) / np.float32(LEVELS)
    truth = np.ones((1, LEVELS + 1), bool)
    seen = check("a", np.zeros((1, LEVELS + 1, 3), np.uint8), steps[None], truth=truth, inside=truth, threshold=0.5)
    assert seen.hits.tolist() == list(range(LEVELS + 1, 0, -1))


def test_a_large_picture_is_kept_small_and_its_counts_are_of_its_own_size() -> None:
    side = SHOWN_SIDE + 512
    truth = np.zeros((side, side), bool)
    truth[: side // 2] = True
    seen = check(
        "a", np.zeros((side, side, 3), np.uint8), truth.astype(np.float32), truth=truth, inside=truth | ~truth,
        threshold=0.333,
    )  # fmt: skip
    assert seen.pixels.shape == (SHOWN_SIDE, SHOWN_SIDE, 3)
    assert seen.truth.shape == seen.inside.shape == seen.levels.shape == (SHOWN_SIDE, SHOWN_SIDE)
    assert seen.count(0.33).hits == seen.labelled == side * side // 2
    assert seen.threshold == 0.33


@pytest.mark.parametrize("trained", [KINDS[2]], ids=["landcover"], indirect=True)
def test_a_class_is_the_answer_where_its_certainty_reaches_a_half(trained: Checkpoint) -> None:
    predictor: Predictor = load_predictor(trained, device="cpu")
    classes = predictor.setup.traits.classes
    (batch,) = predictor.setup.build_pictures("", "val", {evaluate(trained, split="val").names[0]})
    answers = predictor.task.evaluate(batch, predictor.task.new_scores())
    for label in range(len(classes)):
        seen = check_picture(predictor, "val", batch["picture"].name, label)
        known = batch["picture"].labels != UNKNOWN
        wanted = (answers == label) & known
        assert (seen.found(0.5) != wanted).mean() < 1e-3  # a tie between two classes


def test_the_folder_of_data_may_be_gone(trained: Checkpoint, tmp_path: Path) -> None:
    card = dict(trained.card) | {"config": dict(trained.card["config"]) | {"data": str(tmp_path / "gone")}}
    with pytest.raises(UserError):
        check_picture(load_predictor(Checkpoint("trained", trained.folder, card), device="cpu"), "val", "01")
