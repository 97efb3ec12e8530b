"""System: what this machine is, what waits, what lies on the disk, and the limits the user sets."""

import streamlit as st

from core.public import public_limits
from core.ui.components.open_store import open_store

st.title("System", anchor=False)
with st.spinner("Opening the store of runs …"):
    store = open_store()
    from core.ui.views.system import show_disk, show_limits, show_machine, show_places
show_machine(store)
if limits := public_limits():
    st.info(limits.say(), icon=":material/public:")
else:
    show_limits(store)
    show_disk(store)
    show_places(store)
