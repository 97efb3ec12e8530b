"""What every widget has: a choice of models, boxes for pictures, a button, examples, and how they are joined."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr

from core.errors import UserError
from core.experiments.experiment import Experiment
from core.inference.comparing import compare
from core.inference.predictors.predictor import DoubtError, Prediction, Predictor
from core.ui.shared.model_choice import first_choice, learnt_from_drawn, list_choices, list_shipped, open_predictor
from core.ui.widgets.comparison import NONE, ComparisonPlace, show_comparison
from core.ui.widgets.examples import DRAWN, is_example, list_examples
from core.ui.widgets.inputs import PictureInput
from core.ui.widgets.refusals import told
from core.ui.widgets.scroll_to_answer import ANSWER, go_to_answer
from core.ui.widgets.zero_gpu import lend_gpu

ResultT = TypeVar("ResultT")
NO_SECOND = ("None", "")
WITHHELD = "No answer is shown, because the picture looks wrong. Tick *Use it all the same* to see it."
FAILED = "There is no answer; the message says why."
DRAWN_MODEL = (
    "This model learnt from drawn pictures alone: it shows how things work, not what is possible. Expect little of it "
    "on real pictures; train one on your own."
)
AT_ONCE = 2
"""Requests of one experiment that are worked on at a time: one is read or drawn while another is in the network. Each
experiment has a queue of its own, so that a long answer of one does not hold up the others."""
EMPTY = "Give a picture: drop a file on the box, paste one, or click an example below it."


@dataclass(frozen=True)
class _Left:
    """The left side of a widget.

    Attributes:
        model: Which model answers.
        pictures: Boxes for pictures.
        run: The button.
        examples: Drawn pictures to click, made by ``gr.Examples``; None where there are none.
        second: Another model to compare with, or none.
    """

    model: gr.Dropdown
    pictures: tuple[PictureInput, ...]
    run: gr.Button
    examples: Any
    second: gr.Dropdown


@dataclass(frozen=True)
class Question(_Left):
    """What is asked, and what is said first where the picture looks wrong.

    Attributes:
        doubt: Says why; it stands where the answer is missed.
        trusted: Asks for an answer nevertheless.
    """

    doubt: gr.Markdown
    trusted: gr.Checkbox


@dataclass(frozen=True)
class Shown:
    """Where an answer goes.

    Attributes:
        outputs: What a widget's function returns, in order; after them comes what :func:`answer` adds.
        empty: What the outputs show without a picture.
        compared: Where a second model's answer goes.
    """

    outputs: Sequence[Any]
    empty: Sequence[Any]
    compared: ComparisonPlace


def _build_left(experiment: Experiment, *, verb: str, pictures: Sequence[str] = ("Picture",)) -> _Left:
    """Lay out the left side; must be called inside ``gr.Blocks``.

    Args:
        experiment: Whose models.
        verb: What the button says.
        pictures: A label for each picture that the models take.
    """
    shipped = list_shipped(experiment)
    model = gr.Dropdown(
        shipped,
        value=shipped[0][1] if shipped else None,
        label="Model",
        allow_custom_value=True,
        info="Shipped models first, then your runs." if shipped else "Your runs, the newest first.",
    )
    second = gr.Dropdown(
        [NO_SECOND, *shipped], value="", label="Second model, to compare", allow_custom_value=True,
        info="Both answer the same picture, and where they differ is said.",
    )  # fmt: skip
    known = say_drawn(str(model.value or ""))
    drawn = gr.Markdown(known, visible=bool(known), elem_classes="notes")
    model.change(_show_drawn, model, drawn, api_visibility="private", queue=False)
    boxes = tuple(
        PictureInput(label=label, sources=["upload", "clipboard", "webcam"], height=300 if len(pictures) == 1 else 220)
        for label in pictures
    )
    run = gr.Button(verb, variant="primary")
    rows = list_examples(experiment, len(boxes))
    examples = gr.Examples(rows, list(boxes), label="Examples (drawn)") if rows else None
    if experiment.caution:
        gr.Markdown(experiment.caution, elem_classes="caution")
    return _Left(model, boxes, run, examples, second)


def say_drawn(model: str | None) -> str:
    """Return what is to be expected of a model that knows drawn pictures alone; empty for others."""
    return DRAWN_MODEL if model and learnt_from_drawn(model) else ""


def _show_drawn(model: str | None) -> Any:
    text = say_drawn(model)
    return gr.Markdown(text, visible=bool(text))


@contextmanager
def beside_question(experiment: Experiment, *, pictures: Sequence[str] = ("Picture",)) -> Iterator[Question]:
    """Lay out the left side; what is made within the block stands on the right. Must be called inside ``gr.Blocks``."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=300):
            left = _build_left(experiment, verb=experiment.verb, pictures=pictures)
        with gr.Column(scale=3, min_width=300, elem_classes=ANSWER):
            doubt = gr.Markdown("", visible=False, elem_classes="doubt")
            trusted = gr.Checkbox(False, label="Use it all the same", visible=False)
            yield Question(**vars(left), doubt=doubt, trusted=trusted)


