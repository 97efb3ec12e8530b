"""Images that a split must not part: one patient's, copies of each other, identical files.

Begin with `patients.py`.
"""
