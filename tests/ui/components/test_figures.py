import numpy as np
import pytest

from core.studies.line_styles import colour_of
from core.ui.components.figures import TRAINING, VALIDATION, draw_costs, draw_losses, draw_runs, draw_sides, draw_steps
from core.ui.components.histories import Curve, smooth

NONE: Curve = (np.array([], np.int64), np.array([], np.float64))
BALANCE = (0.6931, "ln 2: balance")


def _curve(*values: float) -> Curve:
    return np.arange(1, len(values) + 1), np.array(values)


def test_one_loss_is_drawn_as_training_and_validation() -> None:
    figure = draw_losses([("", _curve(2, 1), _curve(3, 2))], log=False)
    assert [line["line"]["color"] for line in figure["data"]] == [TRAINING, VALIDATION]
    assert len({line["name"] for line in figure["data"]}) == 2
    assert "shapes" not in figure["layout"]


def test_each_of_two_losses_has_its_colour_and_validation_is_dashed() -> None:
    losses = [("discriminator", _curve(2, 1), _curve(3, 2)), ("generator", _curve(1, 2), _curve(2, 3))]
    lines = draw_losses(losses, log=False)["data"]
    assert ["discriminator" in line["name"] for line in lines] == [True, True, False, False]
    assert ["generator" in line["name"] for line in lines] == [False, False, True, True]
    colours = [line["line"]["color"] for line in lines]
    assert colours[0] == colours[1] != colours[2] == colours[3]
    assert [line["line"].get("dash") for line in lines] == [None, "dash", None, "dash"]


def test_a_loss_without_numbers_is_left_out() -> None:
    assert len(draw_losses([("", _curve(2, 1), NONE)], log=False)["data"]) == 1
    assert draw_losses([("", NONE, NONE)], log=False, level=BALANCE)["data"] == []


@pytest.mark.parametrize("log", [False, True])
def test_the_level_of_balance_is_drawn_over_steps_and_epochs(log: bool) -> None:
    steps = draw_steps([("generator", _curve(1, 2))], strength=0.5, log=log, level=BALANCE)
    epochs = draw_losses([("generator", _curve(1, 2), NONE)], log=log, level=BALANCE)
    for figure in (steps, epochs):
        (line,), (text,) = figure["layout"]["shapes"], figure["layout"]["annotations"]
        assert line["y0"] == line["y1"] == 0.6931
        assert text["text"] == "ln 2: balance"
        assert text["y"] == pytest.approx(np.log10(0.6931) if log else 0.6931)  # Plotly's text wants the exponent


def test_a_smoothed_side_is_the_mean_of_its_smoothed_seeds_over_the_faint_mean_as_told() -> None:
    seeds = [_curve(1, 5, 1, 5, 1), _curve(3, 7, 3, 7, 3)]
    plain = draw_sides([("one", seeds)], along="step", log=False)["data"]
    lines = draw_sides([("one", seeds)], along="step", log=False, strength=0.8)["data"]
    assert len(lines) == len(plain) + 1
    low, high, raw, mean = lines
    assert raw["y"].tolist() == [2, 6, 2, 6, 2]
    assert raw["opacity"] < 1
    assert not raw["showlegend"]
    wanted = np.mean([smooth(values, 0.8) for _, values in seeds], axis=0)
    assert mean["y"] == pytest.approx(wanted)
    assert (low["y"] <= mean["y"]).all()
    assert (mean["y"] <= high["y"]).all()
    assert np.ptp(mean["y"]) < np.ptp(raw["y"])


def test_runs_and_sides_are_drawn_in_the_styles_that_they_are_given() -> None:
    curves = [("one", _curve(1, 2)), ("other", _curve(2, 3))]
    runs = draw_runs(curves, along="epoch", log=False, styles=[5, 9])["data"]
    assert [line["line"]["color"] for line in runs] == [colour_of(5), colour_of(1)]
    assert [line["line"].get("dash") for line in runs] == [None, "dash"]
    sides = draw_sides([(name, [curve]) for name, curve in curves], along="epoch", log=False, styles=[5, 9])["data"]
    assert [line["line"]["color"] for line in sides] == [colour_of(5), colour_of(1)]
    costs = draw_costs(["one", "other"], [1, 2], [[1.0], [2.0]], [0, 1], cost="", quality="", styles=[5, 9])["data"]
    assert [each["marker"]["color"] for each in costs[1:]] == [colour_of(5), colour_of(1)]
    assert draw_runs(curves, along="epoch", log=False)["data"][0]["line"]["color"] == colour_of(0)
