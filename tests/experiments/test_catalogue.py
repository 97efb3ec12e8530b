import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.config import IDENTITY
from core.errors import UserError
from core.experiments import catalogue, find_experiment
from core.experiments.classification import ClassificationExperiment
from core.experiments.classification_config import Way
from core.experiments.experiment import Arm, Experiment
from core.paths import PROJECT
from tests.messages import naming

PLANNED = {"aoi", "vessels", "reconstruction", "blots", "pets", "objects", "byol", "landcover", "chest"}


def _combinations() -> Iterator[tuple[str, str, str]]:
    for slug, experiment in catalogue().items():
        for arm in experiment.arms:
            for recipe in experiment.recipes:
                yield slug, arm.slug, recipe.slug


every_experiment = pytest.mark.parametrize("slug", list(catalogue()))
every_combination = pytest.mark.parametrize(("slug", "arm", "recipe"), list(_combinations()))


def test_the_catalogue_holds_the_experiments_of_the_reports() -> None:
    assert set(catalogue()) >= PLANNED


def test_listing_the_catalogue_loads_neither_torch_nor_a_user_interface() -> None:
    program = (
        "import importlib, pkgutil, sys, core.experiments\n"
        "heavy = {'torch', 'torchvision', 'streamlit', 'gradio', 'mlflow', 'cv2', 'skimage'}\n"
        "for module in pkgutil.iter_modules(core.experiments.__path__):\n"
        "    importlib.import_module('core.experiments.' + module.name)\n"
        "    for name in sorted(heavy & set(sys.modules)):\n"
        "        heavy.remove(name)\n"
        "        print(module.name + '.py:' + name)\n"
        "assert core.experiments.catalogue()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [], "import it, or the module of core that imports it, inside a function"


@every_experiment
def test_an_experiment_says_what_it_is(slug: str) -> None:
    experiment = find_experiment(slug)
    assert experiment.slug == slug
    assert re.fullmatch(r"[a-z]+", slug)
    assert experiment.question.endswith("?")
    assert experiment.title
    assert experiment.data_help
    for entries in (experiment.arms, experiment.recipes):
        slugs = [each.slug for each in entries]
        assert len(slugs) == len(set(slugs))
        assert all(re.fullmatch(r"[a-z0-9+-]+", each) for each in slugs)
        assert all(each.title and each.summary.endswith(".") for each in entries)


@every_experiment
def test_an_experiment_has_the_three_recipes_that_all_have(slug: str) -> None:
    wanted = {"improved", "quick"} | ({"reported"} if find_experiment(slug).reported else set())
    assert wanted <= {each.slug for each in find_experiment(slug).recipes}


@every_experiment
def test_the_monitored_score_is_one_of_the_titled_ones(slug: str) -> None:
    experiment = find_experiment(slug)
    for arm in experiment.arms:
        monitor, score = experiment.monitor_of(arm.slug), experiment.score_of(arm.slug)
        assert monitor in experiment.score_titles
        assert score.key == monitor
        assert score.title == experiment.score_titles[monitor]
        assert score.higher_is_better is (monitor not in experiment.lower_is_better)


@every_experiment
def test_reported_numbers_name_scores_arms_and_sources_that_exist(slug: str) -> None:
    experiment = find_experiment(slug)
    assert experiment.reported or slug not in PLANNED
    for each in experiment.reported:
        assert each.score in experiment.score_titles
        assert each.arm in {"", *(arm.slug for arm in experiment.arms)}
        assert each.source


@every_experiment
def test_recipes_name_only_knobs_and_arms_that_exist(slug: str) -> None:
    experiment = find_experiment(slug)
    knobs = {each.name for each in experiment.config_type.knobs()} - set(IDENTITY)
    for recipe in experiment.recipes:
        assert set(recipe.values) <= knobs
        assert set(recipe.by_arm) <= {arm.slug for arm in experiment.arms}
        for values in recipe.by_arm.values():
            assert set(values) <= knobs


@every_experiment
def test_every_knob_is_explained(slug: str) -> None:
    for each in find_experiment(slug).config_type.knobs():
        assert each.help.endswith("."), each.name
        assert each.parse(each.default) == each.default or each.name in IDENTITY


@every_combination
def test_every_arm_and_recipe_gives_a_config_that_survives_json(slug: str, arm: str, recipe: str) -> None:
    experiment = find_experiment(slug)
    config = experiment.config(arm=arm, recipe=recipe, seed=7)
    assert (config.arm, config.recipe, config.data, config.seed) == (arm, recipe, "synthetic", 7)
    values = json.loads(json.dumps(config.as_values()))
    assert experiment.config_type.from_values(values) == config
    assert experiment.read_config(values) == config
    assert experiment.changed(config) == {}


@every_combination
def test_a_recipe_sets_the_values_it_names(slug: str, arm: str, recipe: str) -> None:
    experiment = find_experiment(slug)
    values = experiment.config(arm=arm, recipe=recipe).as_values()
    for name, value in experiment.recipe(recipe).values_for(arm).items():
        assert values[name] == value


@every_experiment
def test_changes_go_before_the_recipe_and_are_told(slug: str) -> None:
    experiment = find_experiment(slug)
    config = experiment.config(changes={"epochs": "77"})
    assert config.epochs == 77
    assert experiment.changed(config) == {"epochs": 77}


@every_experiment
@pytest.mark.parametrize("name", IDENTITY)
def test_what_a_run_is_cannot_be_changed_as_a_knob(slug: str, name: str) -> None:
    with pytest.raises(UserError, match=naming(name)):
        find_experiment(slug).config(changes={name: "x"})


@every_experiment
def test_unknown_names_are_answered_with_the_known_ones(slug: str) -> None:
    experiment = find_experiment(slug)
    arms, recipes = (", ".join(each.slug for each in entries) for entries in (experiment.arms, experiment.recipes))
    with pytest.raises(UserError, match=naming(slug, "zzz", arms)):
        experiment.config(arm="zzz")
    with pytest.raises(UserError, match=naming(slug, "quik", "quick")):
        experiment.config(recipe="quik")
    stored = experiment.config().as_values()
    for name, known in (("arm", arms), ("recipe", recipes)):
        with pytest.raises(UserError, match=naming(slug, "zzz", known)):
            experiment.read_config({**stored, name: "zzz"})


@every_experiment
def test_a_stored_config_without_arm_and_recipe_means_the_first(slug: str) -> None:
    experiment = find_experiment(slug)
    stored = {name: value for name, value in experiment.config().as_values().items() if name not in ("arm", "recipe")}
    config = experiment.read_config(stored)
    assert (config.arm, config.recipe) == (experiment.arms[0].slug, experiment.recipes[0].slug)


def test_an_unknown_experiment_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=naming("vesels", "vessels")):
        find_experiment("vesels")
    with pytest.raises(UserError, match=naming("zzz", ", ".join(catalogue()))):
        find_experiment("zzz")


