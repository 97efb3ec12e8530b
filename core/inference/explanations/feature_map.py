"""Where a classifier's second-last layer puts the held-back pictures, on a plane, epoch by epoch.

A map alone may be turned and mirrored at will; next to each other, maps that do so at random cannot be read. Each is
therefore turned to lie on that of the epoch before, and t-SNE starts from it.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from core.files import write_atomically
from core.inference.epoch_predictions import Answers, epochs_with_answers, load_answers
from core.runs.run import Run
from core.runs.store.run_store import RunStore

PLACE = "maps"
MOST_PICTURES = 600
"""More would hide each other, and t-SNE takes longer with each."""
PERPLEXITY = 30.0
ROUNDS = 300
"""Of t-SNE's descent from the map before; the first map is made of thrice as many."""
METHODS = {"pca": "Principal components", "tsne": "t-SNE"}

Places = NDArray[np.float32]


@dataclass(frozen=True)
class FeatureMap:
    """Places of the same pictures after every epoch.

    Attributes:
        epochs: E of them, in order.
        numbers: ``(N,)``, which of the answers' pictures are on it.
        places: ``(E, N, 2)``, −1 to 1, about the middle of each epoch's.
        answers: Of each epoch.
    """

    epochs: tuple[int, ...]
    numbers: NDArray[np.int64]
    places: Places
    answers: tuple[Answers, ...]


def map_features(
    store: RunStore, run: Run, method: str, say: Callable[[int, int], None] = lambda _done, _all: None
) -> FeatureMap:
    """Return the map of every epoch whose features were kept; t-SNE's are kept beside the run.

    Args:
        store: Where the run is recorded.
        run: A classifier.
        method: One of :data:`METHODS`.
        say: Is told how many of how many epochs are done.

    Raises:
        UserError: If the run kept none, or there is no such method.
    """
    if method not in METHODS:
        raise UserError(f"method was given as {method!r}; one of {', '.join(METHODS)} is allowed.")
    epochs = epochs_with_answers(store, run)
    answers = [load_answers(store, run, epoch) for epoch in epochs]
    kept = [(epoch, each) for epoch, each in zip(epochs, answers, strict=True) if each.components is not None]
    if not kept:
        raise UserError(
            f"Run {run.short_id} kept no features: it is from before they were, or has more pictures than are kept. "
            "Train it again."
        )
    numbers = spread(kept[0][1].labels, MOST_PICTURES)
    components = [each.components[numbers].astype(np.float64) for _, each in kept if each.components is not None]
    if method == "pca":
        places = [_pad(each) for each in components]
    else:
        folder = store.files.folder(run.id) / PLACE
        places = list(_each_tsne(components, [epoch for epoch, _ in kept], folder, say))
    return FeatureMap(
        tuple(epoch for epoch, _ in kept), numbers, _fit(align(places)), tuple(each for _, each in kept)
    )  # fmt: skip


def spread(labels: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return the numbers of up to so many pictures, of each class its part, in order."""
    order = np.argsort(labels, kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int)]
    return np.sort(chosen)


def align(places: Sequence[NDArray[np.floating]]) -> list[NDArray[np.float64]]:
    """Turn and mirror each map ``(N, 2)`` about its middle so that it lies on the one after it as well as it can.

    The last one stays as it is: it is the one that most people look at.
    """
    from scipy.linalg import orthogonal_procrustes  # type: ignore[import-untyped]  # noqa: PLC0415 - who asks for a map

    turned = [np.asarray(each, np.float64) - np.mean(each, axis=0) for each in places]
    for number in range(len(turned) - 2, -1, -1):
        rotation, _ = orthogonal_procrustes(turned[number], turned[number + 1])
        turned[number] = turned[number] @ rotation
    return turned


def _pad(components: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the first two columns, the second of zeros where there is one alone."""
    return np.pad(components[:, :2], ((0, 0), (0, max(0, 2 - components.shape[1]))))


def _fit(places: Sequence[NDArray[np.float64]]) -> Places:
    stacked = np.stack(places)
    reach = float(np.abs(stacked).max())
    return (stacked / reach if reach > 0 else stacked).astype(np.float32)


def _each_tsne(
    components: Sequence[NDArray[np.float64]], epochs: Sequence[int], folder: Path, say: Callable[[int, int], None]
) -> Iterator[NDArray[np.float64]]:
    before: NDArray[np.float64] | None = None
    for number, (epoch, given) in enumerate(zip(epochs, components, strict=True)):
        path = folder / f"tsne-{epoch:05d}.npy"
        if path.exists():
            found = np.load(path, allow_pickle=False)
        else:
            say(number, len(epochs))
            found = tsne(given, before)
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, _as_file(found))
        before = found
        yield found


def _as_file(array: NDArray[np.float64]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def tsne(components: NDArray[np.float64], before: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Return a map ``(N, 2)`` on which neighbours stay neighbours (van der Maaten and Hinton, 2008).

    Args:
        components: ``(N, C)``.
        before: ``(N, 2)``, the map to start from; the principal components if None.
    """
    count = len(components)
    if count < 4 or not np.ptp(components, axis=0).any():
        return _pad(components)
    from sklearn.manifold import TSNE  # type: ignore[import-untyped]  # noqa: PLC0415 - who asks for a map
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415 - scikit-learn's own

    first = before is None
    start = _pad(components) * 1e-4 if before is None else before
    method = TSNE(
        perplexity=min(PERPLEXITY, (count - 1) / 3), init=start.astype(np.float32),
        early_exaggeration=12.0 if first else 1.0, max_iter=3 * ROUNDS if first else ROUNDS, random_state=0,
    )  # fmt: skip
    with threadpool_limits(1):  # so few points are not worth the threads' waiting for each other
        found: NDArray[np.float64] = method.fit_transform(components.astype(np.float32)).astype(np.float64)
    return found
