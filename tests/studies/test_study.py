"""Studies: planned from templates, recorded as their runs, concluded, extended, written down."""

import html
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.cli import main
from core.errors import UserError
from core.experiments import find_experiment
from core.inference.scores import kept_scores
from core.runs.requirements import find_same
from core.runs.run import FAILED, FINISHED, KILLED, Run
from core.runs.store.run_store import RunStore
from core.studies.band import band
from core.studies.comparison import Rows
from core.studies.conclusion import conclude
from core.studies.costs import costs_of, pareto_front
from core.studies.report import write_report
from core.studies.study import Study, extend_study, open_study, plan, studies
from core.studies.subject import subject_of_study
from core.studies.templates import find_template, templates

SKIPS = find_template("reconstruction-skips")


@pytest.fixture
def store(home: Path) -> RunStore:
    return RunStore()


def record(
    store: RunStore, *, seeds: int = 3, gap: float = 1.0, share: float = 1.0, template: str = SKIPS.slug
) -> Study:
    """Record the runs of a study as workers would, with scores of 40 pictures that differ by the gap."""
    rng, asked = np.random.default_rng(0), find_template(template)
    score = find_experiment(asked.experiment).monitor
    pictures = rng.normal(30, 2, 40)
    for config in plan(asked, seeds=range(seeds), recipe="quick", shares=[share]):
        run = store.create(asked.experiment, config.as_values())
        store.start(run.id)
        store.add_facts(run.id, {"fingerprint": "same", "parameters": "7700000", "commit": "abc", "machine": "Linux"})
        values = pictures + gap * (config.arm == "no-skips") + 0.1 * config.seed
        store.set_best(run.id, 3, {score: float(values.mean())})
        store.metrics.log_points(run.id, [(f"val/{score}", (epoch, 20.0 + epoch, 0.0)) for epoch in (1, 2, 3)])
        store.finish(run.id, FINISHED, "All 3 epochs are done.")
        store.join_study(run.id, f"{template}-0123abcd", "val")
        path = store.files.folder(run.id) / "scores" / "val-epoch-3.json"
        path.parent.mkdir(parents=True)
        names = [f"{number:02d}" for number in range(len(values))]
        path.write_text(json.dumps({"names": names, "scores": [{score: value} for value in values]}))
    return open_study(store, f"{template}-0123abcd")


def rows_of(store: RunStore, run: Run) -> Rows:
    scored = kept_scores(store, run, "val")
    assert scored is not None
    return scored.rows


def test_every_template_can_be_planned_with_every_recipe_of_its_experiment() -> None:
    assert {"chest-tuning", "pets-encoders", "byol-settings", "vessels-recipes"} <= templates().keys()
    for template in templates().values():
        experiment = find_experiment(template.experiment)
        for recipe in experiment.recipes:
            configs = plan(template, recipe=recipe.slug)
            assert len(configs) == template.seeds * len(template.lines) * len(template.shares)
            assert len({json.dumps(each.as_values()) for each in configs}) == len(configs), "two runs are the same"
        assert template.question.endswith("?")


def test_a_plan_goes_seed_by_seed_and_sets_what_it_is_told() -> None:
    configs = plan(SKIPS, seeds=[4, 5], recipe="quick", changes={"epochs": 2}, shares=[0.5, 1])
    assert [(each.seed, each.share, each.arm) for each in configs[:4]] == [
        (4, 0.5, "with-skips"), (4, 0.5, "no-skips"), (4, 1.0, "with-skips"), (4, 1.0, "no-skips"),
    ]  # fmt: skip
    assert {each.epochs for each in configs} == {2}
    with pytest.raises(UserError, match="200"):
        plan(SKIPS, seeds=range(300))


def test_a_wrong_name_gets_a_hint(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "pets-encoder"]) == 2
    assert "pets-encoders" in capsys.readouterr().err
    assert main(["study", "pets-encoders-01234567"]) == 2
    told = capsys.readouterr().err
    assert "pets-encoders-01234567" in told
    assert "study list" in told


