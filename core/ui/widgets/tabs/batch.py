"""The tab for many pictures at once: files or ZIPs in; a CSV of scores and a ZIP of masks out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from core.data.image_io.zip_reader import DEFAULT_ARCHIVE_LIMITS, ArchiveLimits
from core.errors import UserError
from core.experiments import catalogue, find_experiment
from core.inference.batch import MaskArchive, Row, count_given, iterate_given, predict_many
from core.inference.export.csv import render_table
from core.public import hide_places, public_limits
from core.ui.shared.model_choice import list_choices, list_shipped
from core.ui.widgets.frame import choose_predictor
from core.ui.widgets.refusals import told
from core.ui.widgets.zero_gpu import lend_gpu

MANY = "many"
"""What the page's address calls this tab."""
EMPTY = "Give pictures: drop several files, or a ZIP of them."
SHOWN_ROWS = 200
"""So many rows are shown on the page; the CSV has all."""
FIRST = ("image", "class", "share", "psnr", "error", "warning", "probability")
"""The answer first: a long reason would push it out of sight."""
WIDTHS = ("190px", "110px", "210px", "210px", *["120px"] * 12)
"""Of the columns: picture, answer, reasons, rest. Else one long reason takes the place of all others."""
Progress = Callable[..., Any]
PROGRESS = gr.Progress()
"""As a default value it asks Gradio for the bar of the request itself."""


def build_batch_tab(demo: gr.Blocks) -> None:
    """Lay out the tab and join its parts; must be called inside ``gr.Blocks``."""
    first = next((each for each in catalogue().values() if list_shipped(each)), next(iter(catalogue().values())))
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=300):
            experiment = gr.Dropdown(
                [(each.title, slug) for slug, each in catalogue().items()], value=first.slug, label="Experiment"
            )
            model = gr.Dropdown(
                list_shipped(first), label="Model", allow_custom_value=True, info="Shipped models first, then runs."
            )
            files = gr.File(label="Pictures, or ZIPs of pictures", file_count="multiple", height=220)
            run = gr.Button("Predict all of them", variant="primary")
        with gr.Column(scale=3, min_width=300):
            said = gr.Markdown(EMPTY, elem_classes="notes")
            with gr.Row():
                table = gr.File(label="Scores (CSV)", interactive=False, height=90, min_width=240)
                masks = gr.File(
                    label="Results as pictures (ZIP)", interactive=False, height=90, min_width=240, visible=False
                )
            rows = gr.Dataframe(
                headers=["image"], label="Rows", interactive=False, wrap=True, max_height=460, column_widths=[*WIDTHS]
            )

    def predict(files: list[str] | None, experiment: str, model: str, progress: Progress = PROGRESS) -> tuple[Any, ...]:
        """Predict many pictures at once.

        Args:
            files: Picture files, or ZIP archives of them.
            experiment: An experiment's slug, such as vessels.
            model: A shipped checkpoint's name or a run's id; the first of the experiment if empty.
            progress: Gradio's, not the caller's.

        Returns:
            A CSV with a row for each picture, a ZIP of results where these are pictures, what was done in a sentence,
            and the first rows. A picture that cannot be read has its reason in the column error.
        """
        done = told(lambda: _predict(files or [], experiment, model, progress))
        return _save(done.table.encode(), "scores.csv", table), _save(done.masks, "results.zip", masks), *done.shown

    predict.__name__ = "batch"  # language models choose by it
    asked = run.click(
        lend_gpu(predict), [files, experiment, model], [table, masks, said, rows], api_name="batch",
        concurrency_id="batch", concurrency_limit=1, show_progress_on=table,
    )  # fmt: skip
    # Classes have no results as pictures: an empty frame would look as if something were missing.
    asked.then(lambda given: gr.File(visible=given is not None), masks, masks, api_visibility="private", queue=False)
    experiment.change(_models, experiment, model, api_visibility="private", queue=False)
    demo.load(_models, experiment, model, api_visibility="private")


class _Done:
    """What became of many pictures.

    Attributes:
        table: The CSV.
        masks: The ZIP, if there is one.
        shown: The sentence and the first rows.
    """

    def __init__(self, rows: Sequence[Row], masks: bytes | None) -> None:
        refused = sum("error" in row for row in rows)
        self.table, self.masks = render_table(rows), masks
        said = f"{len(rows) - refused} of {len(rows)} pictures were predicted."
        if refused:
            said += f" {refused} could not be: the column error says why."
        if doubted := sum(bool(row.get("warning")) for row in rows):
            looks = "looks" if doubted == 1 else "look"
            said += f" {doubted} {looks} wrong for this model: the column warning says why."
        if len(rows) > SHOWN_ROWS:
            said += f" The first {SHOWN_ROWS} rows are shown; the CSV has all."
        self.shown = said, _shown(rows[:SHOWN_ROWS])


def _predict(files: Sequence[str], experiment: str, model: str, progress: Progress) -> _Done:
    """Answer for all files, telling how far it is."""
    if not files:
        raise UserError(EMPTY)
    paths = [Path(each) for each in files]
    predictor = choose_predictor(find_experiment(experiment), model or "")
    archive, rows, count = MaskArchive(predictor.kind), [], count_given(paths)
    most = _limits().most_members
    if count > most:
        raise UserError(f"{count:,} pictures were given and at most {most:,} are taken at once; give fewer.")
    for row, _ in predict_many(predictor, iterate_given(paths, _limits()), archive.keep):
        rows.append({name: hide_places(each) if isinstance(each, str) else each for name, each in row.items()})
        progress((len(rows), max(count, len(rows))), desc=str(row["image"])[-60:], unit="pictures")
    return _Done(rows, archive.close())


def _limits() -> ArchiveLimits:
    """Return how many pictures are taken at once, and how large they may be."""
    limits = public_limits()
    if limits is None:
        return DEFAULT_ARCHIVE_LIMITS
    return ArchiveLimits(limits.upload_pictures, limits.upload_bytes, limits.upload_all_bytes)


def _shown(rows: Sequence[Row]) -> dict[str, Any]:
    """Return headers and cells: what matters first, single numbers only; of all probabilities that of the answer."""
    plain = [{name: each for name, each in row.items() if isinstance(each, str | int | float)} for row in rows]
    for cells, row in zip(plain, rows, strict=True):
        if "probabilities" in row:
            cells["probability"] = round(row["probabilities"][row["class"]], 3)
    names = list(dict.fromkeys(name for row in plain for name in row))
    ordered = [*(name for name in FIRST if name in names), *(name for name in names if name not in FIRST)]
    return {"headers": ordered, "data": [[row.get(name, "") for name in ordered] for row in plain]}


def _save(content: bytes | None, name: str, place: gr.File) -> str | None:
    """Put a result where Gradio keeps those of all tabs, and from where it removes them later."""
    return save_bytes_to_cache(content, name, place.GRADIO_CACHE) if content is not None else None


def _models(experiment: str) -> Any:
    choices = list_choices(find_experiment(experiment))
    return gr.Dropdown(choices, value=choices[0][1] if choices else None)
