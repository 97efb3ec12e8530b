"""A checkpoint made usable: one image in, a prediction out. One module for each kind of answer.

Begin with `predictor.py`.
"""
