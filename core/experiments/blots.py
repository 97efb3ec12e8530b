"""Western blot generation (report R1): can a picture of a blot be drawn from where its lanes and bands lie?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from core.config import RunConfig, knob
from core.errors import UserError
from core.experiments.experiment import Arm, Experiment, Recipe, Reported
from core.experiments.setup import Say, Setup, say_nothing

if TYPE_CHECKING:
    from torch import nn

    from core.data.layouts.blots import BlotItem, BlotSet
    from core.data.torch_datasets.labelled import PreparedPicture
    from core.data.transforms.arrays import Pixels
    from core.engine.score import Score
    from core.engine.task import Batch, Task, TaskData
    from core.models.blot_gan import ConditionalGan

PIX2PIX = "pix2pix"
MOST_LEVELS = 6
"""A picture of 64×64, halved six times, is one pixel."""
LN_2 = 0.6931
REMEDIES: Mapping[str, Mapping[str, object]] = {
    "slow-discriminator": {"discriminator_rate": 0.25},
    "wide-generator": {"width": 128},
    "smooth-labels": {"real_target": 0.9},
}
"""What each of the report's remedies changes, whatever the recipe."""
SMALL = {"width": 32, "levels": 4, "judge_width": 32}
"""A pix2pix that a processor trains in minutes: 1.54 million parameters draw, 0.17 million judge."""
REPORT, END = "Report R1, training loss", "epoch 118, step 270"


@dataclass(frozen=True, kw_only=True)
class BlotsConfig(RunConfig):
    """Knobs of blot generation."""

    width: int = knob(
        64, "Channels after the generator's first convolution. They double with each level, in pix2pix up to eight "
        "times.", low=2, high=512, unit="channels", group="Networks",
    )  # fmt: skip
    levels: int = knob(3, "How often the generator halves the picture before it draws.", low=2, high=MOST_LEVELS,
                       group="Networks")  # fmt: skip
    judge_width: int = knob(
        64, "Channels after the discriminator's first convolution; it has three, and they double.", low=2, high=512,
        unit="channels", group="Networks", advanced=True,
    )  # fmt: skip
    normalisation: str = knob(
        "instance",
        "How pix2pix' generator normalises. The paper's way is by instance, each blot by itself, which takes away how "
        "much ink there is on the whole; by batch it learns what is usual. Other arms are as reported.",
        choices=("instance", "batch"), group="Networks", advanced=True,
    )  # fmt: skip
    l1_weight: float = knob(
        0.0, "Weight of the mean absolute difference from the true blot in the generator's loss; pix2pix has 100, 0 "
        "leaves the discriminator as the only teacher.", low=0.0, high=10_000.0,
    )  # fmt: skip
    discriminator_rate: float = knob(1.0, "Learning rate of the discriminator as a part of the generator's.", low=0.001,
                                     high=100.0)  # fmt: skip
    real_target: float = knob(
        1.0, "What the discriminator is to answer to true blots; 0.9 keeps it from becoming certain (label smoothing).",
        low=0.5, high=1.0,
    )  # fmt: skip
    judge_loss: str = knob(
        "mean",
        "How the discriminator's losses on true and generated blots are joined. With mean, ln 2 is the loss of one "
        "that guesses; with sum, which is what the report's numbers are, twice that. Adam takes the same steps.",
        choices=("mean", "sum"), advanced=True,
    )  # fmt: skip
    mirror: bool = knob(True, "Swap left and right at random.", group="Augmentation")
    jitter: int = knob(0, "Enlarge at random by up to this and cut the old size out.", low=0, high=32, unit="pixels",
                       group="Augmentation")  # fmt: skip

    def __post_init__(self) -> None:
        """Hold the knobs against each other.

        Raises:
            UserError: If batch normalisation would see a single number.
        """
        super().__post_init__()
        if self.arm != PIX2PIX and self.levels == MOST_LEVELS and self.batch_size == 1:
            raise UserError(
                f"levels was given as {self.levels} with batch_size 1, but batch normalisation cannot work on one "
                f"pixel of one picture; set levels to {MOST_LEVELS - 1} or batch_size to 2."
            )


