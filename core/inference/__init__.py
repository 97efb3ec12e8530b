"""Trained checkpoints at work: predictions, explanations, evaluation, export. Begin with `predictors/predictor.py`."""
