"""The Runs page: the table in `table.py`, one run in `run.py` with a module for each of its tabs."""
