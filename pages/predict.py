"""Predict: the Gradio demos, embedded."""

from urllib.parse import urlencode

import streamlit as st

st.title("Try a model on a picture", anchor=False)
chosen = {key: st.query_params[key] for key in ("experiment", "run") if key in st.query_params}
address = "/gradio/?" + urlencode(chosen)
st.markdown(
    "Choose a model, bring a picture or take an example. The first time takes a few seconds, until the networks are "
    f'loaded. <a href="{address}" target="_blank">Open on a page of its own</a>',
    unsafe_allow_html=True,
)
theme = st.context.theme.type
st.iframe(address + ("&" if chosen else "") + urlencode({"__theme": theme or "light"}), height=1100, alt="Demo")
