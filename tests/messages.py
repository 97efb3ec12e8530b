"""What a message has to name, whatever its words and their order: its wording is no contract."""

import re


def naming(*values: object) -> str:
    """Return a pattern for :func:`pytest.raises` that a message of a line matches if it names every one of these."""
    return "".join(rf"(?=.*(?<!\w){re.escape(str(value))}(?!\w))" for value in values)
