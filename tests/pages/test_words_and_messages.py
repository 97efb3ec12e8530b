"""What pages say of what somebody typed, and after something was done."""

from pathlib import Path

import pytest

from core.cli import main
from core.runs.store.run_store import RunStore
from core.ui.views.compare.studies import note_all_own
from core.ui.views.ownership import OWN
from tests.pages.opened_pages import open_page, press, record

pytestmark = pytest.mark.filterwarnings("default")  # of Streamlit, MLflow and their dependencies, not of ours
PICTURE = "![x](http://b.example/c.png)"


@pytest.fixture
def store(home: Path) -> RunStore:
    return RunStore()


@pytest.mark.parametrize("page", ["runs", "inspect"])
def test_an_address_loads_nothing_from_elsewhere(page: str, store: RunStore) -> None:
    record(store)
    said = [each.value for each in open_page(page, run=PICTURE).warning]
    assert said, "that there is no such run"
    assert not [each for each in said if "![" in each.replace(r"!\[", "")]


def test_deleting_a_run_says_so_and_a_link_to_it_says_what_became_of_it(store: RunStore) -> None:
    run, _ = record(store), record(store)
    app = press(open_page("runs", run=run.short_id), f"delete-{run.id}")
    assert [each for each in app.toast if run.name.partition(" ")[0] in each.value]
    assert [each for each in open_page("runs", run=run.short_id).warning if f"restore {run.short_id}" in each.value]
    assert main(["show", run.short_id]) == 2


def test_what_a_study_starts_belongs_to_who_started_it(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, set[str]] = {}
    monkeypatch.setattr("core.ui.views.ownership.st.session_state", kept)
    before, new = record(store), record(store)
    note_all_own([before, new], {before.id})
    assert kept[OWN] == {new.id}


def test_a_damaged_database_is_one_sentence(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "mlflow.db").write_bytes(b"SQLite format 3\0" + b"rubbish" * 500)
    assert main(["runs"]) == 2
    told = capsys.readouterr().err
    assert "mlflow.db" in told
    assert "Traceback" not in told
    assert told.count("\n") == 1
    assert [each for each in open_page("runs").error if "mlflow.db" in each.value]
