"""Images as tensors: data sets for PyTorch, their augmentation and their batches.

Begin with `classification.py` or `masked.py`. They take a `DatasetSpec` and never look for files.
"""
