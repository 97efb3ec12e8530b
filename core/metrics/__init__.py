"""Scores accumulated over a whole split, with a row for each image, because verdicts need those."""