class BlotsSetup(Setup[BlotsConfig, "BlotSet", "BlotItem"]):
    """Builds the pairs of networks, and blots as pairs of templates and target."""

    def build_network(self) -> "ConditionalGan":
        """Return the arm's generator and discriminator."""
        from core.models.blot_gan import BlotDiscriminator, BlotGenerator, ConditionalGan
        from core.models.pix2pix import build_pix2pix

        own = self.config
        doubled = tuple(own.width * 2**level for level in range(own.levels))
        judge = (own.judge_width, 2 * own.judge_width, 4 * own.judge_width)
        if own.arm == PIX2PIX:
            widths = tuple(min(each, 8 * own.width) for each in doubled)
            return build_pix2pix(widths=widths, discriminator_widths=judge, normalisation=own.normalisation)
        return ConditionalGan(BlotGenerator(doubled), BlotDiscriminator(judge))

    def build_task(self, network: "nn.Module", *, careful: bool = False) -> "Task":
        """Join the pair with the rules of its game."""
        from core.models.blot_gan import ConditionalGan
        from core.tasks.translation import Game, TranslationTask

        assert isinstance(network, ConditionalGan)
        own = self.config
        game = Game(own.l1_weight, own.real_target, own.judge_loss == "mean", own.discriminator_rate)
        return TranslationTask(network, game, noise=own.arm == PIX2PIX)

    def build_data(self, network: "nn.Module", *, say: Say = say_nothing) -> "TaskData":
        """Open the blots, hold a part of the gels back for validation and keep the rest in memory."""
        from core.data.layouts.blots import load_blots
        from core.data.torch_datasets.blots import BlotDataset

        own = self.config
        training, held = self.split_training(self.found)
        say(f"Opening {len(training) + len(held)} blots.")
        dataset = BlotDataset(list(load_blots(training)), mirror=own.mirror, jitter=own.jitter, seed=own.seed)
        note = f"{len(training)} blots to train on, {len(held)} to validate on."
        return self.join_data(dataset, list(self.whole_images(held)), training, note)

    def whole_images(self, items: Sequence["BlotItem"]) -> "Iterator[Batch]":
        """Yield the blots one by one."""
        import torch

        from core.data.layouts.blots import load_blots

        for item, (templates, target) in zip(items, load_blots(items), strict=True):
            pair = {"images": torch.from_numpy(templates)[None], "target": torch.from_numpy(target)[None]}
            yield {**pair, "name": item.name}

    def prepare_picture(self, pixels: "Pixels") -> "PreparedPicture":
        """Take the templates that lie side by side in a picture apart.

        Raises:
            UserError: If it is not twice as wide as high.
        """
        import numpy as np
        import torch

        from core.data.torch_datasets.blots import split_templates
        from core.data.torch_datasets.labelled import PreparedPicture

        templates = torch.from_numpy(split_templates(pixels))[None]
        return PreparedPicture(templates, np.ones(pixels.shape[:2], np.bool_))


