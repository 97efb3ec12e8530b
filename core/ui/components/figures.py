"""The charts of a run as Plotly figures, written as plain dictionaries."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.studies.band import band
from core.studies.line_styles import COLOURS, colour_of, dash_of
from core.ui.components.histories import AnyCurve, Curve, Range, smooth, thin

Figure = dict[str, Any]
Level = tuple[float, str]
"""A value worth a dotted line, and what it means."""

TRAINING, VALIDATION = COLOURS[:2]
DOTTED: Figure = {"line": {"width": 1.5, "dash": "dot", "color": "#8a979c"}}
HEIGHT, TALL = 270, 400
MARKED = 60
"""Up to this many points are marked with dots."""


def draw_steps(
    curves: Sequence[tuple[str, Curve]], *, strength: float, log: bool, level: Level | None = None,
    zoom: Range | None = None,
) -> Figure:  # fmt: skip
    """Return the losses of every step, faint, under their moving averages.

    Args:
        curves: Name and curve of each loss; a GAN has two.
        strength: Of smoothing; 0 shows the raw lines alone.
        log: Whether the axis is logarithmic.
        level: Drawn where there is one.
        zoom: Steps that are looked at: all their points are drawn.
    """
    lines = []
    for (name, curve), colour in zip(curves, COLOURS, strict=False):
        prefix = f"{name}, " if len(curves) > 1 else ""
        if strength:
            lines.append(_line(thin(curve, zoom), f"{prefix}each step", colour, width=1, opacity=0.4))
            smoothed = smooth(curve[1], strength)
            lines.append(_line(thin((curve[0], smoothed), zoom), f"{prefix}smoothed", colour, width=2.5))
        else:
            lines.append(_line(thin(curve, zoom), f"{prefix}each step", colour))
    return _figure(lines, "step", log=log) if level is None else _with_level(_figure(lines, "step", log=log), level)


def draw_losses(losses: Sequence[tuple[str, Curve, Curve]], *, log: bool, level: Level | None = None) -> Figure:
    """Return training and validation loss by epoch.

    Args:
        losses: Name, training and validation of each loss. Where there are several, each has a colour of its own and
            validation is dashed.
        log: Whether the axis is logarithmic.
        level: Drawn where there is one.
    """
    several, lines = len(losses) > 1, []
    for (name, training, validation), colour in zip(losses, COLOURS, strict=False):
        prefix = f"{name}, " if several else ""
        lines.append(_line(training, f"{prefix}training", colour))
        lines.append(_line(validation, f"{prefix}validation", colour if several else VALIDATION))
        lines[-1]["line"] |= {"dash": "dash"} if several else {}
    figure = _figure([each for each in lines if len(each["x"])], "epoch", log=log)
    return figure if level is None or not figure["data"] else _with_level(figure, level)


def _with_level(figure: Figure, level: Level) -> Figure:
    """Return the figure with a dotted line at a value, and what it means."""
    (value, meaning), layout = level, figure["layout"]
    log = layout["yaxis"]["type"] == "log"
    line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": value, "y1": value, **DOTTED}
    place = {"xref": "paper", "x": 1, "y": np.log10(value) if log else value, "xanchor": "right", "yanchor": "bottom"}
    return figure | {
        "layout": layout | {"shapes": [line], "annotations": [{**place, "text": meaning, "showarrow": False}]}
    }


def draw_scores(curves: Sequence[tuple[str, Curve]], *, best_epoch: int, log: bool) -> Figure:
    """Return scores by epoch; the first is the monitored one and is drawn strongest."""
    lines = [_line(curve, title, None, width=3 if index == 0 else 1.8) for index, (title, curve) in enumerate(curves)]
    figure = _figure(lines, "epoch", log=log)
    if best_epoch:
        figure["layout"]["shapes"] = [
            {"type": "line", "x0": best_epoch, "x1": best_epoch, "yref": "paper", "y0": 0, "y1": 1, **DOTTED}
        ]
    return figure


def draw_rate(curve: Curve, *, log: bool, zoom: Range | None = None) -> Figure:
    """Return the learning rate of every step."""
    return _figure([_line(thin(curve, zoom), "learning rate", TRAINING)], "step", log=log)


def draw_runs(
    lines: Sequence[tuple[str, AnyCurve]], *, along: str, log: bool, strength: float = 0.0, zoom: Range | None = None,
    styles: Sequence[int] = (),
) -> Figure:  # fmt: skip
    """Return one score or loss of several runs, each in a colour of its own.

    Args:
        lines: Name of the run, and its curve.
        along: What the curve runs along: step, epoch or minute.
        log: Whether the axis is logarithmic.
        strength: Of smoothing; the raw line stays faint behind the smooth one.
        zoom: Part that is looked at: all its points are drawn.
        styles: Number of each run's colour and dash; by their order if empty.
    """
    drawn = []
    for (name, (places, values)), style in zip(lines, styles or count(), strict=False):
        colour = colour_of(style)
        if strength:
            raw = _line(thin((places, values), zoom), name, colour, width=1, opacity=0.3)
            drawn.append(raw | {"showlegend": False, "hoverinfo": "skip"})
        shown = smooth(values, strength) if strength else values
        drawn.append(_dashed(_line(thin((places, shown), zoom), name, colour, width=2.2), style))
    figure = _figure(drawn, along, log=log)
    figure["layout"] |= {"height": TALL, "hovermode": "closest", "showlegend": True}
    return figure


def draw_sides(
    sides: Sequence[tuple[str, Sequence[AnyCurve]]], *, along: str, log: bool, raw: bool = False,
    strength: float = 0.0, styles: Sequence[int] = (),
) -> Figure:  # fmt: skip
    """Return one score or loss of several sides: the mean over seeds in a band from the lowest to the highest seed.

    Args:
        sides: Name of the side, and the curve of each of its seeds.
        along: What the curves run along: step, epoch or minute.
        log: Whether the axis is logarithmic.
        raw: Whether every seed is drawn, faint, in place of the band.
        strength: Of smoothing each seed before they are put together; the raw mean stays faint in the band.
        styles: Number of each side's colour and dash; by their order if empty.
    """
    drawn: list[Figure] = []
    for (name, curves), style in zip(sides, styles or count(), strict=False):
        colour = colour_of(style)
        smoothed = [(each[0], smooth(each[1], strength)) for each in curves] if strength else curves
        places, low, mean, high = band(smoothed)
        if len(curves) > 1 and not raw:
            edge = {"showlegend": False, "hoverinfo": "skip", "mode": "lines"}
            drawn.append(_line(thin((places, low)), name, colour, width=0) | edge)
            fill = {"fill": "tonexty", "fillcolor": _faint(colour)}
            drawn.append(_line(thin((places, high)), name, colour, width=0) | edge | fill)
        for curve in curves if raw and len(curves) > 1 else ():
            line = _line(thin(curve), name, colour, width=1, opacity=0.35)
            drawn.append(line | {"showlegend": False, "mode": "lines"})
        if strength:
            there, _, unsmoothed, _ = band(curves)
            line = _line(thin((there, unsmoothed)), name, colour, width=1, opacity=0.4)
            drawn.append(line | {"showlegend": False, "hoverinfo": "skip", "mode": "lines"})
        drawn.append(_dashed(_line(thin((places, mean)), name, colour, width=2.4), style))
    figure = _figure(drawn, along, log=log)
    figure["layout"] |= {"height": TALL, "hovermode": "closest", "showlegend": True}
    return figure


def draw_costs(
    names: Sequence[str], costs: Sequence[float], qualities: Sequence[Sequence[float]], front: Sequence[int], *,
    cost: str, quality: str, styles: Sequence[int] = (),
) -> Figure:  # fmt: skip
    """Return quality against cost: a point for each side with its seeds' range, and a line along the Pareto front.

    Args:
        names: Of the sides.
        costs: Of each side.
        qualities: Of each side, by each seed.
        front: Numbers of the sides that none beats in both.
        cost: Title of the axis.
        quality: Likewise.
        styles: Number of each side's colour; by their order if empty.
    """
    means = [float(np.mean(each)) for each in qualities]
    xs, ys = (np.array([each[number] for number in front]) for each in (costs, means))
    line: list[Figure] = [{
        "type": "scatter", "x": xs, "y": ys, "mode": "lines", "name": "Pareto front",
        "line": {"dash": "dot", "color": "#8a979c", "width": 1.5}, "hoverinfo": "skip",
    }]  # fmt: skip
    for name, x, mean, seeds, style in zip(names, costs, means, qualities, styles or count(), strict=False):
        colour = colour_of(style)
        reach = {"type": "data", "symmetric": False, "array": [max(seeds) - mean], "arrayminus": [mean - min(seeds)]}
        line.append({
            "type": "scatter", "x": np.array([x]), "y": np.array([mean]), "mode": "markers", "name": name,
            "marker": {"size": 13, "color": colour}, "error_y": reach | {"color": colour, "thickness": 1.5},
        })  # fmt: skip
    figure = _figure(line, cost, log=False)
    figure["layout"] |= {"height": TALL, "hovermode": "closest", "showlegend": True}
    figure["layout"]["yaxis"]["title"] = {"text": quality, "font": {"size": 12}}
    figure["layout"]["xaxis"] |= {"rangemode": "tozero"}
    return figure


def draw_map(
    points: Sequence[tuple[str, float, float]], *, x: str, y: str, across: float, up: float,
    fields: tuple[str, str, str, str],
) -> Figure:  # fmt: skip
    """Return places on a map of four fields, the last point as the one that is meant.

    Args:
        points: Name, horizontal and vertical place of each; the vertical axis is logarithmic.
        x: Title of the axis.
        y: Likewise.
        across: Where the fields meet horizontally.
        up: Where they meet vertically.
        fields: Names of the fields: above left, above right, below left, below right.
    """
    drawn: list[Figure] = [
        {
            "type": "scatter", "x": np.array([place]), "y": np.array([height]), "mode": "markers+text", "name": name,
            "text": [name], "textposition": "top center", "textfont": {"size": 12 if meant else 10},
            "marker": {"size": 15 if meant else 9, "color": TRAINING if meant else "#8a979c"},
        }
        for (name, place, height), meant in zip(points, [*[False] * (len(points) - 1), True], strict=True)
    ]  # fmt: skip
    figure = _figure(drawn, x, log=True)
    lines = [
        {"type": "line", "xref": "x", "yref": "paper", "x0": across, "x1": across, "y0": 0, "y1": 1},
        {"type": "line", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "y0": up, "y1": up},
    ]
    corners = ((0.01, 0.99, "left", "top"), (0.99, 0.99, "right", "top"), (0.01, 0.01, "left", "bottom"),
               (0.99, 0.01, "right", "bottom"))  # fmt: skip
    figure["layout"] |= {
        "height": TALL, "hovermode": "closest", "showlegend": False,
        "shapes": [{**each, "line": {"color": "#8a979c", "width": 1, "dash": "dot"}} for each in lines],
        "annotations": [
            {"text": name, "xref": "paper", "yref": "paper", "x": at, "y": high, "xanchor": side, "yanchor": end,
             "showarrow": False, "font": {"size": 12, "color": "#8a979c"}}
            for name, (at, high, side, end) in zip(fields, corners, strict=True)
        ],
    }  # fmt: skip
    widest = max(2 * across, 1.25 * max(place for _, place, _ in points))
    lowest, highest = (pick(height for _, _, height in points) for pick in (min, max))
    figure["layout"]["xaxis"] |= {"range": [0, widest]}
    figure["layout"]["yaxis"] |= {
        "range": [float(np.log10(min(lowest, up) / 4)), float(np.log10(4 * max(highest, up)))],
        "title": {"text": y, "font": {"size": 12}},
    }
    return figure


def draw_against(lines: Sequence[tuple[str, NDArray[Any], NDArray[Any]]], *, x: str, y: str) -> Figure:
    """Return shares against shares, both axes 0 to 1; of several lines the second is a dotted reference."""
    drawn = []
    for (name, xs, ys), colour in zip(lines, (TRAINING, "#8a979c"), strict=False):
        drawn.append(_line((np.asarray(xs, np.float64), np.asarray(ys, np.float64)), name, colour))
    for each in drawn[1:]:
        each["line"] |= {"dash": "dot"}
        each["mode"] = "lines"
    figure = _figure(drawn, x, log=False)
    figure["layout"] |= {"height": TALL, "hovermode": "closest"}
    figure["layout"]["xaxis"] |= {"range": [-0.02, 1.02]}
    figure["layout"]["yaxis"] |= {"range": [-0.02, 1.02], "title": {"text": y, "font": {"size": 12}}}
    return figure


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"


def draw_load(curve: AnyCurve, name: str) -> Figure:
    """Return what a run used of the machine by the minute, from 0 up."""
    figure = _figure([_line(curve, name, TRAINING)], "minute", log=False)
    figure["layout"]["yaxis"]["rangemode"] = "tozero"
    return figure


def _dashed(line: Figure, style: int) -> Figure:
    return line | {"line": line["line"] | {"dash": dash_of(style)}} if dash_of(style) != "solid" else line


def _line(
    curve: tuple[NDArray[Any], NDArray[np.float64]],
    name: str,
    colour: str | None,
    *,
    width: float = 2.0,
    opacity: float = 1.0,
) -> Figure:
    steps, values = curve
    style: dict[str, Any] = {"width": width} | ({"color": colour} if colour else {})
    return {
        "type": "scatter", "x": steps, "y": np.asarray(values, np.float32), "name": name, "line": style,
        "opacity": opacity, "mode": "lines+markers" if 0 < len(steps) <= MARKED else "lines", "marker": {"size": 5},
    }  # fmt: skip


def _figure(lines: list[Figure], along: str, *, log: bool) -> Figure:
    """Return a figure that keeps its zoom over updates, which the constant ``uirevision`` asks for."""
    few = max((int(each["x"][-1]) for each in lines if len(each["x"])), default=0) <= 12
    layout = {
        "height": HEIGHT,
        "margin": {"l": 8, "r": 8, "t": 26, "b": 8},
        "hovermode": "x unified",
        "uirevision": "log" if log else "linear",
        "colorway": COLOURS,
        "showlegend": len(lines) > 1,
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0, "xanchor": "left", "title": {"text": ""}},
        "xaxis": {"title": {"text": along, "font": {"size": 12}, "standoff": 6}, "automargin": True}
        | ({"dtick": 1} if along == "epoch" and few else {}),
        "yaxis": {"type": "log" if log else "linear", "automargin": True, "title": {"text": ""}},
    }
    return {"data": lines, "layout": layout}
