from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from core.models.backbones import build_backbone
from core.models.encoder_unet import EncoderUNet


class Halving(nn.Module):
    """An encoder of a few convolutions, each of stride 2; ``skipped`` maps at the fine end are kept to itself."""

    def __init__(self, channels: tuple[int, ...] = (4, 5, 6, 7, 8), *, skipped: int = 0) -> None:
        super().__init__()
        self.skipped = skipped
        self.pyramid_channels = channels[skipped:]
        widths = (3, *channels)
        self.steps = nn.ModuleList(nn.Conv2d(*pair, 3, stride=2, padding=1) for pair in pairwise(widths))

    def pyramid(self, images: Tensor) -> list[Tensor]:
        maps = []
        for step in self.steps:
            images = torch.relu(step(images))
            maps.append(images)
        return maps[self.skipped :]


def _small(
    *, upsampling: str = "bilinear", skipped: int = 0, out_channels: int = 3, doublings: int = 5
) -> EncoderUNet:  # fmt: skip
    torch.manual_seed(0)
    widths = (9, 8, 7, 6, 5)[:doublings]
    return EncoderUNet(Halving(skipped=skipped), out_channels, widths=widths, upsampling=upsampling)


@pytest.mark.parametrize("upsampling", ["bilinear", "transposed"])
@pytest.mark.parametrize("size", [(64, 96), (32, 32), (33, 50), (1, 9), (65, 31)])
def test_logits_have_the_size_of_any_picture(size: tuple[int, int], upsampling: str) -> None:
    logits = _small(upsampling=upsampling).eval()(torch.randn(2, 3, *size))
    assert logits.shape == (2, 3, *size)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("upsampling", ["bilinear", "transposed"])
def test_gradients_reach_every_parameter(upsampling: str) -> None:
    network = _small(upsampling=upsampling)
    network(torch.randn(2, 3, 70, 64)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        if name.endswith("weight"):
            assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("map_number", range(5))
def test_every_map_of_the_encoder_reaches_the_logits(map_number: int) -> None:
    network = _small().eval()
    maps = network.encoder.pyramid(torch.randn(1, 3, 64, 64))

    def logits(changed: int | None) -> Tensor:
        network.encoder.pyramid = lambda images: [
            each + (1.0 if number == changed else 0.0) for number, each in enumerate(maps)
        ]
        return network(torch.zeros(1, 3, 64, 64))

    assert not torch.allclose(logits(None), logits(map_number))


def test_an_encoder_without_the_finest_map_works() -> None:
    network = _small(skipped=1)
    assert network(torch.randn(2, 3, 40, 40)).shape == (2, 3, 40, 40)
    assert network.decoder[3].convolve[0].in_channels == 7


@pytest.mark.parametrize("size", [(64, 96), (33, 50), (1, 9)])
def test_a_decoder_that_ends_at_half_the_size_is_enlarged(size: tuple[int, int]) -> None:
    network, images = _small(doublings=4).eval(), torch.randn(2, 3, *size)
    found = []
    network.head.register_forward_hook(lambda *seen: found.append(seen[-1]))
    logits = network(images)
    assert logits.shape == (2, 3, *size)
    assert found[0].shape[-2:] == tuple(-(-side // 32) * 16 for side in size)
    # Between two pixels of the small answer, three quarters of the nearer and a quarter of the other (by hand).
    inner = (
        found[0][..., 1, 1] * 9 / 16 + (found[0][..., 1, 0] + found[0][..., 0, 1]) * 3 / 16 + found[0][..., 0, 0] / 16
    )
    if min(size) > 2:
        torch.testing.assert_close(logits[..., 2, 2], inner)


def test_the_parameters_can_be_counted_by_hand() -> None:
    network = _small()
    channels, skips, expected = 8, [7, 6, 5, 4, 0], 0
    for skip, width in zip(skips, (9, 8, 7, 6, 5), strict=True):
        expected += 9 * (channels + skip) * width + 9 * width * width + 4 * width
        channels = width
    expected += 9 * 5 * 3 + 3
    assert sum(each.numel() for name, each in network.named_parameters() if "encoder" not in name) == expected


def test_a_border_that_was_added_to_fit_does_not_move_what_is_far_from_it() -> None:
    network, picture = _small().eval(), torch.randn(1, 3, 256, 64)
    whole, cut = network(picture), network(picture[..., :254, :])
    torch.testing.assert_close(whole[..., :96, :], cut[..., :96, :])


def test_there_is_one_width_for_each_doubling() -> None:
    with pytest.raises(ValueError, match=r"\b3\b.*\b4\b.*\b5\b"):
        EncoderUNet(Halving(), 2, widths=(8, 4, 2))


@pytest.mark.parametrize("name", ["efficientnet-lite0", "convnext-tiny"])
def test_published_backbones_fit(name: str) -> None:
    with torch.device("meta"):
        network = EncoderUNet(build_backbone(name, pooled=False), 6, widths=(32, 16, 8, 8, 8)).eval()
        logits = network(torch.randn(1, 3, 65, 70))
    assert logits.shape == (1, 6, 65, 70)


def test_what_the_encoder_holds_still_stays_and_the_decoder_moves() -> None:
    torch.manual_seed(0)
    network = EncoderUNet(build_backbone("efficientnet-lite0", pooled=False), 2, widths=(32, 16, 8, 8, 8))
    network.encoder.freeze(len(network.encoder.stages))
    network.train()
    before = {name: each.clone() for name, each in network.state_dict().items()}
    network(torch.randn(2, 3, 32, 32)).square().mean().backward()
    torch.optim.SGD([each for each in network.parameters() if each.requires_grad], lr=0.1).step()
    after = network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("encoder."))
    assert not torch.equal(before["decoder.0.convolve.0.weight"], after["decoder.0.convolve.0.weight"])
