"""One module for each kind of model: what its tab takes and shows. Begin with `classification.py`."""
