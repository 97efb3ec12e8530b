"""One segmentation looked at closely: its worst and best pictures, their errors, and what spoke for a region."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core.data.transforms.arrays import Pixels, resize, shrink_to
from core.engine.score import Score
from core.errors import UserError
from core.inference.scores import Scored, kept_scores
from core.runs.run import Run
from core.runs.store.run_store import RunStore
from core.studies.comparison import score_of
from core.ui.components.error_overlay import show_errors
from core.ui.components.refresh import follow
from core.ui.shared.formatting import as_text
from core.ui.views.compare.scoring import SPLITS, is_scoring, show_way_to_scores

if TYPE_CHECKING:
    from core.inference.image_errors import CheckedPicture

MASKED = ("segmentation", "semantic")
"""Kinds of problem whose answer is a region of a picture."""
SPLIT, PICTURE, CLASS, LOOKS, REGION = (
    f"inspect-mask-{each}" for each in ("split", "picture", "class", "looks", "region")
)
WORST, BEST = 4, 3
THUMBNAIL, EXPLAINED = 110, 640
DOWN, ACROSS = ("upper", "middle", "lower"), ("left", "centre", "right")


def show_masks(store: RunStore, run: Run) -> None:
    """Draw the pictures of a split from the worst to the best, and one of them closely."""
    if SPLIT not in st.session_state and st.query_params.get("split") in SPLITS:
        st.session_state[SPLIT] = st.query_params["split"]
    st.session_state.setdefault(SPLIT, next(iter(SPLITS)))
    split = st.segmented_control("Split", list(SPLITS), key=SPLIT, required=True, format_func=SPLITS.__getitem__)
    st.query_params["split"] = str(split)
    moving = is_scoring(store, [run], str(split))
    follow(_show, store, run, str(split), moving, moving=moving)


def _show(store: RunStore, run: Run, split: str, was_moving: bool) -> None:
    if is_scoring(store, [run], split) != was_moving:
        st.rerun()
    scored = kept_scores(store, run, split)
    if scored is None:
        show_way_to_scores(store, [run], split, what="Worst and best need")
        return
    score = score_of(run)
    order = ranked(scored, score)
    if not order:
        st.info("No picture of this split has a score of its own.", icon=":material/info:")
        return
    try:
        name = _choose_picture(run, split, scored, order, score)
        _show_closely(run, split, name, scored)
    except UserError as error:
        st.info(as_text(error), icon=":material/info:")


def ranked(scored: Scored, score: Score) -> list[int]:
    """Return the numbers of the pictures that have a score of their own, from the worst to the best."""
    values = np.array([row.get(score.key, np.nan) for row in scored.rows], np.float64)
    order = np.argsort(values if score.higher_is_better else -values, kind="stable")
    return [int(each) for each in order if np.isfinite(values[each])]


def _choose_picture(run: Run, split: str, scored: Scored, order: Sequence[int], score: Score) -> str:
    """Draw small pictures of the worst and the best, and the choice among all; return the chosen one's name."""
    said = {scored.names[each]: f"{scored.names[each]} · {scored.rows[each][score.key]:.3f}" for each in order}
    names, key = list(said), f"{PICTURE}-{run.id}-{split}"
    if st.session_state.get(key) not in said:
        asked = st.query_params.get("picture", "")
        st.session_state[key] = asked if asked in said else names[0]
    first = min(WORST, max(1, len(names) - BEST))
    worst, best = names[:first], names[first:][-BEST:][::-1]
    small = draw_small(run.id, run.best_epoch, split, (*worst, *best))
    columns = st.columns([WORST, BEST])
    for title, shown, column in (("Worst", worst, columns[0]), ("Best", best, columns[1])):
        with column:
            st.markdown(f"**{title}** by {score.title} of the picture alone" if shown else "")
            show_row(shown, small, {name: said[name].rpartition(" · ")[2] for name in shown}, key)
    chosen = st.selectbox("Looked at closely, from the worst to the best", names, key=key, format_func=said.__getitem__)
    st.query_params["picture"] = chosen
    return str(chosen)


def show_row(names: Sequence[str], small: dict[str, Pixels], said: dict[str, str], key: str) -> None:
    """Draw small pictures, each over a button that chooses it.

    Args:
        names: Of the pictures.
        small: ``(s, s, 3)`` of each, as far as they can be opened.
        said: Stands on the button of each.
        key: Where the chosen name is kept.
    """

    def choose(name: str) -> None:
        st.session_state[key] = name

    with st.container(horizontal=True, gap="small"):
        for name in names:
            with st.container(width=THUMBNAIL, gap=None):
                if name in small:
                    st.image(small[name], width="stretch")
                chosen = st.session_state[key] == name
                st.button(
                    said[name], key=f"{key}-{name}", help=name, width="stretch",
                    type="primary" if chosen else "secondary", on_click=choose, args=(name,),
                )  # fmt: skip


