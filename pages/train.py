"""Train: from a question to a run."""

import streamlit as st

from core.public import public_limits
from core.ui.views.train.form import back_to_recipe, find_choice, show_all_knobs, show_data, show_identity
from core.ui.views.train.start import check, show_reported, show_start, show_started

show_started()
st.title("Train", anchor=False)
if limits := public_limits():
    st.caption(f":material/public: {limits.say()}")
choice = find_choice()
form, start = st.columns([7, 4], gap="large")
with form:
    show_identity(choice)
    show_data(choice.experiment)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.header("Knobs", anchor=False)
        if choice.changes:
            label = f"Back to the recipe ({len(choice.changes)} changed)"
            st.button(label, key="back-to-recipe", icon=":material/undo:", on_click=back_to_recipe, args=(choice,))
    show_all_knobs(choice)
with start:
    with st.container(border=True, key="stays"):
        config, said = check(choice)
        show_start(choice, config, said)
    show_reported(choice)
    if choice.experiment.caution:
        st.caption(f":material/info: {choice.experiment.caution}")
