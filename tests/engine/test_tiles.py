import pytest
import torch
from torch import nn

from core.engine.tiles import ALL_FLIPS, predict_probabilities


@pytest.fixture
def convolution() -> nn.Module:
    torch.manual_seed(0)
    return nn.Conv2d(2, 1, 3, padding=1).eval()


class _Counting(nn.Module):
    """Looks at single pixels, and remembers the size of what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(tuple(images.shape))
        return images.mean(dim=1, keepdim=True)


@pytest.mark.parametrize("size", [(40, 40), (33, 57), (100, 16), (17, 200), (64, 64), (1, 65)])
@pytest.mark.parametrize("tile", [16, 17, 31, 64])
def test_tiles_of_a_network_that_sees_single_pixels_make_the_whole(size: tuple[int, int], tile: int) -> None:
    network, images = _Counting(), torch.randn(2, 3, *size)
    tiled = predict_probabilities(network, images, tile=tile)
    whole = images.mean(dim=1, keepdim=True).sigmoid()
    torch.testing.assert_close(tiled, whole, atol=1e-6, rtol=0)
    assert {shape[2:] for shape in network.seen} == {(min(size[0], tile), min(size[1], tile))}


@pytest.mark.parametrize(
    ("length", "tile", "count"), [(64, 64, 1), (65, 64, 2), (112, 64, 2), (113, 64, 3), (160, 64, 3)]
)
def test_neighbours_overlap_by_at_least_a_quarter_with_as_few_tiles_as_that_needs(
    length: int, tile: int, count: int
) -> None:
    network = _Counting()
    predict_probabilities(network, torch.zeros(1, 1, tile, length), tile=tile)
    assert len(network.seen) == count


def test_tiled_equals_whole_but_for_a_faded_trace_of_the_borders(convolution: nn.Module) -> None:
    torch.manual_seed(1)
    images = torch.randn(1, 2, 101, 131)
    whole = predict_probabilities(convolution, images)
    difference = (predict_probabilities(convolution, images, tile=48) - whole).abs()
    assert (difference > 1e-6).float().mean() < 0.15
    assert difference.max() < 0.1
    assert difference[..., 0, :].max() < 0.1  # at the picture's own border a tile pads as the whole does
    assert difference[..., :10, :10].max() < 1e-6


def test_a_picture_that_fits_the_tile_is_predicted_in_one_piece(convolution: nn.Module) -> None:
    images = torch.randn(1, 2, 30, 48)
    assert torch.equal(predict_probabilities(convolution, images, tile=48), predict_probabilities(convolution, images))


@pytest.mark.parametrize("tile", [0, 24])
@pytest.mark.parametrize("axes", [(-1,), (-2,), (-2, -1)])
def test_the_average_over_flips_flips_with_the_picture(
    convolution: nn.Module, axes: tuple[int, ...], tile: int
) -> None:
    images = torch.randn(1, 2, 37, 52)
    straight = predict_probabilities(convolution, images, tile=tile, flips=ALL_FLIPS)
    mirrored = predict_probabilities(convolution, images.flip(axes), tile=tile, flips=ALL_FLIPS)
    torch.testing.assert_close(mirrored, straight.flip(axes))
    unaveraged = predict_probabilities(convolution, images.flip(axes), tile=tile)
    assert not torch.allclose(unaveraged, predict_probabilities(convolution, images, tile=tile).flip(axes), atol=1e-3)


def test_no_gradient_is_kept(convolution: nn.Module) -> None:
    assert not predict_probabilities(convolution, torch.randn(1, 2, 8, 8)).requires_grad


def test_the_eight_views_make_the_answer_the_same_however_the_picture_is_turned(convolution: nn.Module) -> None:
    torch.manual_seed(2)
    images = torch.randn(1, 2, 40, 56)
    found = predict_probabilities(convolution, images, flips=ALL_FLIPS, turns=True)
    for times in (1, 2, 3):
        turned = torch.rot90(images, times, (2, 3))
        again = predict_probabilities(convolution, turned, tile=32 if times == 2 else 0, flips=ALL_FLIPS, turns=True)
        back = torch.rot90(again, -times, (2, 3))
        torch.testing.assert_close(back, found, atol=0.1 if times == 2 else 1e-6, rtol=0)
    alone = predict_probabilities(convolution, images, flips=ALL_FLIPS)
    assert (alone - found).abs().max() > 1e-3


class _Leaning(nn.Module):
    """Answers with the place within the tile, from the left; mirrored it answers from the right."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        width = images.shape[-1]
        place = torch.linspace(-1, 1, width).expand(images[:, :1].shape)
        return place if float(images.mean()) > 0 else place.flip(-1)


@pytest.mark.parametrize("width", [65, 100, 130])
def test_neighbours_are_blended_alike_from_both_sides(width: int) -> None:
    images = torch.ones(1, 1, 40, width)
    left, right = (predict_probabilities(_Leaning(), sign * images, tile=40) for sign in (1, -1))
    torch.testing.assert_close(left.flip(-1), right, atol=1e-6, rtol=0)