@st.cache_data(max_entries=64, show_spinner="Opening the pictures …")
def draw_small(run_id: str, epoch: int, split: str, names: tuple[str, ...]) -> dict[str, Pixels]:  # noqa: ARG001
    """Return the middle squares of pictures of a split by name, small; the last few are kept."""
    from core.ui.shared.model_choice import open_predictor  # noqa: PLC0415 - torch takes seconds

    side = 2 * THUMBNAIL
    small = {}
    for batch in open_predictor(run_id).setup.build_pictures("", split, names):
        pixels = batch["picture"].pixels
        top, left = (max(0, (length - min(pixels.shape[:2])) // 2) for length in pixels.shape[:2])
        square = pixels[top : top + min(pixels.shape[:2]), left : left + min(pixels.shape[:2])]
        small[batch["picture"].name] = resize(shrink_to(square, side), (side, side))
    return small


def _show_closely(run: Run, split: str, name: str, scored: Scored) -> None:
    label = choose_class(run, scored.rows[scored.names.index(name)])
    seen = checked(run, split, name, label)
    threshold = show_errors([("", seen)], key=f"{run.id}-{split}-{name}-{label}", memory=run.id)
    say_if_shrunk(seen)
    _show_region(run, split, name, label, threshold)


def say_if_shrunk(seen: "CheckedPicture") -> None:
    """Say so where a picture is drawn smaller than it is."""
    if seen.is_shrunk:
        st.caption("Drawn smaller than the picture is; the numbers are counted at its own size.")


def choose_class(run: Run, row: Mapping[str, float]) -> int:
    """Draw the choice of the class that is looked for, the one that this picture is worst in first; 0 if one is."""
    classes = _classes(run)
    if len(classes) < 2:
        return 0
    values = {number: row.get(f"iou_{each}") for number, each in enumerate(classes)}
    order = sorted(values, key=lambda each: (values[each] is None, values[each] or 0.0))
    chosen = st.selectbox(
        "Class that is looked for", order, key=f"{CLASS}-{run.id}",
        format_func=lambda each: classes[each] + (" · not here" if values[each] is None
                                                  else f" · IoU {values[each]:.3f}"),
    )  # fmt: skip
    st.caption("A pixel is the class's where it beats the next best one: at 0.50 that is the network's own answer.")
    return int(chosen)


def _classes(run: Run) -> tuple[str, ...]:
    from core.ui.shared.model_choice import open_predictor  # noqa: PLC0415 - torch takes seconds

    classes: tuple[str, ...] = open_predictor(run.id).setup.traits.classes
    return classes


def checked(run: Run, split: str, name: str, label: int = 0) -> "CheckedPicture":
    """Return one picture of a split as a run's best weights see it; the last few are kept.

    Raises:
        UserError: If the weights or the data are gone.
    """
    return _check(run.id, run.best_epoch, split, name, label)


@st.cache_resource(max_entries=24, show_spinner="Asking the network …")
def _check(run_id: str, epoch: int, split: str, name: str, label: int) -> "CheckedPicture":  # noqa: ARG001 - the key
    from core.inference.image_errors import check_picture  # noqa: PLC0415 - torch takes seconds
    from core.ui.shared.model_choice import open_predictor  # noqa: PLC0415

    return check_picture(open_predictor(run_id), split, name, label)


def _show_region(run: Run, split: str, name: str, label: int, threshold: float) -> None:
    """Draw what spoke for a region of the answer, which the visitor chooses."""
    asked = st.toggle("Where it looks", key=LOOKS, help="Seg-Grad-CAM: the hotter a place, the more it spoke for the "
                      "region that is outlined.")  # fmt: skip
    if not asked:
        return
    from core.inference.explanations.seg_grad_cam import find_regions  # noqa: PLC0415 - torch takes seconds

    found = checked(run, split, name, label).found(threshold)
    regions = find_regions(found)
    if not regions:
        st.caption("Nothing is found at this threshold, so nothing spoke for it.")
        return
    whole = int(found.sum())
    said = {0: "Everything that is found"} | {
        number: f"{number}: {_place(each.row, each.column)}, {100 * each.size / whole:.1f} % of it"
        for number, each in enumerate(regions, 1)
    }
    number = st.selectbox("Region, the largest first", list(said), key=f"{REGION}-{run.id}-{name}-{threshold}",
                          format_func=said.__getitem__)  # fmt: skip
    drawn, layer = _explain(run.id, run.best_epoch, split, name, label, threshold, int(number))
    if layer is None:
        st.caption("This network does not name its deepest layers, so it cannot be asked.")
        return
    st.image(drawn, width=EXPLAINED)
    st.caption(
        f"Seg-Grad-CAM (Vinogradova et al., 2020) at the network's deepest layers, `{layer}`, by the weights of epoch "
        f"{run.best_epoch}. A place that is hot has been looked at; whether for a good reason, it does not say."
    )


def _place(row: float, column: float) -> str:
    down, across = DOWN[min(2, int(3 * row))], ACROSS[min(2, int(3 * column))]
    return "in the middle" if (down, across) == ("middle", "centre") else f"{down} {across}"


@st.cache_data(max_entries=64, show_spinner="Asking the network …")
def _explain(
    run_id: str, epoch: int, split: str, name: str, label: int, threshold: float, number: int
) -> tuple[Pixels, str | None]:
    from core.inference.explanations.grad_cam import overlay  # noqa: PLC0415
    from core.inference.explanations.seg_grad_cam import (  # noqa: PLC0415
        MappedNetwork,
        explain_region,
        find_regions,
        name_of_layer,
        outline,
    )
    from core.inference.image_errors import open_batch  # noqa: PLC0415 - torch takes seconds
    from core.ui.shared.model_choice import open_predictor  # noqa: PLC0415

    predictor, seen = open_predictor(run_id), _check(run_id, epoch, split, name, label)
    if not isinstance(predictor.network, MappedNetwork):
        return seen.pixels, None
    found = seen.found(threshold)
    region = find_regions(found)[number - 1].mask if number else found
    images = open_batch(predictor, split, name)["images"]
    heat = explain_region(predictor.network, images, region, label, predictor.compute_for(images))
    size = (seen.pixels.shape[0], seen.pixels.shape[1])
    return outline(overlay(seen.pixels, resize(heat, size)), region), name_of_layer(predictor.network)
