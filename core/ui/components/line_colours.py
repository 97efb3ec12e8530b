"""The colours that runs and sides have had for a visitor, so that another choice does not change them."""

from collections.abc import Sequence

import streamlit as st

from core.studies.comparison import Side
from core.studies.line_styles import assign_styles

STYLES = "line-styles"


def styles_of_runs(ids: Sequence[str]) -> list[int]:
    """Return the style of each run by its id; see :func:`core.studies.line_styles.assign_styles`."""
    kept: dict[str, int] = st.session_state.setdefault(STYLES, {})
    found = assign_styles(ids, kept)
    kept.update(found)
    return [found[each] for each in ids]


def styles_of_sides(sides: Sequence[Side]) -> list[int]:
    """Return the style of each side: that of its oldest run, which more seeds do not change."""
    return styles_of_runs([side.oldest.id for side in sides])
