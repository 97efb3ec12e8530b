"""Synthetic satellite tiles: a landscape, and what covers its ground. Begin with `make.py`."""
