"""The conditional GAN of the Western blot report: two templates in, a blot out, and a judge of both together."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TEMPLATES = 2
REPORTED_WIDTHS = (64, 128, 256)


class BlotGenerator(nn.Module):
    """The report's encoder and decoder, without skips: 4×4 stride-2 convolutions down, transposed ones back, tanh.

    With ``widths=(64, 128, 256)`` the layers are 2→64→128→256 and 256→128→64→1, 1,315,073 parameters. Readings of
    what the report leaves open: every convolution down has batch normalisation, the first one too ("three convolutions
    64-128-256 with batch norm and ReLU"); so have the two inner transposed ones; the last gives the one grey channel
    and goes straight into tanh. Deviation: only the last layer has a bias, because batch normalisation takes away what
    a bias before it adds; with the useless biases it would be 1,315,713.

    Pictures whose sides are no multiple of ``2 ** len(widths)`` are padded by repeating the border, and the answer is
    cropped back.
    """

    def __init__(self, widths: tuple[int, ...] = REPORTED_WIDTHS) -> None:
        """Build the layers.

        Args:
            widths: Channels after each convolution down; larger ones give the generator more capacity, which is one of
                the report's remedies.
        """
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((TEMPLATES, *widths), widths, strict=False):
            convolution = nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        for before, after in zip(widths[:0:-1], widths[-2::-1], strict=True):
            transposed = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False)
            layers += [transposed, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(widths[0], 1, 4, stride=2, padding=1), nn.Tanh())
        self.stride = 2 ** len(widths)

    def forward(self, templates: Tensor) -> Tensor:
        """Map templates ``(N, 2, H, W)`` to pictures ``(N, 1, H, W)``, both −1 to 1."""
        height, width = templates.shape[-2:]
        pictures: Tensor = self.layers(pad_to_multiple(templates, self.stride))
        return pictures[..., :height, :width]


class BlotDiscriminator(nn.Module):
    """The report's judge: one number for a whole picture together with its templates.

    It sees two channels, the pixel-wise mean of the templates and the picture: 4×4 stride-2 convolutions 64-128-256,
    LeakyReLU 0.2, batch normalisation from the second on, global average pooling, a linear layer; 658,497 parameters.
    The report ends in a sigmoid. Deviation: logits are returned instead, because the sigmoid of a confident judge
    rounds to 1 and its cross-entropy to infinity; binary cross-entropy *with logits* is the same number computed
    safely, and :meth:`ConditionalGan.judge` applies the sigmoid for reading.

    Batch normalisation keeps no running statistics: it uses those of the batch in ``eval`` too. With pictures one at a
    time, true and generated ones are normalised by different numbers while training; an average of both makes the same
    weights call every true picture false. Smallest picture: 16×16.
    """

    def __init__(self, widths: tuple[int, ...] = REPORTED_WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for depth, (before, after) in enumerate(zip((2, *widths), widths, strict=False)):
            layers.append(nn.Conv2d(before, after, 4, stride=2, padding=1, bias=depth == 0))
            layers += [nn.BatchNorm2d(after, track_running_stats=False)] * (depth > 0)
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        self.features = nn.Sequential(*layers)
        self.linear = nn.Linear(widths[-1], 1)

    def forward(self, templates: Tensor, pictures: Tensor) -> Tensor:
        """Map templates ``(N, 2, H, W)`` and pictures ``(N, 1, H, W)`` to logits ``(N, 1)``; above 0 means real."""
        seen = torch.cat([templates.mean(dim=1, keepdim=True), pictures], dim=1)
        logits: Tensor = self.linear(self.features(seen).mean(dim=(2, 3)))
        return logits


class ConditionalGan(nn.Module):
    """A generator and the discriminator it is trained against, kept together so that one file holds both.

    Attributes:
        generator: Maps templates ``(N, 2, H, W)`` to pictures ``(N, 1, H, W)``, both −1 to 1.
        discriminator: Maps templates and pictures to logits, ``(N, 1)`` for the whole picture or ``(N, 1, h, w)`` for
            patches of it.
    """

    def __init__(self, generator: nn.Module, discriminator: nn.Module) -> None:
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator

    def forward(self, templates: Tensor) -> Tensor:
        """Generate pictures ``(N, 1, H, W)``, −1 to 1, from templates ``(N, 2, H, W)``, −1 to 1."""
        pictures: Tensor = self.generator(templates)
        return pictures

    def judge(self, templates: Tensor, pictures: Tensor) -> Tensor:
        """Return the probability ``(N,)`` that each picture is real: the sigmoid, averaged over patches if any."""
        return torch.sigmoid(self.discriminator(templates, pictures)).flatten(1).mean(dim=1)


def build_reported_gan(*, widths: tuple[int, ...] = REPORTED_WIDTHS) -> ConditionalGan:
    """Return the report's pair, initialised as PyTorch does since the report names no other way.

    Args:
        widths: Of the generator alone; the discriminator keeps the report's, or more capacity would help neither side.
    """
    return ConditionalGan(BlotGenerator(widths), BlotDiscriminator())


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Pad ``(N, C, H, W)`` below and to the right by repeating the border until both sides are multiples."""
    height, width = images.shape[-2:]
    return F.pad(images, (0, -width % multiple, 0, -height % multiple), mode="replicate")
