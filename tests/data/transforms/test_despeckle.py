import numpy as np

from core.data.transforms.despeckle import remove_specks


def ramp() -> np.ndarray:
    rows, columns = np.mgrid[0:40, 0:50]
    return np.stack([60 + 2 * rows, 60 + 2 * columns, 80 + rows + columns], axis=2).astype(np.uint8)


def test_salt_and_pepper_on_a_ramp_is_taken_away() -> None:
    clean, rng = ramp(), np.random.default_rng(0)
    noisy = clean.copy()
    places = rng.random(clean.shape[:2]) < 0.05
    noisy[places] = np.where(rng.random(int(places.sum()))[:, None] < 0.5, 0, 255)
    left = np.abs(remove_specks(noisy).astype(int) - clean)
    assert np.abs(noisy.astype(int) - clean).max() > 100
    assert np.quantile(left, 0.995) <= 6


def test_a_picture_without_specks_stays_as_it_is() -> None:
    assert (remove_specks(ramp()) == ramp()).all()


def test_an_edge_is_no_speck() -> None:
    edge = np.zeros((20, 20, 3), np.uint8)
    edge[:, 9:] = 255
    assert (remove_specks(edge) == edge).all()


def test_a_single_pixel_is_replaced_in_all_its_channels() -> None:
    pixels = np.full((9, 9, 3), 100, np.uint8)
    pixels[4, 4] = (100, 100, 200)
    assert (remove_specks(pixels) == 100).all()
    pixels[4, 4] = (100, 100, 130)
    assert (remove_specks(pixels) == pixels).all()
    assert (remove_specks(pixels, threshold=0) == 100).all()
