"""The record of runs over MLflow tracking. Begin with `run_store.py`, their only reader and writer."""