def test_two_files_cannot_claim_one_slug(monkeypatch: pytest.MonkeyPatch) -> None:
    twin = SimpleNamespace(EXPERIMENT=SimpleNamespace(slug="twin"))
    monkeypatch.setattr("core.experiments.importlib.import_module", lambda name: twin)
    with pytest.raises(ValueError, match=naming("twin")):
        catalogue.__wrapped__()


def test_two_runs_may_draw_the_synthetic_set_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    vessels = find_experiment("vessels")
    draw = vessels.make_data

    def draw_second(folder: Path, **options: int) -> None:
        draw(folder, n=2, seed=0)  # the other run was faster
        draw(folder, n=2, seed=0)

    monkeypatch.setattr(vessels, "make_data", draw_second)
    found = vessels.open_data("synthetic")  # type: ignore[attr-defined]
    assert len(found.items("train")) == len(found.items("test")) == 1


def test_a_set_that_cannot_be_drawn_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    vessels: Experiment = find_experiment("vessels")

    def fail(folder: Path, **options: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(vessels, "make_data", fail)
    with pytest.raises(OSError, match="No space"):
        vessels.open_data("synthetic")  # type: ignore[attr-defined]


def test_arms_that_have_no_way_are_told_at_once() -> None:
    with pytest.raises(TypeError, match=naming("Broken", "one", "two")):
        type(
            "Broken",
            (ClassificationExperiment,),
            {"arms": (Arm("one", "One", "One."),), "ways": {"two": Way("small-cnn")}},
        )
