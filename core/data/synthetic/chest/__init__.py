"""Synthetic chest radiographs: thorax, bones, soft tissue, and the signs of pneumonia. Begin with `make.py`."""
