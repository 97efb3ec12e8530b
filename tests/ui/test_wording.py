import pytest

from core.ui.wording import say_data, say_duration, say_left, say_number, say_value


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (float("nan"), "–"), (0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3605, "1 h 00 min"),
     (90_061, "25 h 01 min")],
)  # fmt: skip
def test_a_span_of_time_reads_as_people_say_it(seconds: float | None, words: str) -> None:
    assert say_duration(seconds) == words


@pytest.mark.parametrize(("seconds", "words"), [(None, "being estimated"), (1, "about 5 s"), (43, "about 45 s"),
                                                (127, "about 2 min 10 s"), (3000, "about 50 min 00 s")])  # fmt: skip
def test_an_estimate_is_no_more_exact_than_it_can_be(seconds: float | None, words: str) -> None:
    assert say_left(seconds) == words


def test_values_read_as_they_are_typed() -> None:
    assert [say_value(each) for each in (True, False, 4e-3, 1e-7, 20, "rgb")] == [
        "on",
        "off",
        "0.004",
        "1e-07",
        "20",
        "rgb",
    ]
    assert (say_number(None), say_number(float("nan")), say_number(0.81234)) == ("–", "–", "0.8123")
    assert (say_data("synthetic"), say_data("/data/DRIVE")) == ("drawn pictures", "DRIVE")
