"""Out-of-distribution warning.

Whether an image is of the kind that a checkpoint was trained on. Begin with `detector.py`.
"""