class Blots(Experiment):
    """The question, its arms and recipes, and how a run is built."""

    slug = "blots"
    title = "Western blots"
    kind = "translation"
    question = "Can a blot be drawn from its lanes and bands, and what keeps the discriminator from winning?"
    caution = "A generated blot shows no experiment. Never pass one off as a result."
    verb = "Draw the blot"
    config_type = BlotsConfig
    setup_type = BlotsSetup
    monitor = "ssim"
    loss_level = (LN_2, "ln 2: balance")
    data_help = (
        "The name synthetic, or a folder: template1/, template2/ and target/ with equal file names, or gel images/ "
        "with band masks/."
    )
    arms = (
        Arm(
            PIX2PIX, "pix2pix",
            "A U-Net draws, a discriminator judges patches of it beside both templates, and the distance from the true "
            "blot counts too.",
        ),
        Arm(
            "reported", "As reported",
            "The report's encoder and decoder without skips, 1.32 million parameters, and its discriminator of whole "
            "pictures, 0.66 million.",
        ),
        Arm("slow-discriminator", "Slow discriminator",
            "The report's networks; the discriminator learns at a quarter of the rate."),
        Arm("wide-generator", "Wide generator",
            "The report's networks; the generator has twice the channels, 5.25 million parameters."),
        Arm("smooth-labels", "Smooth labels",
            "The report's networks; the discriminator is to answer 0.9 to true blots instead of 1."),
    )  # fmt: skip
    recipes = (
        Recipe(
            "improved",
            "Improved",
            "The distance from the true blot is in the loss with weight 100, which tells the generator where it is "
            "wrong when the discriminator is too good to teach it. Adam with first beta 0.5, batches of four, blots "
            "mirrored and enlarged at random. pix2pix draws with 1.5 million parameters in place of the "
            "paper's 29, which a processor trains in minutes; it normalises by batch, so that it can learn how much "
            "ink is usual, weighs the distance twice as much, and keeps a moving average of its weights: on held-back "
            "gels this is better in every score.",
            {
                "epochs": 30, "batch_size": 4, "learning_rate": 5e-4, "optimizer": "adam", "beta1": 0.5,
                "l1_weight": 100.0, "jitter": 8,
            },
            {
                PIX2PIX: {**SMALL, "epochs": 12, "l1_weight": 200.0, "jitter": 28, "average": 0.99,
                          "normalisation": "batch"},
                **REMEDIES,
            },
        ),
        Recipe(
            "reported",
            "As reported",
            "Report R1: cross-entropy alone, Adam at 2e-4 with its usual betas, one blot at a time, no augmentation; "
            "200 epochs were planned and stopped at 118. The discriminator's two losses are added, so that one that "
            "guesses has 1.386. pix2pix keeps what its paper says: the distance with weight 100, first beta 0.5, full "
            "width.",
            {
                "epochs": 118, "batch_size": 1, "learning_rate": 2e-4, "optimizer": "adam", "beta1": 0.9,
                "schedule": "constant", "judge_loss": "sum", "mirror": False,
            },
            {PIX2PIX: {"levels": MOST_LEVELS, "l1_weight": 100.0, "beta1": 0.5, "judge_loss": "mean"}, **REMEDIES},
        ),
        Recipe(
            "quick",
            "Quick look",
            "Under a minute on two processor cores with the synthetic blots: enough to see bands appear. Batches of "
            "four and a higher rate, to get there in a few hundred steps.",
            {"epochs": 3, "batch_size": 4, "learning_rate": 5e-4, "optimizer": "adam", "beta1": 0.5},
            {PIX2PIX: {**SMALL, "l1_weight": 100.0}, **REMEDIES},
        ),
    )  # fmt: skip
    reported = (
        Reported("loss_discriminator", 0.0683, f"{REPORT}, {END}", "reported", "402 blots"),
        Reported("loss_generator", 3.5220, f"{REPORT}, {END}", "reported", "402 blots"),
        *(
            Reported(f"loss_{part}", value, f"{REPORT}, {when}", "reported", "402 blots")
            for when, discriminator, generator in (
                ("epoch 1, step 10", 1.3715, 0.7412),
                ("epoch 1, step 40", 1.3699, 0.6840),
                ("epoch 118, step 200", 0.4921, 2.2424),
                ("epoch 118, step 230", 0.0263, 4.2039),
            )
            for part, value in (("discriminator", discriminator), ("generator", generator))
        ),
    )
    score_titles: ClassVar[Mapping[str, str]] = {
        "ssim": "SSIM", "l1": "L1", "psnr": "PSNR", "profile_correlation": "Correlation of lane profiles",
        "real_accuracy": "Discriminator right on true blots", "fake_accuracy": "Discriminator right on generated blots",
        "loss_discriminator": "Loss of the discriminator", "loss_generator": "Loss of the generator", "loss": "Loss",
    }  # fmt: skip
    lower_is_better = frozenset({"l1", "loss", "loss_discriminator", "loss_generator"})

    synthetic_pictures = 402
    fewest_pictures = 6

    def score_of(self, arm: str) -> "Score":
        """Return SSIM."""
        from core.tasks.translation import SSIM

        return SSIM

    def make_data(self, folder: Path, *, n: int, seed: int = 0) -> None:
        """Write synthetic blots as template1/, template2/ and target/."""
        from core.data.synthetic.blots import write_blots

        write_blots(folder, n=n, seed=seed)

    def open_folder(self, folder: Path) -> "BlotSet":
        """Recognise the folder's layout."""
        from core.data.layouts.blots import open_blots

        return open_blots(folder)


EXPERIMENT = Blots()
