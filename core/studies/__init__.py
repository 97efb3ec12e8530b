"""Runs made to be compared: which belong together, and what may be claimed of them.

Begin with `study.py` and `verdict.py`.
"""
