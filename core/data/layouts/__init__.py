"""How data sets lie on disk: one module recognises one layout and gives a `DatasetSpec`.

Begin with `pairs.py` (images with masks) or `classes.py` (images with a class each). What is left out is counted and
told.
"""