def build_swipe(*, position: int, label: str = "Picture | result: drag the line", **more: Any) -> gr.ImageSlider:
    """Return a picture and its result with a line between them to drag, which starts at this per cent of the width.

    Args:
        position: Per cent.
        label: What stands over it.
        more: Gradio's.
    """
    return gr.ImageSlider(
        label=label, format="jpeg", slider_position=position, interactive=False, max_height=620, **more
    )  # fmt: skip


def build_times() -> gr.JSON:
    """Return the place of the milliseconds, which only the API shows."""
    return gr.JSON(label="Milliseconds", visible=False)


def join(
    demo: gr.Blocks, experiment: Experiment, question: Question, predict: Callable[..., Any], *,
    shown: Shown, extras: Sequence[Any] = (), later: Sequence[Any] = (),
) -> None:  # fmt: skip
    """Let the button, an upload and an example ask for a prediction, and a cleared picture clear the answer.

    Args:
        demo: The widgets.
        experiment: Its slug names the function in the HTTP API.
        question: The left side.
        predict: Takes the pictures, the model's name, the extras, the second model's name, whether the picture is
            trusted, and the later ones; its signature and docstring are the API's text.
        shown: Where its answer goes.
        extras: Further inputs.
        later: Inputs that came when programs already relied on the order of the others.
    """
    asking = _Asking(
        question, lend_gpu(name_tool(predict, experiment)), empty=(*shown.empty, "", *NONE),
        asked={
            "inputs": [*question.pictures, question.model, *extras, question.second, question.trusted, *later],
            "outputs": [*shown.outputs, question.doubt, *shown.compared.parts],
            "concurrency_id": experiment.slug,
            "concurrency_limit": AT_ONCE,
        },
    )  # fmt: skip
    asking.ask(question.run.click, asking.predict, api_name=experiment.slug, api_visibility="public")
    asking.follow_pictures()
    switches: list[Any] = [each for each in later if isinstance(each, gr.Checkbox)]
    for control in [question.model, question.second, question.trusted, *switches]:
        asking.ask(control.input, asking.predict_when_whole)
    _keep_in_view(question)
    question.doubt.change(
        _show_doubt, question.doubt, [question.doubt, question.trusted], api_visibility="private", queue=False
    )

    def refresh(request: gr.Request) -> Any:
        return _choices(experiment, str(request.query_params.get("run", "")))

    demo.load(refresh, outputs=[question.model, question.second], api_visibility="private")


@dataclass(frozen=True)
class _Asking:
    """What in a widget asks for a prediction, and what takes an answer away.

    Attributes:
        question: The left side.
        predict: The widget's function.
        empty: What all outputs show without a picture.
        asked: Inputs, outputs and queue of the function, as Gradio names them.
    """

    question: Question
    predict: Callable[..., Any]
    empty: tuple[Any, ...]
    asked: dict[str, Any]

    def ask(self, event: Any, function: Any, **more: Any) -> None:
        """Let an event call a function; where that fails, what stands there is of something else than what is named."""
        failed = tuple(FAILED if each is EMPTY else each for each in self.empty)
        asking = event(function, **{"api_visibility": "private", **more}, **self.asked)
        asking.failure(lambda: failed, None, self.asked["outputs"], api_visibility="private", queue=False)

    def predict_when_whole(self, *given: Any) -> Any:
        """Predict if no picture is missing, else leave everything as it is."""
        whole = all(each is not None for each in given[: len(self.question.pictures)])
        return self.predict(*given) if whole else tuple(gr.skip() for _ in self.asked["outputs"])

    def follow_pictures(self) -> None:
        """Ask with each picture that is given, and show nothing where one is taken away."""
        for box in self.question.pictures:
            # A second picture that comes while the first is worked on is not dropped, as Gradio would.
            self.ask(self._renewed(box.upload).then, self.predict_when_whole, trigger_mode="always_last")
        if self.question.examples is not None:
            self.ask(self._renewed(self.question.examples.load_input_event.then).then, self.predict)
        for box in self.question.pictures:
            box.clear(lambda: self.empty, None, self.asked["outputs"], api_visibility="private", queue=False)

    def _renewed(self, event: Any) -> Any:
        """Forget what was insisted on for the picture before; the rest waits for it."""
        return event(_forget_trust, None, self.question.trusted, api_visibility="private", queue=False)


