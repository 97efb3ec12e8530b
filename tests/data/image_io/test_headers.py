"""Images that cannot be read: told when a set is opened, refused before what they would stop, all of them by name."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from core.data.image_io.headers import read_headers
from core.errors import UserError
from core.experiments import find_experiment
from core.inference.evaluation import score_split
from tests.synthetic_sets import SyntheticSets


@pytest.fixture
def chest(synthetic_sets: SyntheticSets, tmp_path: Path) -> Path:
    return synthetic_sets.copy("chest", tmp_path / "chest")


def break_two(folder: Path) -> list[str]:
    """Cut an image short behind its header, make text of another; return their names."""
    first, second = sorted(each for each in folder.rglob("*") if each.is_file())[:2]
    first.write_bytes(first.read_bytes()[: first.stat().st_size * 3 // 4])
    second.write_text("no image")
    return [first.name, second.name]


def test_images_of_the_test_split_are_told_where_a_set_is_checked_and_stop_no_training(chest: Path) -> None:
    experiment = find_experiment("chest")
    before = experiment.check_data(str(chest))
    broken = break_two(chest / "test")
    told = experiment.check_data(str(chest))
    assert all(name in told and name not in before for name in broken), told
    assert " 2 of " in told
    config = experiment.config(data=str(chest))
    experiment.check_parts([config])
    experiment.check_parts([config], "val")
    with pytest.raises(UserError, match="2 of ") as refusal:
        experiment.check_parts([config], "test")
    assert all(name in str(refusal.value) for name in broken)


def test_images_to_train_on_are_refused_before_a_run_is_recorded(chest: Path) -> None:
    experiment = find_experiment("chest")
    broken = break_two(chest / "train")
    with pytest.raises(UserError, match="2 of ") as refusal:
        experiment.check_parts([experiment.config(data=str(chest))])
    assert all(name in str(refusal.value) for name in broken)


def test_a_split_is_not_scored_up_to_the_first_image_that_cannot_be_read(
    chest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = find_experiment("chest")
    broken = break_two(chest / "test")

    class Trained:
        @staticmethod
        def set_up() -> Any:
            return experiment.set_up(experiment.config(data=str(chest)))

    monkeypatch.setattr(experiment.setup_type, "build_network", lambda self: pytest.fail("it was built"))
    with pytest.raises(UserError, match="2 of ") as refusal:
        score_split(Trained, split="test")  # type: ignore[arg-type]
    assert all(name in str(refusal.value) for name in broken)


@pytest.mark.parametrize("slug", ["pets", "vessels", "landcover", "reconstruction", "aoi", "blots"])
def test_an_image_that_was_cut_off_behind_its_header_is_named_in_every_experiment(
    slug: str, synthetic_sets: SyntheticSets, tmp_path: Path
) -> None:
    experiment, folder = find_experiment(slug), synthetic_sets.copy(slug, tmp_path / slug)
    kinds = (".png", ".jpg", ".jpeg")
    image = next((each for each in sorted(folder.rglob("*")) if each.suffix.lower() in kinds), None)
    if image is None:
        pytest.skip("its images are of other kinds")
    image.write_bytes(image.read_bytes()[: image.stat().st_size * 3 // 4])
    with pytest.raises(UserError, match=image.name):
        experiment.check_parts([experiment.config(data=str(folder))], "train")
        experiment.check_parts([experiment.config(data=str(folder))], "test")


def test_what_stands_behind_the_end_of_an_image_does_no_harm(chest: Path) -> None:
    image = next((chest / "test").rglob("*.*"))
    whole = shutil.copy(image, chest / f"whole{image.suffix}")
    with Path(whole).open("ab") as file:
        file.write(b"\0" * 10_000)
    assert set(read_headers([Path(whole), image])) >= {image}
