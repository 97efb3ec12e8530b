"""Synthetic data sets: every experiment runs, and is tested, without a download.

Each package or module draws one kind of image from a seed and writes it in the layout of the real set; begin with a
package's `make.py`. Nothing outside this folder knows how they are drawn.
"""
