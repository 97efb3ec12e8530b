"""The training loop, whatever is learned: steps, epochs, checkpoints, device and number format.

Begin with `trainer.py`; `stepper.py` is the only place that calls backward. No task, no data set and no run is known
here.
"""
