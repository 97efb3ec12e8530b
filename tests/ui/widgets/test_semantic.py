"""The legend of a map of classes: names come from a model's card, which anybody may have written."""

import numpy as np

from core.inference.predictors.semantic import ClassMapPrediction
from core.ui.widgets.tabs.semantic import render_legend


def test_a_class_called_like_markup_stays_text() -> None:
    names = ("water", "<img src=x onerror=alert(1)>", 'a" & b')
    labels = np.array([[0, 0], [1, 2]])
    colours = np.array([[0, 0, 255], [9, 9, 9], [1, 2, 3]])
    found = ClassMapPrediction(np.zeros((2, 2, 3), np.uint8), labels, names, colours, (), {})
    legend = render_legend(found)
    assert legend.count("<tr") == len(names)
    assert "<img" not in legend
    assert "&lt;img src=x onerror=alert(1)&gt;" in legend
    assert "a&quot; &amp; b" in legend
