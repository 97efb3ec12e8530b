"""The Inspect page: one run looked at closely. Begin with `run.py`."""
