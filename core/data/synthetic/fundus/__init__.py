"""Synthetic fundus photographs: a retina and the vessel tree on it. Begin with `make.py`."""
