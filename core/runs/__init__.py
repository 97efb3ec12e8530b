"""Runs: how a training is recorded, queued, started in a process of its own, followed, stopped and resumed.

Begin with `run.py` (what a run is), `launcher.py` and `training.py`. Torch is loaded only where a run trains.
"""
