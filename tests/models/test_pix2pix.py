import pytest
import torch
from torch import Tensor, nn

from core.models.blot_gan import ConditionalGan
from core.models.pix2pix import NORMALISATIONS, PatchDiscriminator, UNetGenerator, build_pix2pix


def _count(network: nn.Module) -> int:
    return sum(each.numel() for each in network.parameters())


def _small() -> ConditionalGan:
    torch.manual_seed(0)
    return build_pix2pix(widths=(4, 8, 8, 8), discriminator_widths=(4, 8, 8))


def _templates(batch: int = 2, size: tuple[int, int] = (64, 64)) -> Tensor:
    return torch.rand(batch, 2, *size, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_the_networks_have_the_sizes_summed_by_hand() -> None:
    with torch.device("meta"):
        gan = ConditionalGan(UNetGenerator(), PatchDiscriminator())
    down = 16 * (2 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 2 * 512 * 512) + 64 + 512
    up = 16 * (512 * 512 + 1024 * 512 + 1024 * 256 + 512 * 128 + 256 * 64 + 128 * 1) + 1
    norms = 2 * (128 + 256 + 512 + 512) + 2 * (512 + 512 + 256 + 128 + 64)
    assert _count(gan.generator) == down + up + norms == 29_239_489
    patch = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 1) + 64 + 1 + 2 * (128 + 256)
    assert _count(gan.discriminator) == patch == 663_361


def test_a_picture_of_64_reaches_one_pixel_as_in_the_paper() -> None:
    sizes = []
    generator = UNetGenerator((4, 4, 4, 4, 4, 4))
    generator.down[-1].register_forward_hook(lambda *passed: sizes.append(passed[-1].shape[-2:]))
    generator(_templates(1))
    assert sizes == [(1, 1)]


def test_weights_begin_as_in_the_paper() -> None:
    for module in build_pix2pix(widths=(32, 64, 64), discriminator_widths=(32, 64, 64)).modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            assert module.weight.mean().item() == pytest.approx(0, abs=0.004)
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.15)
            assert module.bias is None or not module.bias.any()


@pytest.mark.parametrize("normalisation", ["instance", "batch"])
def test_an_answer_does_not_depend_on_the_other_pictures_of_its_batch(normalisation: str) -> None:
    torch.manual_seed(0)
    gan, templates = build_pix2pix(widths=(4, 8, 8), normalisation=normalisation), _templates(4)
    alone = torch.cat([gan.eval()(each[None]) for each in templates])
    assert torch.allclose(alone, gan(templates), atol=1e-6)
    kinds = {type(each) for part in (gan.generator, gan.discriminator) for each in part.modules()}
    assert (nn.BatchNorm2d in kinds) is (normalisation == "batch")
    assert nn.BatchNorm2d not in {type(each) for each in gan.discriminator.modules()}


def test_normalising_by_batch_keeps_how_much_there_is_in_a_picture() -> None:
    features = torch.stack([torch.full((4, 8, 8), 1.0), torch.full((4, 8, 8), 3.0)])
    features = features + 0.01 * torch.randn(features.shape, generator=torch.Generator().manual_seed(0))
    means = {name: NORMALISATIONS[name](4)(features).mean(dim=(1, 2, 3)) for name in NORMALISATIONS}
    assert means["instance"].tolist() == pytest.approx([0, 0], abs=1e-3)
    assert means["batch"].tolist() == pytest.approx([-1, 1], abs=0.01)


