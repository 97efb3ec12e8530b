"""Changes of arrays in memory: resizing, colours, noise, fields of view, augmentation.

Begin with `arrays.py`, which names the arrays. Nothing here opens a file.
"""
