import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.models.blot_gan import BlotDiscriminator, BlotGenerator, ConditionalGan, build_reported_gan


def _count(network: nn.Module) -> int:
    return sum(each.numel() for each in network.parameters())


def _small() -> ConditionalGan:
    torch.manual_seed(0)
    return ConditionalGan(BlotGenerator((4, 8, 16)), BlotDiscriminator((4, 8, 16)))


def _pair(batch: int = 2, size: tuple[int, int] = (64, 64)) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(1)
    return (
        torch.rand(batch, 2, *size, generator=source) * 2 - 1,
        torch.rand(batch, 1, *size, generator=source) * 2 - 1,
    )


def test_the_reported_networks_have_the_sizes_summed_by_hand() -> None:
    gan = build_reported_gan()
    down = 2 * 64 * 16 + 64 * 128 * 16 + 128 * 256 * 16
    up = 256 * 128 * 16 + 128 * 64 * 16 + 64 * 1 * 16 + 1
    assert _count(gan.generator) == down + up + 2 * (64 + 128 + 256 + 128 + 64) == 1_315_073
    judged = 2 * 64 * 16 + 64 + 64 * 128 * 16 + 128 * 256 * 16 + 2 * (128 + 256) + 256 + 1
    assert _count(gan.discriminator) == judged == 658_497


def test_the_layers_are_those_of_the_report() -> None:
    gan = build_reported_gan()
    kinds = [type(layer).__name__ for layer in gan.generator.layers]
    block = ["Conv2d", "BatchNorm2d", "ReLU"]
    back = ["ConvTranspose2d", "BatchNorm2d", "ReLU"]
    assert kinds == 3 * block + 2 * back + ["ConvTranspose2d", "Tanh"]
    assert [type(layer).__name__ for layer in gan.discriminator.features] == [
        "Conv2d", "LeakyReLU", "Conv2d", "BatchNorm2d", "LeakyReLU", "Conv2d", "BatchNorm2d", "LeakyReLU",
    ]  # fmt: skip
    for layer in gan.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            assert (layer.kernel_size, layer.stride) == ((4, 4), (2, 2))
        if isinstance(layer, nn.LeakyReLU):
            assert layer.negative_slope == 0.2


def test_more_capacity_goes_to_the_generator_alone() -> None:
    usual, larger = build_reported_gan(), build_reported_gan(widths=(128, 256, 512))
    assert _count(larger.generator) > 3.9 * _count(usual.generator)
    assert _count(larger.discriminator) == _count(usual.discriminator)


@pytest.mark.parametrize("widths", [(8,), (4, 8), (4, 4, 8, 8)])
def test_any_number_of_levels_gives_a_picture(widths: tuple[int, ...]) -> None:
    assert BlotGenerator(widths).eval()(_pair()[0]).shape == (2, 1, 64, 64)


@pytest.mark.parametrize("size", [(64, 64), (24, 40), (65, 31), (9, 100)])
def test_a_picture_has_its_templates_size_and_lies_between_black_and_white(size: tuple[int, int]) -> None:
    picture = _small().eval()(_pair(size=size)[0])
    assert picture.shape == (2, 1, *size)
    assert picture.abs().max() <= 1


def test_logits_with_cross_entropy_are_the_reports_sigmoid_with_cross_entropy() -> None:
    gan = _small()
    logits = gan.discriminator(*_pair(4))
    for label in (torch.ones_like(logits), torch.zeros_like(logits)):
        reported = F.binary_cross_entropy(torch.sigmoid(logits), label)
        torch.testing.assert_close(F.binary_cross_entropy_with_logits(logits, label), reported)
    assert logits.shape == (4, 1)
    torch.testing.assert_close(gan.judge(*_pair(4)), torch.sigmoid(logits)[:, 0])


def test_a_judge_that_is_certain_and_wrong_still_teaches() -> None:
    logits = torch.tensor([[-200.0]], requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
    loss.backward()
    assert loss == 200
    assert logits.grad == -1


def test_the_judge_sees_the_mean_of_the_templates_and_the_picture() -> None:
    judge = _small().discriminator
    templates, pictures = _pair()
    logits = judge(templates, pictures)
    torch.testing.assert_close(judge(templates.flip(1), pictures), logits)
    assert not torch.allclose(judge(templates * torch.tensor([1.0, -1.0])[:, None, None], pictures), logits)
    assert not torch.allclose(judge(templates, pictures.flip(-1)), logits)


def test_both_templates_move_the_generators_picture() -> None:
    generator = _small().generator
    templates, _ = _pair()
    templates.requires_grad_()
    generator(templates).square().sum().backward()
    assert (templates.grad.abs().sum(dim=(0, 2, 3)) > 0).all()


def test_the_judge_judges_alike_while_training_and_while_tested() -> None:
    judge = _small().discriminator
    pair = _pair(1)
    trained = judge(*pair)
    judge.eval()
    torch.testing.assert_close(judge(*pair), trained)


def test_single_pictures_can_be_trained_on() -> None:
    gan = _small()
    templates, pictures = _pair(1)
    loss = gan.discriminator(templates, gan(templates)).mean() + gan.discriminator(templates, pictures).mean()
    loss.backward()
    for name, parameter in gan.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_a_few_steps_lower_both_losses() -> None:
    gan = _small()
    templates, pictures = _pair(4)
    generated = gan(templates).detach()
    optimizer = torch.optim.Adam(gan.discriminator.parameters(), 1e-2)
    losses = []
    for _ in range(15):
        real, fake = gan.discriminator(templates, pictures), gan.discriminator(templates, generated)
        loss = F.softplus(-real).mean() + F.softplus(fake).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    before = F.softplus(-gan.discriminator(templates, gan(templates))).mean().item()
    optimizer = torch.optim.Adam(gan.generator.parameters(), 2e-3)
    for _ in range(15):
        optimizer.zero_grad()
        F.softplus(-gan.discriminator(templates, gan(templates))).mean().backward()
        optimizer.step()
    assert F.softplus(-gan.discriminator(templates, gan(templates))).mean().item() < before
