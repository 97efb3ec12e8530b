import re

import pytest

from core.ui.shared.formatting import as_text, say_data, say_duration, say_left, say_number, say_size, say_value


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (float("nan"), "–"), (0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3605, "1 h 00 min"),
     (90_061, "25 h 01 min")],
)  # fmt: skip
def test_a_span_of_time_is_rounded_to_the_units_that_matter(seconds: float | None, words: str) -> None:
    assert say_duration(seconds) == words


@pytest.mark.parametrize(("seconds", "words"), [(1, "5 s"), (43, "45 s"), (127, "2 min 10 s"), (3000, "50 min 00 s")])
def test_an_estimate_is_no_more_exact_than_it_can_be(seconds: float, words: str) -> None:
    assert say_left(seconds).endswith(words)


def test_what_cannot_be_estimated_yet_is_no_number() -> None:
    assert re.fullmatch(r"\D+", say_left(None))


def test_values_read_as_they_are_typed() -> None:
    assert [say_value(each) for each in (4e-3, 1e-7, 20, "rgb")] == ["0.004", "1e-07", "20", "rgb"]
    assert say_value(True) != say_value(False)
    assert not {say_value(True), say_value(False)} & {"True", "False", "1", "0"}, "as people switch"
    assert (say_number(None), say_number(float("nan")), say_number(0.81234)) == ("–", "–", "0.8123")
    assert say_data("/data/DRIVE") == "DRIVE"


def test_bytes_are_said_in_the_unit_that_is_read_best() -> None:
    assert [say_size(each) for each in (2048, 3 << 20, 5 << 29)] == ["2 KiB", "3.0 MiB", "2.5 GiB"]


@pytest.mark.parametrize(
    "given",
    [
        "![a](http://b.example/c.png)",
        "[a](http://b.example)",
        "`![a](u)`",
        "``![a](u)``",
        "`a``![a](u)`",
        "# head",
        "<b>",
        "a_b_c *d*",
        ":red[x]",
        "`![a](u)",
    ],
)
def test_what_somebody_typed_stays_text(given: str) -> None:
    shown = as_text(f"The run {given!r} is not known; `python -m core runs` lists them.")
    outside = re.sub(r"(?<!`)`[^`]+`(?!`)", "", shown)
    assert not re.search(r"(?<!\\)([\[\]<>*#]|:(?=//))", outside)
    assert as_text("`python -m core runs` lists them.") == "`python -m core runs` lists them."
    assert len(as_text("a" * 100_000)) < 2000
