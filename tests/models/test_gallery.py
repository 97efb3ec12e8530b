import pytest
import torch
from torch import nn

from core.models.gallery import EMPTY, Gallery, SearchableNetwork


def _pictures(count: int) -> torch.Tensor:
    return torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(count, 64, 64, 3)


def test_the_nearest_come_first_and_empty_places_never() -> None:
    gallery = Gallery(6, 2)
    gallery.fill(_pictures(3), torch.tensor([4, 5, 6]))
    gallery.remember(torch.arange(3), torch.tensor([[1.0, 0.0], [3.0, 3.0], [0.0, 2.0]]))
    similarities, places = gallery.nearest(torch.tensor([[2.0, 0.0], [0.1, 5.0]]), 5)
    assert places.tolist() == [[0, 1, 2], [2, 1, 0]]
    assert similarities[0].tolist() == pytest.approx([1, 2**-0.5, 0])
    assert gallery.labels.tolist() == [4, 5, 6, EMPTY, EMPTY, EMPTY]
    assert gallery.pictures[places[0], 0, 0, 0].tolist() == [0, 1, 2]


def test_hanging_anew_takes_the_old_pictures_down() -> None:
    gallery = Gallery(3, 2)
    gallery.fill(_pictures(3), torch.tensor([0, 1, 2]))
    gallery.fill(_pictures(1), torch.tensor([7]))
    assert gallery.labels.tolist() == [7, EMPTY, EMPTY]
    with pytest.raises(ValueError, match=r"\b4\b.*\b3\b"):
        gallery.fill(_pictures(4), torch.arange(4))


def test_nothing_of_a_gallery_is_trained_and_all_of_it_is_stored() -> None:
    gallery = Gallery(3, 2)
    assert list(gallery.parameters()) == []
    assert set(gallery.state_dict()) == {"features", "labels", "pictures"}


def test_features_are_the_backbone_s() -> None:
    backbone = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network = SearchableNetwork(backbone, 3, Gallery(2, 3), hidden=8, projection=4).eval()
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network(images, only_features=True), images.mean(dim=(2, 3)))
    assert network(images).shape == (2, 4)
