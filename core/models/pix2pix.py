"""pix2pix (Isola et al., 2017, arXiv 1611.07004) for small grey pictures: U-Net generator, patch discriminator."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.models.blot_gan import TEMPLATES, ConditionalGan, pad_to_multiple

GENERATOR_WIDTHS = (64, 128, 256, 512, 512, 512)
DISCRIMINATOR_WIDTHS = (64, 128, 256)
DROPOUT_BLOCKS = 3
INSTANCE, BATCH = "instance", "batch"
NORMALISATIONS: Mapping[str, Callable[[int], nn.Module]] = MappingProxyType(
    {INSTANCE: partial(nn.InstanceNorm2d, affine=True), BATCH: nn.BatchNorm2d}
)


class UNetGenerator(nn.Module):
    """The paper's U-Net: 4×4 stride-2 convolutions down to one pixel, transposed ones back, every level skipped over.

    The paper's own network takes 256×256 and has eight levels; with six, C64-C128-C256-C512-C512-C512, a picture of
    64×64 reaches 1×1 as there: 29,239,489 parameters. Fewer or thinner ``widths`` are faster. As in the paper the
    outermost convolution and the innermost have no normalisation, and the first three blocks up have dropout 0.5,
    which is the network's only source of chance.

    Deviations: instance normalisation stands for the paper's batch normalisation "using the statistics of the test
    batch", which at its batch size of 1 is the same, and is so at other batch sizes too; dropout rests in ``eval``
    unless a generator of noise is given, so that scores can be repeated. With ``normalisation="batch"`` it is ordinary
    batch normalisation, with the batch's statistics in ``train`` and running ones in ``eval``: a picture keeps how much
    there is in it, which normalising each by itself takes away.

    Pictures whose sides are no multiple of ``2 ** len(widths)`` are padded by repeating the border, and the answer is
    cropped back.
    """

    def __init__(self, widths: tuple[int, ...] = GENERATOR_WIDTHS, *, normalisation: str = INSTANCE) -> None:
        """Build the levels.

        Args:
            widths: Channels after each convolution down, at least two.
            normalisation: ``instance`` or ``batch``.
        """
        normalise = NORMALISATIONS[normalisation]
        super().__init__()
        last = len(widths) - 1
        self.down = nn.ModuleList(
            _down(before, after, None if level in (0, last) else normalise)
            for level, (before, after) in enumerate(zip((TEMPLATES, *widths), widths, strict=False))
        )
        ups = [_up(widths[last], widths[last - 1], normalise)]
        ups += [_up(2 * widths[level], widths[level - 1], normalise) for level in range(last - 1, 0, -1)]
        self.up = nn.ModuleList(ups)
        self.head = nn.ConvTranspose2d(2 * widths[0], 1, 4, stride=2, padding=1)
        self.stride = 2 ** len(widths)
        self.apply(_initialise)

    def forward(self, templates: Tensor, noise: torch.Generator | None = None) -> Tensor:
        """Map templates ``(N, 2, H, W)`` to pictures ``(N, 1, H, W)``, both −1 to 1.

        Args:
            templates: The condition.
            noise: Where dropout draws from, in ``train`` and in ``eval``; lives on the templates' device. None uses
                torch's own generator in ``train`` and drops nothing in ``eval``.
        """
        height, width = templates.shape[-2:]
        features = pad_to_multiple(templates, self.stride)
        skips = []
        for level, down in enumerate(self.down):
            features = down(F.leaky_relu(features, 0.2) if level else features)
            skips.append(features)
        skips.pop()
        for level, up in enumerate(self.up):
            features = up(F.relu(features))
            if level < DROPOUT_BLOCKS:
                features = self._drop(features, noise)
            features = torch.cat([features, skips.pop()], dim=1)
        pictures: Tensor = torch.tanh(self.head(F.relu(features)))
        return pictures[..., :height, :width]

    def _drop(self, features: Tensor, noise: torch.Generator | None) -> Tensor:
        if noise is None:
            return F.dropout(features, 0.5, self.training)
        kept = torch.rand(features.shape, generator=noise, device=features.device) < 0.5
        return features * kept * 2


class PatchDiscriminator(nn.Module):
    """The paper's PatchGAN: a judgement on every patch of a picture together with its templates.

    C64-C128-C256 with the paper's 4×4 convolutions, of which the last and the one to logits have stride 1: each logit
    sees 34×34 pixels, 663,361 parameters. Deviation: the paper's favourite sees 70×70, more than a blot of 64×64 has.
    Instance normalisation as in :class:`UNetGenerator`, none in the first convolution. Logits are returned in place
    of the sigmoid, see :class:`core.models.blot_gan.BlotDiscriminator`.
    """

    def __init__(self, widths: tuple[int, ...] = DISCRIMINATOR_WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        last = len(widths) - 1
        for depth, (before, after) in enumerate(zip((TEMPLATES + 1, *widths), widths, strict=False)):
            layers.append(nn.Conv2d(before, after, 4, stride=1 if depth == last else 2, padding=1, bias=depth == 0))
            layers += [NORMALISATIONS[INSTANCE](after)] * (depth > 0)
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, padding=1))
        self.apply(_initialise)

    def forward(self, templates: Tensor, pictures: Tensor) -> Tensor:
        """Map templates ``(N, 2, H, W)`` and pictures ``(N, 1, H, W)`` to logits ``(N, 1, H/4 − 2, W/4 − 2)``.

        Smallest picture: 12×12.
        """
        logits: Tensor = self.layers(torch.cat([templates, pictures], dim=1))
        return logits


def build_pix2pix(
    *,
    widths: tuple[int, ...] = GENERATOR_WIDTHS,
    discriminator_widths: tuple[int, ...] = DISCRIMINATOR_WIDTHS,
    normalisation: str = INSTANCE,
) -> ConditionalGan:
    """Return the pair, initialised as in the paper: weights of convolutions from N(0, 0.02²), biases 0.

    Args:
        widths: Of the generator.
        discriminator_widths: Of the discriminator.
        normalisation: Of the generator, ``instance`` or ``batch``. The discriminator's is by instance: true and
            generated pictures come to it in batches of their own, whose statistics would tell them apart.
    """
    generator = UNetGenerator(widths, normalisation=normalisation)
    return ConditionalGan(generator, PatchDiscriminator(discriminator_widths))


def _down(before: int, after: int, normalise: Callable[[int], nn.Module] | None) -> nn.Module:
    convolution = nn.Conv2d(before, after, 4, stride=2, padding=1, bias=normalise is None)
    return nn.Sequential(convolution, normalise(after)) if normalise else convolution


def _up(before: int, after: int, normalise: Callable[[int], nn.Module]) -> nn.Module:
    transposed = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(transposed, normalise(after))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
