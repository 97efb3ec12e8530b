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
    from scipy.linalg import eigh  # type: ignore[import-untyped]  # noqa: PLC0415 - only who keeps answers needs it

    (pictures, width), count = features.shape, min(most, *features.shape)
    if not np.ptp(features, axis=0).any():
        return np.zeros((pictures, count), np.float16)
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    # The smaller of the two products has the same components; scikit-learn's PCA takes a second to be imported alone.
    small = centred @ centred.T if pictures < width else centred.T @ centred
    values, vectors = eigh(small, subset_by_index=(len(small) - count, len(small) - 1))
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    placed = vectors * np.sqrt(values) if pictures < width else centred @ vectors
    scaled: NDArray[np.float16] = (placed / placed[:, 0].std()).astype(np.float16)
    return scaled
