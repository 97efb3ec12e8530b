"""Translation: a picture is drawn from templates by a generator, which a discriminator learns to see through."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.data.torch_datasets.blots import lay_side_by_side, to_grey
from core.data.transforms.arrays import FloatImage
from core.engine.score import Score
from core.engine.task import Batch, PartLoss, SamplePicture, Task
from core.metrics.blots import BlotScores
from core.models.blot_gan import ConditionalGan

SSIM = Score(
    "ssim",
    "SSIM",
    "structural similarity of generated and true picture (Gaussian window 11×11, σ 1.5, data range 2), mean over the "
    "split's pictures",
)
SAMPLE_SCALE = 3


@dataclass(frozen=True)
class Game:
    """The rules by which generator and discriminator play.

    Attributes:
        l1_weight: Of the mean absolute difference from the true picture in the generator's loss; 0 leaves it out.
        real_target: What the discriminator is to say of true pictures: 1, or a little less, so that it never becomes
            certain (one-sided label smoothing, Salimans et al., 2016, arXiv 1606.03498). The generator's own target
            stays 1.
        mean: Whether the discriminator's losses on true and on generated pictures are averaged, which makes ln 2 the
            loss of one that guesses, or added, which makes it 2·ln 2.
        discriminator_rate: Factor on the learning rate of the discriminator.
    """

    l1_weight: float = 0.0
    real_target: float = 1.0
    mean: bool = True
    discriminator_rate: float = 1.0


class TranslationTask(Task):
    """Trains generator and discriminator in turn, on the same generated pictures.

    In each step the generator runs once. Its pictures are shown to the discriminator without a way back, so that the
    discriminator's step moves no weight of the generator; the generator's step sees the moved discriminator but leaves
    neither step nor gradient in it. Batch normalisation of the generator counts every batch once. The discriminator
    never sees true and generated pictures in one batch.
    """

    monitor = SSIM

    def __init__(self, network: ConditionalGan, game: Game, *, noise: bool = False) -> None:
        """Join the pair and its rules.

        Args:
            network: Generator and discriminator.
            game: Losses and rates.
            noise: Whether the generator takes a source of chance beside the templates.
        """
        self.network = network
        self.game = game
        self.noise = noise

    def parts(self) -> dict[str, nn.Module]:
        """Return the two networks; each has its own optimiser."""
        return {"generator": self.network.generator, "discriminator": self.network.discriminator}

    def adopt(self, parts: Mapping[str, nn.Module]) -> None:
        """Use these two from now on."""
        self.network = ConditionalGan(parts["generator"], parts["discriminator"])

    def rates(self) -> dict[str, float]:
        """Return the factor on the discriminator's rate."""
        return {"discriminator": self.game.discriminator_rate}

    def losses(self, batch: Batch) -> Iterator[PartLoss]:
        """Yield the discriminator's loss of a batch of ``images``, the templates, and ``target``; then the generator's.

        Recorded beside them: how often the discriminator is right on true and on generated pictures before its step,
        and the two terms of the generator's loss.
        """
        templates, target = batch["images"], batch["target"]
        generated = self.network.generator(templates).float()
        real = self._judge(templates, target)
        fake = self._judge(templates, generated.detach())
        right = {"real_accuracy": _share(_probability(real) >= 0.5), "fake_accuracy": _share(_probability(fake) < 0.5)}
        yield PartLoss(self._discriminator_loss(real, fake), "discriminator", right)
        with _held_still(self.network.discriminator):
            judged = self._judge(templates, generated)
        adversarial, distance = self._generator_terms(judged, generated, target)
        terms = {"adversarial": float(adversarial.detach()), "l1": float(distance.detach())}
        yield PartLoss(adversarial + self.game.l1_weight * distance, "generator", terms)

    def _judge(self, templates: Tensor, pictures: Tensor) -> Tensor:
        logits: Tensor = self.network.discriminator(templates, pictures)
        return logits.float()

    def _discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        target = torch.full_like(real, self.game.real_target)
        both = F.binary_cross_entropy_with_logits(real, target) + F.softplus(fake).mean()
        return both / 2 if self.game.mean else both

    def _generator_terms(self, judged: Tensor, generated: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cross-entropy of being taken for real, and the mean absolute difference from the true picture."""
        return F.softplus(-judged).mean(), (generated - target).abs().mean()

    def new_scores(self) -> "TranslationScores":
        """Return an empty accumulator."""
        return TranslationScores()

    @torch.inference_mode()
    def predict(self, templates: Tensor, noise: torch.Generator | None = None) -> Tensor:
        """Return the pictures ``(N, 1, H, W)``, −1 to 1, of templates ``(N, 2, H, W)``.

        Args:
            templates: The condition.
            noise: A source of chance on the templates' device, for a generator that takes one; None draws the same
                picture each time.
        """
        given = {} if noise is None else {"noise": noise}
        pictures: Tensor = self.network.generator(templates, **given)
        return pictures.float()

    @torch.inference_mode()
    def evaluate(self, batch: Batch, scores: "TranslationScores") -> FloatImage:
        """Return the picture ``(1, H, W)`` of one example, scored against the true one.

        One at a time, because the report's discriminator normalises by the batch that it sees, and true pictures among
        generated ones are not what it was trained on.
        """
        templates, target = batch["images"], batch["target"]
        generated = self.predict(templates)
        real, fake = self._judge(templates, target), self._judge(templates, generated)
        adversarial, distance = self._generator_terms(fake, generated, target)
        scores.add_losses(
            discriminator=float(self._discriminator_loss(real, fake)),
            generator=float(adversarial + self.game.l1_weight * distance),
        )
        drawn, true, condition = (each[0].cpu().numpy() for each in (generated, target, templates))
        probabilities = {"real_probability": _probability(real).item(), "fake_probability": _probability(fake).item()}
        scores.update(batch["name"], drawn, true, condition, **probabilities)
        return np.asarray(drawn, np.float32)

    def draw(self, batch: Batch, prediction: FloatImage) -> Iterable[SamplePicture]:
        """Show both templates, the generated picture and the true one, each pixel enlarged."""
        templates, target = (batch[key][0].cpu().numpy() for key in ("images", "target"))
        greys = [to_grey(each) for each in (*templates, prediction[0], target[0])]
        yield SamplePicture(batch["name"], lay_side_by_side(greys, scale=SAMPLE_SCALE))


class TranslationScores(BlotScores):
    """The scores of a split, and the mean losses of both networks over its pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[tuple[float, float]] = []

    def add_losses(self, *, discriminator: float, generator: float) -> None:
        """Take the losses of one picture."""
        self.losses.append((discriminator, generator))

    def compute(self) -> dict[str, float]:
        """Return every score, ``loss_discriminator``, ``loss_generator``, and ``loss``, their sum."""
        if not self.losses:
            return super().compute()
        discriminator, generator = (float(each) for each in np.mean(self.losses, axis=0))
        both = {"loss_discriminator": discriminator, "loss_generator": generator, "loss": discriminator + generator}
        return super().compute() | both


def _probability(logits: Tensor) -> Tensor:
    """Return the probability ``(N,)`` that each picture is real, averaged over its patches if it has any."""
    return logits.detach().sigmoid().flatten(1).mean(dim=1)


def _share(found: Tensor) -> float:
    return float(found.float().mean())


@contextmanager
def _held_still(module: nn.Module) -> Iterator[None]:
    """Let gradients pass through a module and leave none in it."""
    moved = [each for each in module.parameters() if each.requires_grad]
    for each in moved:
        each.requires_grad_(False)
    try:
        yield
    finally:
        for each in moved:
            each.requires_grad_(True)