def name_tool(predict: Callable[..., Any], experiment: Experiment) -> Callable[..., Any]:
    """Return a function that calls itself by its experiment and says what it is about.

    Language models (MCP) see nothing of it but its name and its text, and choose by these.
    """
    first, break_, rest = (predict.__doc__ or "").strip().partition("\n")
    about = " ".join(each for each in (f"{experiment.title}: {first}", experiment.caution) if each)
    predict.__name__, predict.__doc__ = experiment.slug, about + break_ + rest
    return predict


def _keep_in_view(question: Question) -> None:
    """Let a narrow page follow what was asked for; where two pictures are needed, the first one alone asks nothing."""
    go_to_answer(question.run.click)
    go_to_answer(question.trusted.input)
    if question.examples is not None:
        go_to_answer(question.examples.load_input_event.then)
    if len(question.pictures) == 1:
        go_to_answer(question.pictures[0].upload)


def _forget_trust() -> Any:
    return gr.Checkbox(False, visible=False)


def _show_doubt(text: str) -> tuple[Any, Any]:
    return gr.Markdown(visible=bool(text)), gr.Checkbox(visible=bool(text))


def _choices(experiment: Experiment, wanted: str) -> tuple[Any, Any]:
    """Return the models of this moment, to ask and to compare with; the one in the page's address is chosen."""
    choices = list_choices(experiment)
    names = [name for _, name in choices]
    chosen = next((name for name in names if wanted and name.startswith(wanted)), names[0] if names else None)
    return gr.Dropdown(choices, value=chosen), gr.Dropdown([NO_SECOND, *choices], value="")


def answer(
    ask_of: Callable[[str, bool], ResultT], models: tuple[str, str | None], *, trusted: bool,
    show: Callable[[ResultT], Sequence[Any]], empty: Sequence[Any],
) -> tuple[Any, ...]:  # fmt: skip
    """Return what a widget shows: the answer, the doubt about the picture, and what a second model says.

    Args:
        ask_of: Gives the prediction of a model by its name; the flag says whether the picture is trusted.
        models: The first and the second model's names; the second empty where there is none.
        trusted: Whether an answer is wanted although the picture looks wrong.
        show: Makes the widget's outputs of a prediction.
        empty: What these are where the answer is withheld; the notes say that it is.
    """
    first, second = models

    def act() -> tuple[Any, ...]:
        try:
            prediction = ask_of(first, trusted)
        except DoubtError as doubt:
            return (*(WITHHELD if each is EMPTY else each for each in empty), str(doubt), *NONE)
        other = compare(prediction, ask_of(second, True)) if second else None
        return (*show(prediction), getattr(prediction, "doubt", ""), *show_comparison(other))

    return told(act)


def asker(experiment: Experiment, picture: str | bytes | None) -> Callable[[str, bool], Any]:
    """Return what asks a model by its name for a prediction of a picture as the box gave it.

    Raises:
        UserError: When called, if there is no picture, it cannot be read, or there is no such model.
    """

    def ask_of(model: str, trusted: bool) -> Any:
        source = source_of(picture)
        predictor, own = choose_predictor(experiment, model), is_example(experiment, source)
        prediction = predictor.predict_file(source, trusted=trusted or own)
        if not own:
            return prediction
        said = () if learnt_from_drawn(predictor.checkpoint.name) else (DRAWN,)
        return replace(prediction, doubt="", notes=(*prediction.notes, *said))

    return ask_of


def source_of(picture: str | bytes | None, empty: str = EMPTY) -> Path | bytes:
    """Return what can be read as a picture of what a box gave.

    Raises:
        UserError: If there is none, with these words.
    """
    if picture is None:
        raise UserError(empty)
    return picture if isinstance(picture, bytes) else Path(picture)


def choose_predictor(experiment: Experiment, model: str) -> Predictor:
    """Return the predictor of a model, or of the first one where none was chosen.

    Raises:
        UserError: If there is no such model.
    """
    return open_predictor(model or first_choice(experiment), experiment.slug)


def say_times(prediction: Prediction) -> str:
    """Say how long each part took and what was done to the picture."""
    parts = prediction.milliseconds
    times = ", ".join(f"{part} {value:.0f}" for part, value in parts.items())
    return "  \n".join([f"{sum(parts.values()):.0f} ms: {times}.", *prediction.notes])


def round_times(prediction: Prediction) -> dict[str, float]:
    """Return the milliseconds of each part for the API."""
    return {part: round(value, 1) for part, value in prediction.milliseconds.items()}
