"""Two segmentations on the same pictures: where they differ most, and the errors of both over one picture."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.engine.score import Score
from core.errors import UserError
from core.inference.scores import kept_scores
from core.runs.store.run_store import RunStore
from core.studies.comparison import Side
from core.ui.components.error_overlay import show_errors
from core.ui.shared.formatting import as_text
from core.ui.views.inspect.masks import checked, choose_class, draw_small, say_if_shrunk, show_row

PICTURE = "differ-picture"
MOST = 5


def show_mask_differences(
    store: RunStore, sides: tuple[Side, Side], split: str, names: Sequence[str], values: NDArray[np.float64],
    score: Score,
) -> None:  # fmt: skip
    """Draw the pictures on which two sides differ most, and what each of them gets wrong on one.

    Args:
        store: Where runs are recorded.
        sides: The two.
        split: On which they were scored.
        names: Of the pictures.
        values: ``(2, N)``, the score of each picture by each side, the mean over its seeds.
        score: What is compared.
    """
    gain = (values[1] - values[0]) * (1 if score.higher_is_better else -1)
    order = [int(each) for each in np.argsort(-np.abs(gain), kind="stable")]
    said = {names[each]: f"{names[each]} · {values[0][each]:.3f} · {values[1][each]:.3f}" for each in order}
    key = f"{PICTURE}-{'-'.join(side.runs[0].id for side in sides)}-{split}"
    if st.session_state.get(key) not in said:
        asked = st.query_params.get("picture", "")
        st.session_state[key] = asked if asked in said else next(iter(said))
    try:
        _show_lists(sides, split, [names[each] for each in order], [float(gain[each]) for each in order], said, key)
        name = st.selectbox("Looked at closely, by how much they differ", list(said), key=key,
                            format_func=said.__getitem__)  # fmt: skip
        st.query_params["picture"] = str(name)
        _show_both(store, sides, split, str(name))
    except UserError as error:
        st.info(as_text(error), icon=":material/info:")


def _show_lists(
    sides: tuple[Side, Side], split: str, names: Sequence[str], gain: Sequence[float], said: dict[str, str], key: str
) -> None:  # fmt: skip
    better = {
        sides[1].name: [name for name, each in zip(names, gain, strict=True) if each > 0],
        sides[0].name: [name for name, each in zip(names, gain, strict=True) if each < 0],
    }
    run = sides[0].runs[0]
    shown = tuple(name for found in better.values() for name in found[:MOST])
    small = draw_small(run.id, run.best_epoch, split, shown)
    for title, found in better.items():
        st.markdown(f"**{as_text(title)} is better** on {len(found)} of {len(names)} pictures"
                    f"{'; most of all on these' if found else ''}")  # fmt: skip
        show_row(found[:MOST], small, {name: said[name].partition(" · ")[2] for name in found[:MOST]}, key)


def _show_both(store: RunStore, sides: tuple[Side, Side], split: str, name: str) -> None:
    runs = [side.runs[0] for side in sides]
    scored = [kept_scores(store, run, split) for run in runs]
    rows = [each.rows[each.names.index(name)] for each in scored if each is not None]
    label = choose_class(runs[0], rows[0])
    seen = [(side.name, checked(run, split, name, label)) for side, run in zip(sides, runs, strict=True)]
    ids = "-".join(run.id for run in runs)
    show_errors(seen, key=f"{ids}-{split}-{name}-{label}", memory=ids)
    seeds = "" if all(len(side.runs) == 1 for side in sides) else " The scores are means over seeds, the picture is by "
    seeds += "the first seed of each." if seeds else ""
    say_if_shrunk(seen[0][1])
    st.caption(f"Move over the picture to see the other side; one threshold counts for both.{seeds}")
