"""Home: what there is, what runs, where to begin."""

import streamlit as st

from core.experiments import catalogue
from core.ui.components.open_store import open_store
from core.ui.views.home.experiment_cards import show_card, show_scores
from core.ui.views.home.questions import show_first_questions

st.title("Train vision models and watch them learn", anchor=False)
st.markdown(
    "**Fovea** is a bench for training, comparing and trying vision models in the browser. "
    "It needs no account, no network and no GPU."
)

left, right = st.columns(2, gap="large")
with right:
    st.header("First steps", anchor=False)
    st.markdown(
        "1. **Train.** Press *Train* on a card, choose the recipe *Quick look* and press *Start training*.\n"
        "2. **Watch.** The page *Runs* shows the curves and what the model sees, epoch by epoch. Close the browser "
        "if you like: the training goes on.\n"
        "3. **Try.** Press *Try it on a picture* when the run has ended, or at any time before.\n"
        "4. **Compare.** A study trains both sides with several seeds and says whether one is better:"
    )
    show_first_questions()
left.header("Running now", anchor=False)
activity = left.container()

st.header("Experiments", anchor=False)
columns = st.columns(2, gap="medium")
places = {}
for number, experiment in enumerate(catalogue().values()):
    with columns[number % 2]:
        places[experiment.slug] = show_card(experiment)

with activity, st.spinner("Opening the store of runs …"):
    store = open_store()
    from core.runs.store.readable import readable
runs = readable(store.runs())
for slug, place in places.items():
    show_scores(place, catalogue()[slug], runs)
with activity:
    from core.ui.views.home.activity import show_activity

    show_activity(store, runs)
