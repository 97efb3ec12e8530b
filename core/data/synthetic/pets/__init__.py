"""Synthetic images of cats and dogs with their masks. Begin with `make.py`."""
