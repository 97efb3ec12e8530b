"""Synthetic small images of ten shapes in five coats. Begin with `make.py`."""
