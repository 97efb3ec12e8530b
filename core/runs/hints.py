"""What the curves of a run say that its user may want to act on: over-fitting, standing still. Nothing acts on it."""

from collections.abc import Sequence

FEWEST = 3
"""Epochs that a trend needs."""
RISE = 1.05
"""A validation loss this many times its lowest has risen."""
WAITS = 5
"""Epochs without improvement after which a run stands still, or a quarter of its epochs if that is more."""

Values = Sequence[float]


def find_hints(training: Values, validation: Values, *, score: str, best_epoch: int, epochs: int) -> list[str]:
    """Return sentences about a run.

    Args:
        training: Mean training loss of each epoch so far.
        validation: Validation loss of each epoch so far; may be empty.
        score: Name of the score that decides which epoch is kept.
        best_epoch: Counted from 1; 0 before the first.
        epochs: Of the whole run.
    """
    said = _judge_fit(training, validation)
    still = len(training) - best_epoch
    if best_epoch and still >= max(WAITS, epochs // 4) and not said:
        said.append(
            f"{score} has not improved for {still} epochs, since epoch {best_epoch}. If the loss no longer falls "
            "either, more epochs will not help: try another learning rate, a schedule that lowers it, or stop here."
        )
    return said


def _judge_fit(training: Values, validation: Values) -> list[str]:
    if len(validation) < FEWEST + 1 or len(validation) != len(training):
        return []
    lowest = min(range(len(validation)), key=validation.__getitem__)
    after = validation[lowest + 1 :]
    if len(after) < max(FEWEST, len(validation) // 5):
        return []
    recent = sum(after[-FEWEST:]) / FEWEST
    risen, fallen = recent >= RISE * validation[lowest], training[-1] < training[lowest]
    if not (risen and fallen):  # also where one of them is no number
        return []
    return [
        f"It learns its training pictures by heart: since epoch {lowest + 1} the training loss has fallen from "
        f"{training[lowest]:.3g} to {training[-1]:.3g} while the validation loss has risen from "
        f"{validation[lowest]:.3g} to {recent:.3g}. More pictures, stronger augmentation, weight decay or fewer "
        "epochs help; the weights of the best epoch are kept anyway."
    ]
