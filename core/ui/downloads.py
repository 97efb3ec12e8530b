"""Files to take away: a run's log, the report and the curves of a comparison, each at an address of its own.

A file that Streamlit makes when its button is pressed belongs to one drawing of the page and is gone with the next, and
a page that follows a run is drawn every second: a press in between would lead nowhere. An address stays, can be passed
on, and its file is made only when somebody asks for it.
"""

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from core.errors import UserError
from core.public import hide_places, public_limits

if TYPE_CHECKING:
    from core.inference.scores import Scored
    from core.runs.run import Run
    from core.runs.store.run_store import RunStore
    from core.studies.subject import Subject

PLACE = "/files"
FRESH = {"Cache-Control": "no-store"}


def log_address(run_id: str) -> str:
    """Return where a run's log is."""
    return f"{PLACE}/log/{quote(run_id)}"


def report_address(
    *, study: str = "", runs: Sequence[str] = (), split: str = "", remarks: Sequence[str] = (), pictures: bool = True,
    save: bool = False,
) -> str:  # fmt: skip
    """Return where the report of a study, or of runs, is.

    Args:
        study: Its name; of the runs if empty.
        runs: Ids or their beginnings.
        split: On which the sides are compared; the study's own if empty.
        remarks: Sentences for the findings.
        pictures: Whether sample predictions stand in it.
        save: Whether the browser shall save it; else it shows it.
    """
    asked = _subject_query(study, runs) + ([("split", split)] if split else []) + [("remark", each) for each in remarks]
    asked += ([] if pictures else [("pictures", "no")]) + ([("save", "yes")] if save else [])
    return f"{PLACE}/report?{urlencode(asked)}"


def curves_address(*, study: str = "", runs: Sequence[str] = ()) -> str:
    """Return where all numbers of the runs of a study, or of these runs, are as CSV."""
    return f"{PLACE}/curves?{urlencode(_subject_query(study, runs))}"


def _subject_query(study: str, runs: Sequence[str]) -> list[tuple[str, str]]:
    return [("study", study)] if study else [("runs", ",".join(runs))]


def build_downloads() -> Starlette:
    """Return the application that serves them; its root is :data:`PLACE`."""
    return Starlette(
        routes=[Route(f"/{name}", _answer(make)) for name, make in (
            ("log/{run}", _send_log), ("report", _send_report), ("curves", _send_curves),
        )]
    )  # fmt: skip


def _answer(make: "Callable[[RunStore, Request], Response]") -> Callable[[Request], Response]:
    """Return an endpoint, called in a thread, that says a mistake in a sentence."""

    def answer(request: Request) -> Response:
        from core.ui.components.open_store import open_store_of_home  # noqa: PLC0415 - Streamlit takes a moment

        try:
            return make(open_store_of_home(), request)
        except UserError as error:
            return PlainTextResponse(hide_places(f"{error}\n"), 404, headers=FRESH)

    return answer


def _send_log(store: "RunStore", request: Request) -> Response:
    run = store.get(request.path_params["run"])
    path = store.files.log_path(run.id)
    if not path.exists():
        raise UserError(f"There is no log of run {run.short_id} on this machine; it is where the run was started.")
    if public_limits() is not None:
        told = hide_places(path.read_text(encoding="utf-8", errors="replace"))
        return PlainTextResponse(
            told, headers=FRESH | {"Content-Disposition": f'attachment; filename="{run.short_id}.log"'}
        )
    return FileResponse(path, media_type="text/plain; charset=utf-8", filename=f"{run.short_id}.log", headers=FRESH)


def _send_report(store: "RunStore", request: Request) -> Response:
    from core.studies.conclusion import conclude  # noqa: PLC0415 - for who asks
    from core.studies.report import write_report  # noqa: PLC0415

    subject, asked = _find(store, request), request.query_params
    found = conclude(subject.sides, subject.split, lambda run: _kept(store, run, subject.split).rows)
    text = write_report(
        store, subject, found, remarks=asked.getlist("remark"), pictures=asked.get("pictures", "") != "no"
    )
    how = "attachment" if asked.get("save", "") == "yes" else "inline"
    return Response(text, media_type="text/html", headers=_named(f"{subject.name}.html", how))


def _send_curves(store: "RunStore", request: Request) -> Response:
    from core.studies.study import open_study  # noqa: PLC0415 - for who asks
    from core.studies.table import write_curves  # noqa: PLC0415

    asked, file = request.query_params, io.StringIO()
    if asked.get("study", ""):
        study = open_study(store, asked["study"])
        named = [(study.title_of(run), run) for run in study.runs]
    else:
        named = [(run.name, run) for run in (store.get(each) for each in _runs_asked(request))]
    if not named:
        raise UserError("No study and no runs were named; give one study, or runs.")
    write_curves(store, named, file)
    name = asked.get("study", "") or "-".join(run.short_id for _, run in named)
    return Response(file.getvalue(), media_type="text/csv", headers=_named(f"{name}.csv", "attachment"))


def _find(store: "RunStore", request: Request) -> "Subject":
    from core.studies.subject import find_subject  # noqa: PLC0415 - for who asks

    asked = request.query_params
    return find_subject(store, study=asked.get("study", ""), runs=_runs_asked(request), split=asked.get("split", ""))


def _runs_asked(request: Request) -> list[str]:
    return [each for each in request.query_params.get("runs", "").split(",") if each]


def _kept(store: "RunStore", run: "Run", split: str) -> "Scored":
    from core.inference.scores import kept_scores  # noqa: PLC0415 - for who asks

    found = kept_scores(store, run, split)
    if found is None:
        raise UserError(
            f"Run {run.short_id} was not scored picture by picture on {split}; "
            "press Score them now on the page Compare."
        )
    return found


def _named(name: str, how: str) -> dict[str, str]:
    return {"Content-Disposition": f'{how}; filename="{name}"', **FRESH}
