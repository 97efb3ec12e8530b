"""Files have addresses: what stands there, under which name, and what a wrong address is told."""

import csv
import html
import io
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from core.runs.store.run_store import RunStore
from core.ui.downloads import PLACE as FILES
from core.ui.downloads import build_downloads, curves_address, log_address, report_address
from tests.studies.test_study import record


@pytest.fixture
def store(home: Path) -> RunStore:
    return RunStore()


@pytest.fixture
def client() -> TestClient:
    return TestClient(build_downloads())


def at(address: str) -> str:
    """Return an address as the application sees it that is mounted there."""
    assert address.startswith(f"{FILES}/")
    return address.removeprefix(FILES)


def test_a_log_is_sent_under_the_runs_name(store: RunStore, client: TestClient) -> None:
    run = record(store).runs[0]
    assert client.get(at(log_address(run.id))).status_code == 404
    store.files.log_path(run.id).parent.mkdir(parents=True, exist_ok=True)
    store.files.log_path(run.id).write_text("epoch 1\n")
    answer = client.get(at(log_address(run.id)))
    assert answer.text == "epoch 1\n"
    assert f'filename="{run.short_id}.log"' in answer.headers["content-disposition"]


def test_a_report_is_shown_or_saved_with_what_was_asked(store: RunStore, client: TestClient) -> None:
    study = record(store, seeds=2)
    shown = client.get(at(report_address(study=study.id)))
    assert shown.headers["content-disposition"].startswith("inline")
    assert study.template.question in html.unescape(shown.text)
    remark = "<b>A & B</b>, 100 %"
    asked = report_address(study=study.id, remarks=[remark, "Twice."], pictures=False, save=True)
    saved = client.get(at(asked))
    assert saved.headers["content-disposition"] == f'attachment; filename="{study.id}.html"'
    assert "&lt;b&gt;A &amp; B&lt;/b&gt;, 100 %" in saved.text
    assert "Twice." in saved.text
    two = client.get(at(report_address(runs=[run.short_id for run in study.runs], split="val")))
    assert all(str(run.config["arm"]) in two.text for run in study.runs)
    assert study.template.question not in html.unescape(two.text), "runs that answer no question of ours"


def test_all_numbers_of_a_study_or_of_any_runs_are_a_table(store: RunStore, client: TestClient) -> None:
    study = record(store, seeds=1)
    for address in (curves_address(study=study.id), curves_address(runs=[run.short_id for run in study.runs])):
        rows = list(csv.DictReader(io.StringIO(client.get(at(address)).text)))
        assert {row["run"] for row in rows} == {run.id for run in study.runs}
        assert len({row["side"] for row in rows}) == 2
    one = list(csv.DictReader(io.StringIO(client.get(at(curves_address(runs=[study.runs[0].id]))).text)))
    wanted = sum(
        len(store.metrics.history(study.runs[0].id, key)) for key in store.metrics.metric_keys(study.runs[0].id)
    )
    assert len(one) == wanted > 0


def test_a_wrong_address_gets_one_sentence(store: RunStore, client: TestClient) -> None:
    study = record(store, seeds=1)
    wrong = {
        report_address(study="gone-01234567"): "gone-01234567",
        report_address(runs=["ffffffff", "eeeeeeee"]): "ffffffff",
        report_address(): "",
        curves_address(): "",
        report_address(study=study.id, split="test"): "test",
        report_address(runs=[study.runs[0].id]): "",
        log_address("ffffffff"): "ffffffff",
    }
    for address, said in wrong.items():
        answer = client.get(at(address))
        assert answer.status_code == 404
        assert said in answer.text
        assert re.fullmatch(r"[^\n]+\.\n", answer.text), "one line, a sentence"
        assert answer.headers["content-type"].startswith("text/plain")


def test_what_visitors_of_a_public_server_take_away_tells_no_place_of_it(
    store: RunStore, client: TestClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = record(store, seeds=1)
    for run in study.runs:
        store.add_facts(run.id, {"machine": f"Linux, weights in {home / 'weights'}"})
    for public in ("0", "1"):
        monkeypatch.setenv("FOVEA_PUBLIC", public)
        report = client.get(at(report_address(study=study.id))).text
        assert "/weights" in report
        refusal = client.get(at(report_address(runs=[str(home / "runs")])))
        assert refusal.status_code == 404
        assert "/runs" in refusal.text
        assert [str(home) in each for each in (report, refusal.text)] == [public == "0"] * 2
    curves = client.get(at(curves_address(study=study.id))).text
    assert str(home) not in curves
