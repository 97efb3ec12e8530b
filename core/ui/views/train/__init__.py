"""The Train page: the form in `form.py`, and what stands below it in `start.py`."""
