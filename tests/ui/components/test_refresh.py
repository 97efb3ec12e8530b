import pytest

from core.ui.components.refresh import FORGOTTEN, LONGEST, SHARE, Viewers, has_changed


@pytest.mark.parametrize(
    ("count", "cost", "pause"), [(1, 0.01, 1.0), (2, 0.01, 1.0), (20, 0.012, 8.0), (20, 5.0, LONGEST)]
)
def test_all_viewers_together_take_a_small_share(count: int, cost: float, pause: float) -> None:
    viewers = Viewers(cores=2)
    for round_number in range(5):
        for number in range(count):
            viewers.note(str(number), cost, float(round_number))
    assert viewers.pause() == pytest.approx(pause)
    if 1.0 < pause < LONGEST:
        assert count * cost / viewers.pause() == pytest.approx(SHARE * 2)


def test_who_has_gone_no_longer_counts() -> None:
    viewers = Viewers(cores=2)
    for number in range(50):
        viewers.note(str(number), 0.012, 0.0)
    assert viewers.pause() == pytest.approx(20.0)
    viewers.note("last", 0.012, FORGOTTEN + 1)
    assert viewers.pause() == 1.0


def test_drawing_is_measured_even_if_it_is_broken_off() -> None:
    viewers = Viewers(cores=1)
    with pytest.raises(RuntimeError), viewers.drawing("me"):
        sum(range(5_000_000))
        raise RuntimeError
    assert viewers.pause() > 1.0
    assert has_changed(1.0, 4.0)
    assert has_changed(4.0, 1.0)
    assert not has_changed(1.0, 1.4)
