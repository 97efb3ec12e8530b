"""Principal components: many features of a picture as few numbers that keep how far pictures are apart."""

import numpy as np
from numpy.typing import NDArray

MOST_COMPONENTS = 50
"""As many as t-SNE is usually given (van der Maaten and Hinton, 2008)."""


def principal_components(features: NDArray[np.float32], most: int = MOST_COMPONENTS) -> NDArray[np.float16]:
    """Return the coordinates of pictures along the directions in which they differ most.

    Args:
        features: ``(N, F)``, finite.
        most: Directions that are kept at most.

    Returns:
        ``(N, C)`` with C up to N, F and ``most``; each column has mean 0, the first has deviation 1. Zeros where all
        pictures have the same features.
    """
    from sklearn.decomposition import PCA  # type: ignore[import-untyped]  # noqa: PLC0415 - takes a second, which only who keeps answers needs

    count = min(most, *features.shape)
    if not np.ptp(features, axis=0).any():
        return np.zeros((len(features), count), np.float16)
    found = PCA(
        count, svd_solver="randomized" if min(features.shape) > 2 * most else "full", iterated_power=7, random_state=0
    )
    placed = found.fit_transform(features.astype(np.float64))
    scaled: NDArray[np.float16] = (placed / placed[:, 0].std()).astype(np.float16)
    return scaled
