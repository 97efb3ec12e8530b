"""Synthetic photographs of household things, to pre-train on. Begin with `make.py`."""
