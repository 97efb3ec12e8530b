"""How data sets lie on disk: a module recognises those of one kind of set and gives a `DatasetSpec`.

Begin with `pairs.py` (images with masks) or `classes.py` (images with a class each). What is left out is counted and
told.
"""
