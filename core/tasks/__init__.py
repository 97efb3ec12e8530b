"""Kinds of learning problem: from a batch to a loss, from a split to its scores. Begin with `classification.py`."""
