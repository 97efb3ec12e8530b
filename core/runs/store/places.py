"""Names of the folders among a run's files that more than one part of the program knows."""

ANSWERS = "answers"
"""An ``.npz`` for each epoch: what was answered for each held-back picture."""