def test_wrong_words_are_said_in_a_sentence(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    study = record(store, seeds=1)
    for words, said in (
        (["study", "pets-encoders", "--seeds", "-1"], ("seeds", "-1")),
        (["study", study.id, "--html", "/no/such/place.html"], ("/no/such/place.html",)),
        (["study", "pets-encoders", "--share", "2"], ("share", "2", "0.001")),
    ):
        assert main(words) == 2, words
        told = capsys.readouterr().err.strip().splitlines()[-1]
        assert all(each in told for each in said), told


def test_a_study_is_its_runs_and_says_what_comes_of_them(store: RunStore) -> None:
    study = record(store)
    assert [each.id for each in studies(store.runs())] == [study.id]
    assert (study.is_over, study.seeds, study.split) == (True, [0, 1, 2], "val")
    assert [side.name for side in study.sides] == [
        find_experiment("reconstruction").arm(each).title for each in ("with-skips", "no-skips")
    ]
    found = conclude(study.sides, "val", lambda run: rows_of(store, run))
    (claim,) = found.claims
    assert claim.verdict.difference == pytest.approx(1.0)
    assert claim.verdict.is_decided
    assert claim.said.index(claim.second) < claim.said.index(claim.first), "the better one is named first"
    assert all(side.name in claim.said for side in study.sides)
    assert [len(each) for each in found.means] == [3, 3]


def test_the_measure_is_the_templates_first_side_even_where_another_was_trained_before(store: RunStore) -> None:
    study = record(store, seeds=1)
    first, second = study.runs
    store.set_order(second.id, first.order - 1)
    again = open_study(store, study.id)
    assert [run.id for run in again.runs] == [second.id, first.id]
    assert [side.runs[0].id for side in again.sides] == [first.id, second.id]


def test_what_is_missing_is_said_beside_the_verdict(store: RunStore) -> None:
    study = record(store, seeds=2)
    assert study.caveat == ""
    late = store.create("reconstruction", {**study.runs[0].config, "seed": 2})
    broken = store.create("reconstruction", {**study.runs[0].config, "seed": 3})
    store.finish(broken.id, FAILED, "The disk is full.")
    for run in (late, broken):
        store.join_study(run.id, study.id, "val")
    study = open_study(store, study.id)
    assert re.findall(r"\d+", study.caveat) == ["1", "6", "1", "6"], "one has not ended, one is left out"
    found = conclude(study.sides, "val", lambda run: rows_of(store, run))
    assert study.caveat in html.unescape(write_report(store, subject_of_study(study), found))


def test_a_run_that_was_prolonged_is_a_side_of_its_own(store: RunStore) -> None:
    study = record(store, seeds=2)
    store.set_epochs(study.runs[0].id, 99)
    sides = open_study(store, study.id).sides
    assert [("99" in side.name, len(side.runs)) for side in sides] == [(False, 1), (True, 1), (False, 2)]
    assert len({side.name for side in sides}) == 3


def test_sides_of_a_smaller_share_are_compared_with_their_like(store: RunStore) -> None:
    record(store)
    study = record(store, gap=-1.0, share=0.5)
    found = conclude(study.sides, "val", lambda run: rows_of(store, run))
    assert [round(each.verdict.difference, 3) for each in found.claims] == [1.0, -1.0]
    assert ["0.5" in name for claim in found.claims for name in (claim.first, claim.second)] == [
        False, False, True, True,
    ]  # fmt: skip


def test_a_report_opens_without_a_network_and_names_no_place(store: RunStore) -> None:
    study = record(store)
    found = conclude(study.sides, "val", lambda run: rows_of(store, run))
    text = html.unescape(write_report(store, subject_of_study(study), found))
    for words in (SKIPS.question, found.claims[0].said.split(" (")[0], "same", "<svg", "--arm no-skips"):
        assert words in text, words
    assert "<script" not in text
    assert "<link" not in text
    assert "src=" not in text
    assert str(store.files.folder(study.runs[0].id)) not in text


def test_costs_and_the_sides_that_none_beats(store: RunStore) -> None:
    study = record(store, seeds=1)
    assert costs_of(store, study.runs[0])["parameters"] == 7.7
    assert "latency" not in costs_of(store, study.runs[0])
    store.add_facts(study.runs[0].id, {"latency": "12.50"})
    assert costs_of(store, store.get(study.runs[0].id))["latency"] == 12.5
    assert pareto_front([1, 2, 3, 4], [0.5, 0.4, 0.9, 0.9]) == [0, 2]
    assert pareto_front([1, 2, 3], [0.5, 0.4, 0.9], higher_is_better=False) == [0, 1]
    places, low, mean, high = band(
        [(np.array([1, 2, 3]), np.array([0.0, 1, 2])), (np.array([2, 3]), np.array([3.0, 4]))]
    )
    assert (places.tolist(), low.tolist(), mean.tolist(), high.tolist()) == ([2, 3], [1, 2], [2, 3], [3, 4])


def test_no_more_runs_than_are_allowed_are_added(store: RunStore) -> None:
    study = record(store, seeds=1)
    with pytest.raises(UserError, match="200"):
        extend_study(store, study, 200)


def test_runs_that_did_not_finish_are_left_out(store: RunStore) -> None:
    study = record(store, seeds=1)
    for seed, status in ((1, FAILED), (2, KILLED)):
        run = store.create("reconstruction", {**study.runs[0].config, "seed": seed})
        store.join_study(run.id, study.id, "val")
        store.set_best(run.id, 1, {"psnr": 20.0})
        assert not open_study(store, study.id).is_over
        store.finish(run.id, status, "It was cut short.")
    again = open_study(store, study.id)
    assert again.is_over
    assert [len(side.runs) for side in again.sides] == [1, 1]


def test_a_study_whose_data_changed_meanwhile_claims_nothing(store: RunStore) -> None:
    study = record(store, seeds=1)
    assert conclude(study.sides, "val", lambda run: rows_of(store, run)).claims
    store.add_facts(study.runs[0].id, {"fingerprint": "other"})
    with pytest.raises(UserError):
        conclude(open_study(store, study.id).sides, "val", lambda run: rows_of(store, run))


def test_a_run_from_before_a_knob_came_is_known_again(store: RunStore) -> None:
    (config, *_) = plan(SKIPS, seeds=[0], recipe="quick")
    values = config.as_values()
    values.pop("share")
    run = store.create("reconstruction", values)
    found = find_same(store, "reconstruction", config)
    assert found is not None
    assert found.id == run.id
    assert find_same(store, "reconstruction", replace(config, share=0.5)) is None
    assert find_same(store, "reconstruction", replace(config, seed=1)) is None
