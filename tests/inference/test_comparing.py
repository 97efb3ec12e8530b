import re
from dataclasses import replace

import numpy as np
import pytest

from core.data.transforms.arrays import Pixels
from core.inference.comparing import BOTH_COLOUR, FIRST_COLOUR, SECOND_COLOUR, compare
from core.inference.predictors.classification import ClassPrediction
from core.inference.predictors.neighbours import NeighbourPrediction
from core.inference.predictors.segmentation import MaskPrediction
from core.inference.predictors.semantic import ClassMapPrediction

PICTURE: Pixels = np.full((20, 30, 3), 100, np.uint8)


def numbers(said: str) -> list[float]:
    """Return the percentages of a sentence, in their order."""
    return [float(each) for each in re.findall(r"\d+\.\d", said)]


def mask(left: int, right: int) -> MaskPrediction:
    probabilities = np.zeros((20, 30), np.float32)
    probabilities[:, left:right] = 1
    return MaskPrediction(PICTURE, probabilities, np.ones((20, 30), bool), 0.5, (), {})


def classes(*probs: float) -> ClassPrediction:
    return ClassPrediction(PICTURE, ("cat", "dog"), np.array(probs, np.float32), (), {})


def test_masks_are_coloured_by_who_marks_and_counted() -> None:
    found = compare(mask(0, 15), mask(10, 30))
    assert found.difference is not None
    assert [tuple(found.difference[0, column]) for column in (5, 12, 20)] == [FIRST_COLOUR, BOTH_COLOUR, SECOND_COLOUR]
    # of all pixels alike, of all that is marked by both, and of the picture by the first and by the second alone
    assert sorted(numbers(found.said)) == [16.7, 16.7, 33.3, 50.0]


def test_equal_masks_agree_and_empty_ones_mark_nothing() -> None:
    assert sorted(numbers(compare(mask(3, 9), mask(3, 9)).said)) == [0, 0, 100, 100]
    assert sorted(numbers(compare(mask(0, 0), mask(0, 0)).said)) == [0, 0, 100], "of nothing, no part is marked by both"


def test_classes_are_compared_in_a_sentence() -> None:
    same = compare(classes(0.9, 0.1), classes(0.9, 0.1))
    assert numbers(same.said) == [90, 90]
    assert "cat" in same.said
    assert "dog" not in same.said
    found = compare(classes(0.9, 0.1), classes(0.3, 0.7))
    assert numbers(found.said) == [90, 70, 60], "what each is sure of, and the largest change"
    assert re.search(r"cat\b.*\bdog", found.said)
    assert found.difference is None
    assert found.first.shape == found.second.shape
    stranger = replace(classes(0.9, 0.1), classes=("scratch", "void"))
    strange = compare(classes(0.9, 0.1), stranger).said
    assert numbers(strange) == [90, 90], "without a class in common nothing changes"
    assert re.search(r"cat\b.*\bscratch", strange)


def test_a_model_that_votes_can_be_compared_with_one_that_was_taught() -> None:
    gallery = np.zeros((20, 64, 64, 3), np.uint8)
    votes = NeighbourPrediction(
        PICTURE, ("cat", "dog"), gallery, np.zeros(20, np.int64), np.ones(20, np.float32), np.array([0.8, 0.2]), (), {}
    )
    found = compare(votes, classes(0.2, 0.8))
    assert numbers(found.said) == [80, 80, 60]
    assert re.search(r"cat\b.*\bdog", found.said)
    assert found.first.shape == found.second.shape


def test_maps_say_where_they_differ_and_what_is_taken_for_what() -> None:
    colours = np.array([[0, 0, 255], [0, 200, 0]], np.uint8)

    def labelled(column: int, names: tuple[str, ...]) -> ClassMapPrediction:
        labels = np.zeros((20, 30), np.int64)
        labels[:, column:] = 1
        return ClassMapPrediction(PICTURE, labels, names, colours, (), {})

    found = compare(labelled(15, ("water", "forest")), labelled(18, ("water", "forest")))
    assert numbers(found.said) == [10, 10], "of the pixels, and of those what is most often taken for what"
    assert re.search(r"forest\b.*\bwater", found.said)
    swapped = compare(labelled(30, ("water", "forest")), labelled(30, ("forest", "water")))
    assert numbers(swapped.said) == [100, 100], "classes are compared by name, not by number"


@pytest.mark.parametrize("answer", [mask(0, 3), classes(0.5, 0.5)])
def test_a_model_compared_with_itself_differs_nowhere(answer: object) -> None:
    found = compare(answer, answer)
    assert np.array_equal(found.first, found.second)
