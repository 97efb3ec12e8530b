"""Disk use, the rule that cleans up, and the limits that a user sets."""

import json
from pathlib import Path

import pytest

from core.cli import main
from core.errors import UserError
from core.experiments import find_experiment
from core.paths import data_folder, home, logs_folder, tried_folder
from core.runs.control import extend, resume
from core.runs.process import slots
from core.runs.process.slots import allowed_slots, slot_count, use_gpu_of
from core.runs.run import FINISHED, KILLED, Run
from core.runs.settings import Settings, read_settings, write_settings
from core.runs.storage import DAY, clean, measure_disk, removable
from core.runs.store.run_store import RunStore

CONFIG = find_experiment("vessels").config(recipe="quick").as_values()
KIB = 1024


def ended(store: RunStore, state: int, status: str = FINISHED) -> Run:
    """Record a run that has ended, with a state of so many bytes and weights of 10 KiB."""
    run = store.create("vessels", CONFIG)
    store.start(run.id)
    for place, size in (("best/weights.safetensors", 10 * KIB), ("last/state.pt", state)):
        path = store.files.folder(run.id) / "checkpoint" / place
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(size))
    store.finish(run.id, status, "done")
    return store.get(run.id)


def size_of_database() -> int:
    return sum(each.stat().st_size for each in home().glob("mlflow.db*"))


def test_the_rule_lets_the_oldest_states_go_and_never_the_best_weights(store: RunStore) -> None:
    runs = [ended(store, 300 * KIB) for _ in range(3)]
    under_way = store.create("vessels", CONFIG)
    rule = Settings(keep_gib=700 * KIB / 2**30)
    assert [(run.id, size) for run, size in removable(store, rule)] == [(runs[0].id, 300 * KIB)]
    assert clean(store, rule) == 300 * KIB
    assert removable(store, rule) == []
    kept = [(store.files.folder(run.id) / "checkpoint/last/state.pt").exists() for run in runs]
    assert kept == [False, True, True]
    assert all((store.files.folder(run.id) / "checkpoint/best/weights.safetensors").exists() for run in runs)
    assert store.get(under_way.id).state == "queued"


def test_the_rule_counts_days_from_the_end(store: RunStore) -> None:
    run = ended(store, 10)
    assert run.ended
    rule = Settings(keep_days=2)
    assert removable(store, rule, now=run.ended + 1.9 * DAY) == []
    assert [each.id for each, _ in removable(store, rule, now=run.ended + 2.1 * DAY)] == [run.id]
    assert clean(store, Settings(), now=run.ended + 1e9) == 0


def test_a_run_whose_state_is_gone_never_begins_anew_in_the_place_of_going_on(store: RunStore) -> None:
    stopped, finished = ended(store, 10, KILLED), ended(store, 10)
    assert clean(store, Settings(keep_days=1), now=2e10) == 20
    with pytest.raises(UserError, match=stopped.short_id):
        resume(store, stopped.id)
    with pytest.raises(UserError, match=finished.short_id):
        extend(store, finished.id, 3)
    assert store.get(stopped.id).status == KILLED
    assert store.get(finished.id).config["epochs"] == CONFIG["epochs"]


def test_what_lies_on_the_disk_is_counted(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert [each.size for each in measure_disk(store) if each.size] == [size_of_database()]
    store.delete(ended(store, 1 * KIB).id)
    ended(store, 5 * KIB)
    for number, folder in enumerate((home() / "cache", tried_folder(), data_folder(), logs_folder())):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "some.file").write_bytes(bytes((20 + number) * KIB))
    deleted, best, state = 11 * KIB, 10 * KIB, 5 * KIB
    shares = measure_disk(store)
    assert [each.size for each in shares if each.size] == [
        size_of_database(), 23 * KIB, 22 * KIB, 21 * KIB, 20 * KIB, deleted, best, state,
    ]  # fmt: skip
    assert len({each.title for each in shares}) == len(shares)
    assert main(["disk", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(each["title"], each["bytes"]) for each in told] == [(each.title, each.size) for each in shares]


def test_the_clean_command_names_before_it_removes(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    run = ended(store, 64 * KIB)
    words = ["clean", "--gib", "0.00001", "--json"]
    assert main([*words, "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out) == {"runs": [run.id], "bytes": 64 * KIB, "removed": False}
    assert (store.files.folder(run.id) / "checkpoint/last").exists()
    assert main(words) == 0
    assert not (store.files.folder(run.id) / "checkpoint/last").exists()
    assert main(["clean"]) == 2


def test_limits_survive_a_restart_and_the_environment_comes_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FOVEA_SLOTS", raising=False)
    assert read_settings() == Settings()
    assert slot_count() == allowed_slots()
    write_settings(Settings(slots=5, keep_days=7, keep_gib=1.5))
    assert read_settings() == Settings(5, 7, 1.5)
    assert slot_count() == 5
    monkeypatch.setenv("FOVEA_SLOTS", "3")
    assert slot_count() == 3


@pytest.mark.parametrize("text", ["", "{", "[]", '{"slots": "many"}', '{"slots": -4}', '{"slots": null}'])
def test_damaged_settings_are_the_defaults(text: str, home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "settings.json").write_text(text)
    assert read_settings() == Settings()


def test_each_slot_has_a_gpu_of_its_own_where_there_are_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(slots, "GPUS", tmp_path)
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / name).mkdir()
    assert allowed_slots() == 2
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    use_gpu_of(1)
    assert slots.os.environ["CUDA_VISIBLE_DEVICES"] == "6"
    use_gpu_of(1)  # with one GPU there is nothing to choose
    assert slots.os.environ["CUDA_VISIBLE_DEVICES"] == "6"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert allowed_slots() >= 1
