"""Classifications of sets whose classes are not the report's, and of so few images that nothing can be learned."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.experiments import find_experiment
from core.runs.preparation import prepare
from tests.data.layouts.labelled_folders import write_class_folders, write_picture, write_table
from tests.data.layouts.sentences import refuses
from tests.experiments.short_runs import small_config, train


def _xrays(root: Path, classes: tuple[str, ...], count: int = 6) -> Path:
    for place, name in enumerate(classes):
        for number in range(count):
            path = root / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng((place, number)).integers(0, 40, (64, 64))
            Image.fromarray((noise + 50 * place).astype(np.uint8)).save(path)
    return root


def test_a_chest_set_with_three_classes_trains_and_says_which_is_positive(tmp_path: Path) -> None:
    data = _xrays(tmp_path / "set", ("COVID", "NORMAL", "Viral Pneumonia"))
    experiment = find_experiment("chest")
    found = experiment.open_folder(data)
    assert any("Viral Pneumonia" in note and "COVID" in note for note in found.notes)
    run = train(small_config("chest", "lite0-fixed", data), "chest", tmp_path / "run")
    assert run.setup.traits.classes == ("COVID", "NORMAL", "Viral Pneumonia")
    scores = run.outcome.best.scores
    assert {"accuracy", "roc_auc", "sensitivity", "recall_covid", "recall_viral_pneumonia"} <= scores.keys()
    assert 0 <= scores["roc_auc"] <= 1
    (answers,) = [run.recorder.answers[run.outcome.best.epoch]]
    assert answers["probs"].shape[1] == 3


@pytest.mark.parametrize(("zero", "one"), [("0", "1"), ("0.0", "1.0")])
def test_numbers_for_a_chest_set_are_normal_and_pneumonia(tmp_path: Path, zero: str, one: str) -> None:
    for number in range(10):
        write_picture(tmp_path / f"images/{number}.png", seed=number)
    write_table(tmp_path / "labels.csv", [(f"{n}.png", one if n % 2 else zero) for n in range(10)], "filename,label")
    config = small_config("chest", "lite0-fixed", tmp_path)
    setup = find_experiment("chest").set_up(config)
    assert setup.traits.classes == ("NORMAL", "PNEUMONIA")
    assert setup.build_task(setup.build_network()).new_scores().positive == 1


def test_a_run_is_scored_on_data_with_part_of_its_classes_in_another_spelling(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "set", {"ant": 4, "bee": 4, "cow": 4})
    for number, split in enumerate(("train", "test")):
        write_class_folders(tmp_path / "new" / split, {"BEE": 2, "Cow": 2}, first=3000 + 1000 * number)
    setup = find_experiment("objects").set_up(small_config("objects", "small-cnn", tmp_path / "set"))
    assert setup.traits.classes == ("ant", "bee", "cow")
    (batch,) = setup.build_split(str(tmp_path / "new"), "test")
    assert batch["labels"].tolist() == [1, 1, 2, 2]


def test_a_batch_of_one_is_refused_before_the_start_where_nothing_can_be_learned_from_it() -> None:
    experiment = find_experiment("aoi")
    for size, accepted in ((1, False), (2, True)):
        config = experiment.config(arm="lite0-scratch", recipe="quick", changes={"batch_size": size, "size": 32})
        if accepted:
            experiment.announce(config)
        else:
            with refuses("batch_size", 1, 2, "lite0-scratch"):
                experiment.announce(config)
    frozen = experiment.config(arm="lite0-frozen", recipe="quick", changes={"batch_size": 1, "size": 32})
    experiment.announce(frozen)  # what is frozen normalises by stored means


def test_one_image_to_train_on_is_refused_before_the_first_step(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"train/cat": 1, "train/dog": 1, "test/cat": 1, "test/dog": 1})
    config = find_experiment("aoi").config(
        arm="lite0-scratch", recipe="quick", data=str(tmp_path), changes={"size": 32, "validation": 0.5}
    )
    with refuses(1, 2, "images to train on"):
        prepare(find_experiment("aoi").set_up(config), None, say=lambda text: None)
