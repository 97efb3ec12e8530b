"""The processes that train: how they are started, forked, counted, watched, and why they ended.

Begin with `worker.py`.
"""
