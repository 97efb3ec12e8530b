"""Synthetic inspection images: a surface, and the defects on it. Begin with `make.py`."""