@pytest.mark.parametrize("size", [(64, 64), (24, 40), (65, 31), (12, 100)])
def test_a_picture_has_its_templates_size_and_lies_between_black_and_white(size: tuple[int, int]) -> None:
    gan = _small()
    picture = gan(_templates(size=size))
    assert picture.shape == (2, 1, *size)
    assert picture.abs().max() <= 1
    assert gan.discriminator(_templates(size=size), picture).shape == (2, 1, size[0] // 4 - 2, size[1] // 4 - 2)


def test_each_judgement_depends_on_34_by_34_pixels() -> None:
    judge = nn.Sequential(*[each for each in _small().discriminator.layers if not isinstance(each, nn.InstanceNorm2d)])
    seen = torch.rand(1, 3, 64, 64, requires_grad=True)
    judge(seen)[0, 0, 7, 7].backward()
    rows, columns = seen.grad[0].abs().sum(dim=0).nonzero().amax(0) - seen.grad[0].abs().sum(dim=0).nonzero().amin(0)
    assert (rows + 1, columns + 1) == (34, 34)


def test_the_judge_tells_the_templates_apart() -> None:
    judge, picture = _small().discriminator, torch.rand(2, 1, 64, 64)
    assert not torch.allclose(judge(_templates().flip(1), picture), judge(_templates(), picture))


def test_a_probability_is_the_mean_over_patches() -> None:
    gan, picture = _small(), torch.rand(2, 1, 64, 64)
    patches = torch.sigmoid(gan.discriminator(_templates(), picture))
    torch.testing.assert_close(gan.judge(_templates(), picture), patches.mean(dim=(1, 2, 3)))


@pytest.mark.parametrize("level", [0, 1, 2])
def test_every_skip_carries_the_templates_past_the_levels_below(level: int) -> None:
    generator = _small().generator.eval()
    for below in generator.down[level + 1 :]:
        for parameter in below.parameters():
            parameter.data.zero_()
    first, second = generator(_templates())
    assert not torch.allclose(first, second)


def test_the_innermost_level_reaches_the_picture() -> None:
    generator = _small().generator.eval()
    before = generator(_templates())
    generator.down[-1].weight.data.zero_()
    assert not torch.allclose(generator(_templates()), before)


def test_a_picture_does_not_depend_on_the_others_of_its_batch() -> None:
    gan = _small().eval()
    torch.testing.assert_close(gan(_templates(3))[:1], gan(_templates(3)[:1]))


def test_without_noise_the_picture_is_always_the_same_and_with_noise_it_follows_the_seed() -> None:
    generator = _small().generator.eval()
    templates = _templates()
    assert torch.equal(generator(templates), generator(templates))
    first, again, other = (generator(templates, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


@pytest.mark.parametrize("training", [True, False])
@torch.no_grad()
def test_noise_drops_half_the_features_of_three_levels_and_doubles_the_rest(training: bool) -> None:
    torch.manual_seed(0)
    generator = UNetGenerator((4, 8, 8, 8, 8)).train(training)
    made: list[Tensor] = []
    entered: list[Tensor] = []
    for level, following in zip(generator.up, [*generator.up[1:], generator.head], strict=True):
        level.register_forward_hook(lambda *call: made.append(call[2]))
        following.register_forward_pre_hook(lambda _, given: entered.append(given[0]))
    generator(_templates(1, (512, 512)), torch.Generator().manual_seed(0))
    for level, (before, after) in enumerate(zip(made, entered, strict=True)):
        alive = before > 0  # a ReLU stands between them
        factors = after[:, : before.shape[1]][alive] / before[alive]
        assert set(factors.unique().tolist()) == ({0.0, 2.0} if level < 3 else {1.0}), level
        assert factors.mean().item() == pytest.approx(1, abs=0.05), level


def test_single_pictures_can_be_trained_on() -> None:
    gan = _small()
    gan.discriminator(_templates(1), gan(_templates(1))).mean().backward()
    for name, parameter in gan.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_a_few_steps_bring_the_picture_nearer() -> None:
    gan, templates = _small(), _templates(4)
    target = (templates[:, :1] * templates[:, 1:]).round()
    optimizer = torch.optim.Adam(gan.generator.parameters(), 1e-2)
    losses = []
    for _ in range(15):
        loss = (gan(templates) - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
