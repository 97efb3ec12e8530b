"""How many runs a public server takes, however they are asked for; and that none is missed among many."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.entities import RunStatus, RunTag
from mlflow.store.tracking.dbmodels.models import SqlRun, SqlTag
from mlflow.tracking import MlflowClient
from sqlalchemy import create_engine, insert, select

from core.cli import main
from core.errors import UserError
from core.experiments import find_experiment
from core.public import PublicLimits, public_limits
from core.runs.control import extend, resume
from core.runs.launcher import launch, launch_all
from core.runs.queue import dispatch
from core.runs.run import FINISHED, KILLED
from core.runs.store.run_store import RunStore
from core.studies.study import launch_study, plan, studies
from core.studies.templates import find_template
from tests.runs.test_queue import CONFIG, CountingExecutor

VESSELS = find_experiment("vessels")


@pytest.fixture
def public_server(monkeypatch: pytest.MonkeyPatch) -> PublicLimits:
    monkeypatch.setenv("FOVEA_PUBLIC", "1")
    limits = public_limits()
    assert limits
    return limits


@pytest.fixture(autouse=True)
def _nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.runs.queue.ProcessExecutor", CountingExecutor)


def all_at_once(*acts: Callable[[], object]) -> list[object]:
    """Call all in threads of their own at the same moment; return what each gave or raised."""
    given: list[object] = [None] * len(acts)
    gate = threading.Barrier(len(acts))

    def call(number: int) -> None:
        gate.wait()
        try:
            given[number] = acts[number]()
        except UserError as error:
            given[number] = error

    threads = [threading.Thread(target=call, args=(number,)) for number in range(len(acts))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return given


def test_twenty_starts_and_three_studies_at_once_keep_to_the_limit(
    public_server: PublicLimits, store: RunStore
) -> None:
    template = find_template("reconstruction-skips")

    def start(seed: int) -> object:
        return launch(RunStore(), "vessels", VESSELS.config(recipe="quick", seed=seed))

    def ask(seed: int) -> object:
        return launch_study(RunStore(), template, plan(template, seeds=[100 + seed], recipe="quick"))

    given = all_at_once(
        *(lambda seed=seed: start(seed) for seed in range(20)), *(lambda seed=seed: ask(seed) for seed in range(3))
    )
    refused = [each for each in given if isinstance(each, UserError)]
    assert refused
    assert all(str(public_server.unfinished_runs) in str(each) for each in refused)
    runs = store.runs()
    assert len(store.unfinished()) == len(runs) <= public_server.unfinished_runs
    accepted = len(given) - len(refused)
    whole = {study.id: len(study.runs) for study in studies(runs)}
    assert set(whole.values()) <= {len(template.lines)}, "a study is taken whole or not at all"
    assert len(runs) == accepted + sum(count - 1 for count in whole.values())


def test_a_study_larger_than_the_limit_leaves_nothing_behind(public_server: PublicLimits, store: RunStore) -> None:
    template = find_template("reconstruction-skips")
    configs = plan(template, seeds=range(public_server.unfinished_runs), recipe="quick")
    assert len(configs) > public_server.unfinished_runs
    with pytest.raises(UserError, match=f"{len(configs)} .*{public_server.unfinished_runs}"):
        launch_study(store, template, configs)
    assert store.runs() == store.runs(deleted=True) == []


def test_runs_of_which_one_cannot_be_recorded_are_taken_back(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    create, seen = RunStore.create, []

    def create_two(self: RunStore, *given: object, **more: object) -> object:
        if len(seen) == 2:
            raise OSError(28, "No space left on device")
        seen.append(1)
        return create(self, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(RunStore, "create", create_two)
    with pytest.raises(OSError, match="space"):
        launch_all(store, "vessels", [VESSELS.config(recipe="quick", seed=seed) for seed in range(3)])
    assert store.runs() == []


def test_what_goes_on_counts_as_well(public_server: PublicLimits, store: RunStore, tmp_path: Path) -> None:
    ended = [store.create("vessels", CONFIG) for _ in range(2)]
    for run, status in zip(ended, (FINISHED, KILLED), strict=True):
        store.finish(run.id, status, "done")
        last = store.files.folder(run.id) / "checkpoint" / "last"
        last.mkdir(parents=True)
        (last / "state.pt").write_bytes(b"")
    for _ in range(public_server.unfinished_runs):
        store.create("vessels", CONFIG)
    for act in (lambda: extend(store, ended[0].id, 1), lambda: resume(store, ended[1].id)):
        with pytest.raises(UserError, match=f"{public_server.unfinished_runs} "):
            act()
    assert store.get(ended[0].id).config["epochs"] == CONFIG["epochs"]
    assert [store.get(run.id).status for run in ended] == [FINISHED, KILLED]


@pytest.mark.parametrize(
    ("slug", "changes"),
    [
        ("blots", {"width": 512}),
        ("blots", {"judge_width": 512}),
        ("vessels", {"tile": 8192}),
        ("landcover", {"crop": 2048}),
        ("landcover", {"crops": 10_000}),
        ("byol", {"hidden": 16384}),
        ("pets", {"width": 2.0}),
        ("objects", {"batch_size": 64, "size": 512}),
        ("chest", {"copies": 20, "stretch": 1.2}),
    ],
)
def test_no_network_and_no_step_is_larger_than_in_a_recipe(
    slug: str, changes: dict[str, object], public_server: PublicLimits, store: RunStore
) -> None:
    with pytest.raises(UserError, match="public server"):
        launch(store, slug, find_experiment(slug).config(recipe="quick", changes=changes))
    assert store.runs() == []


def many_records(store: RunStore, count: int) -> None:
    """Record finished runs as fast as the database takes them."""
    first = store.create("vessels", CONFIG, name="the pattern")
    store.finish(first.id, FINISHED, "done")
    engine = create_engine(store.uri)
    with engine.begin() as connection:
        run = dict(connection.execute(select(SqlRun.__table__).where(SqlRun.run_uuid == first.id)).mappings().one())
        tags = [
            dict(each)
            for each in connection.execute(select(SqlTag.__table__).where(SqlTag.run_uuid == first.id)).mappings()
        ]
        ids = [f"{number:032x}" for number in range(1, count)]
        connection.execute(
            insert(SqlRun.__table__),
            [
                run | {"run_uuid": each, "start_time": run["start_time"] + place, "name": f"run {place}"}
                for place, each in enumerate(ids)
            ],
        )
        connection.execute(insert(SqlTag.__table__), [tag | {"run_uuid": each} for each in ids for tag in tags])
    engine.dispose()


def test_the_oldest_of_1200_records_starts_is_listed_and_is_found_by_its_beginning(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    oldest = store.create("vessels", CONFIG, name="the oldest")
    many_records(store, 1200)
    assert len(store.runs()) == 1201
    assert store.get(oldest.short_id).id == oldest.id
    assert [run.id for run in store.unfinished()] == [oldest.id]
    assert main(["show", oldest.short_id]) == main(["runs"]) == 0
    assert oldest.short_id in capsys.readouterr().out
    store.join_study(oldest.id, "vessels-recipes-01234567", "val")
    assert [study.id for study in studies(store.runs())] == ["vessels-recipes-01234567"]
    assert store.get(oldest.id).worker, "it was started while the runs were listed"


def test_one_strange_record_never_hides_the_others(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    good = store.create("vessels", CONFIG, name="good")
    strange: dict[str, dict[str, str]] = {
        "gone experiment": {"fovea.slug": "phrenology"},
        "gone arm": {"fovea.config": '{"arm": "gone"}'},
        "no config": {"fovea.config": "null"},
        "a list": {"fovea.config": "[1]"},
        "no JSON": {"fovea.config": "{"},
        "progress": {"fovea.progress": '{"steps": "many", "more": 1}'},
        "best": {"fovea.best": '{"dice": {}}'},
        "worker": {"fovea.worker": "7"},
        "attempt": {"fovea.attempt": "often"},
        "ended": {"fovea.ended": "soon"},
        "earlier": {"fovea.earlier": "[[1]]"},
        "deep": {"fovea.config": "[" * 3000},
    }
    client = MlflowClient(store.uri)
    for name, tags in strange.items():
        run = store.create("vessels", CONFIG, name=name)
        client.log_batch(run.id, tags=[RunTag(key, value) for key, value in tags.items()])
        client.set_terminated(run.id, RunStatus.to_string(RunStatus.FINISHED))
    assert {run.name for run in store.runs()} == {"good", *strange}
    assert main(["runs"]) == main(["runs", "--json"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in strange)
    for run in store.runs():
        assert main(["show", run.short_id]) == 0
    dispatch(store)
    assert store.get(good.id).worker
