"""Data sets: what lies on disk, how it is read safely, and how it becomes batches.

Begin with `dataset.py` (what a data set is), then `layouts/` (how it is found on disk) and `torch_datasets/` (how it
is fed to a network). No module here knows a model, a task or a run.
"""
