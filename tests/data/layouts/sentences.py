"""What a refusal or a note must say, whatever its words are: the values that were given, and those that are allowed."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from core.errors import UserError


def assert_names(sentence: str, *values: object) -> None:
    """Fail unless it is one sentence that shows all these values."""
    assert "\n" not in sentence, sentence
    assert sentence.endswith("."), sentence
    missing = [str(value) for value in values if str(value) not in sentence]
    assert not missing, f"{missing} not in: {sentence}"


@contextmanager
def refuses(*values: object) -> Iterator[pytest.ExceptionInfo[UserError]]:
    """Expect a refusal in one sentence that shows all these values."""
    with pytest.raises(UserError) as caught:
        yield caught
    assert_names(str(caught.value), *values)


def find_note(found: object, *values: object) -> str:
    """Return the note that names all these values; there has to be one."""
    notes: tuple[str, ...] = found.notes  # type: ignore[attr-defined]
    fitting = [note for note in notes if all(str(value) in note for value in values)]
    assert fitting, f"{values} in none of {notes}"
    assert_names(fitting[0])
    return fitting[0]
