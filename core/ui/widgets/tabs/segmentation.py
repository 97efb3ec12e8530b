"""The tab of a segmentation experiment: a picture in; overlay, probabilities, share, cut-out or widths out."""

from dataclasses import replace
from typing import Any, NamedTuple

import gradio as gr

from core.experiments.experiment import Experiment
from core.inference.predictors.segmentation import MaskPrediction
from core.ui.widgets.comparison import build_comparison
from core.ui.widgets.frame import (
    EMPTY,
    Shown,
    answer,
    asker,
    beside_question,
    build_swipe,
    build_times,
    join,
    round_times,
    say_times,
)
from core.ui.widgets.outputs import build_picture
from core.ui.widgets.threshold_memory import SegmentationView

NOTHING = (None, None, "", None, EMPTY, None, None, None)
LINES = (
    "Width: twice the distance from the centre line to the edge. Tortuosity: length of a piece between junctions over "
    "the distance of its ends, 1 is straight (arc-chord ratio; Hart et al., 1999)."
)


class _Parts(NamedTuple):
    """What a tab shows of an answer."""

    view: gr.State
    overlay: gr.ImageSlider
    probability: gr.Image
    cutout: gr.Image
    threshold: gr.Slider
    share: gr.Textbox
    lines: gr.JSON
    measured: gr.Markdown
    said: gr.Markdown
    milliseconds: gr.JSON


def build_segmentation_tab(demo: gr.Blocks, experiment: Experiment) -> None:
    """Lay out one tab and join its parts; must be called inside ``gr.Blocks``."""
    with beside_question(experiment) as question:
        parts = _build_parts(experiment)
        compared = build_comparison()

    def predict(
        picture: str | bytes | None, model: str, threshold: float, second_model: str | None = None,
        use_anyway: bool = False,
    ) -> tuple[Any, ...]:  # fmt: skip
        """Find the foreground in an uploaded picture.

        Args:
            picture: The picture file.
            model: A shipped checkpoint's name or a run's id.
            threshold: Probability from which a pixel counts as foreground, 0.01 to 0.99.
            second_model: Another one to compare with; empty for none.
            use_anyway: Whether to answer although the picture looks like none for this model.

        Returns:
            The picture and its overlay, the probability map, the share in per cent, milliseconds by part, notes, the
            cut-out with a transparent background, width and tortuosity of thin structures, a warning where the
            picture looks wrong, and the comparison: both models' answers by swipe and side by side, a map of where
            they differ, and a sentence.
        """

        def show(prediction: MaskPrediction) -> tuple[Any, ...]:
            seen = SegmentationView.of(prediction, thin=experiment.thin)
            both, share = _redraw(seen, threshold)
            times = round_times(prediction)
            more = (None if experiment.thin else seen.cutout(threshold), _measure(seen, threshold))
            return both, seen.probability_map(), share, times, say_times(prediction), seen, *more

        def ask_of(name: str, trusted: bool) -> MaskPrediction:
            found: MaskPrediction = asker(experiment, picture)(name, trusted)
            return replace(found, threshold=threshold)

        return answer(ask_of, (model, second_model), trusted=use_anyway, show=show, empty=NOTHING)

    shown = [parts.overlay, parts.probability, parts.share, parts.milliseconds, parts.said, parts.view, parts.cutout]
    join(
        demo,
        experiment,
        question,
        predict,
        extras=[parts.threshold],
        shown=Shown([*shown, parts.lines], NOTHING, compared),
    )
    _follow_threshold(parts, experiment)


def _build_parts(experiment: Experiment) -> _Parts:
    view = gr.State(None)
    with gr.Tabs():
        with gr.Tab("Overlay"):
            overlay = build_swipe(position=40)
        with gr.Tab("Probability"):
            probability = build_picture("Black 0, pale yellow 1")
        with gr.Tab("Cut-out", visible=not experiment.thin):
            cutout = build_picture("Transparent PNG, at most 1,200 pixels", kind="png", image_mode="RGBA")
    threshold = gr.Slider(
        0.01, 0.99, 0.5, step=0.01, label="Threshold",
        info="Probability from which a pixel counts as foreground. Moving it does not run the network again.",
    )  # fmt: skip
    share = gr.Textbox(label=experiment.share_title, interactive=False, elem_classes="share", max_lines=1)
    lines = gr.JSON(label="Width and course of the lines", visible=False)
    measured = gr.Markdown("", elem_classes="notes", visible=experiment.thin)
    said = gr.Markdown(EMPTY, elem_classes="notes")
    return _Parts(view, overlay, probability, cutout, threshold, share, lines, measured, said, build_times())


def _follow_threshold(parts: _Parts, experiment: Experiment) -> None:
    """Show the kept prediction anew whenever the threshold is moved."""
    parts.threshold.input(
        _redraw, [parts.view, parts.threshold], [parts.overlay, parts.share], show_progress="hidden",
        trigger_mode="always_last", api_visibility="private",
    )  # fmt: skip
    parts.threshold.input(  # not on release alone: the number and the arrow keys move it too
        lambda seen, value: (
            None if experiment.thin or seen is None else seen.cutout(value), _measure(seen, value)
        ),
        [parts.view, parts.threshold], [parts.cutout, parts.lines], show_progress="hidden",
        trigger_mode="always_last", api_visibility="private",
    )  # fmt: skip
    parts.lines.change(_say_lines, parts.lines, parts.measured, api_visibility="private", queue=False)


def _redraw(view: SegmentationView | None, threshold: float) -> Any:
    """Show the kept prediction at another threshold."""
    if view is None:
        return None, ""
    return (view.pixels, view.overlay(threshold)), f"{100 * view.share(threshold):.2f} %"


def _measure(view: SegmentationView | None, threshold: float) -> dict[str, float] | None:
    return view.measure(threshold) if view is not None else None


def _say_lines(lines: Any) -> str:
    """Return the measures of thin structures in two lines; nothing where there are none, whatever a request sends."""
    names = ("width", "widest", "tortuosity", "pieces", "length")
    if not isinstance(lines, dict) or not all(isinstance(lines.get(name), int | float) for name in names):
        return ""
    return (
        f"**Mean width {lines['width']:.1f} pixels** (95 % are below {lines['widest']:.1f}), **tortuosity "
        f"{lines['tortuosity']:.3f}** over {lines['pieces']:.0f} pieces, {lines['length']:,.0f} pixels of centre line, "
        f"in pixels of the picture as it was read.  \n{LINES}"
    )
