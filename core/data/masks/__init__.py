"""What the masks of a data set mean, decided for the whole set at once and told to the user.

Begin with `values.py`. Where masks lie is the business of `layouts/`.
"""
