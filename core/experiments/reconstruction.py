"""Retinal image reconstruction (report R1): does a photograph pass an autoencoder's bottleneck, or by it?"""

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

    from core.data.layouts.images_only import PictureItem, PictureSet
    from core.data.torch_datasets.labelled import PreparedPicture
    from core.data.torch_datasets.whole_images import WorkingSize
    from core.data.transforms.arrays import Pixels
    from core.engine.score import Score
    from core.engine.task import Batch, Task, TaskData

SMALLEST_PATCH = 32
STEPS_DOWN = 3


@dataclass(frozen=True)
class Way:
    """What an arm does: whether features skip the bottleneck, and whether noise is to be taken away."""

    skips: bool = True
    noisy: bool = False


WAYS = {"with-skips": Way(), "no-skips": Way(skips=False), "denoising": Way(noisy=True)}


@dataclass(frozen=True, kw_only=True)
class ReconstructionConfig(RunConfig):
    """Knobs of reconstruction."""

    size: int = knob(
        512,
        "Pictures are resized to a square of this side, which squashes what is no square; PSNR and SSIM are measured "
        "at this size.",
        low=32, high=2048, unit="pixels", group="Pictures",
    )  # fmt: skip
    keep_shape: bool = knob(False, "Make the longer side as long as size and keep the shape instead of squashing.",
                            group="Pictures", advanced=True)  # fmt: skip
    patch: int = knob(0, "Side of the random cuts to train on; 0 trains on whole pictures.", low=0, high=2048,
                      unit="pixels", group="Pictures")  # fmt: skip
    patches: int = knob(24, "Cuts of each picture in one epoch.", low=1, high=10_000, group="Pictures")
    flips: bool = knob(False, "Mirror and quarter-turn at random.", group="Augmentation")
    noise: float = knob(
        0.1,
        "Arm denoising only: standard deviation of the noise that is added to what the network sees, where black is -1 "
        "and white 1. 0.1 leaves a picture with a PSNR of 26 dB.",
        low=0.0, high=2.0, group="Pictures",
    )  # fmt: skip
    width: int = knob(64, "Maps at the picture's full size; twice as many at each of the two steps below.", low=4,
                      high=256, group="Network")  # fmt: skip
    bottleneck: int = knob(
        512,
        "Maps at an eighth of the sides. Each 64 of them hold one number for every pixel, the picture holds three: "
        "below 192 the bottleneck is smaller than the picture.",
        low=1, high=4096, group="Network",
    )  # fmt: skip
    normalisation: str = knob(
        "batch",
        "batch normalises every map over the pictures of a step, as reported; none leaves that out and starts from "
        "He's weights, so that brightness need not be guessed back.",
        choices=("batch", "none"), group="Network",
    )  # fmt: skip
    loss: str = knob("mse", "What goes down: the mean squared or the mean absolute error.", choices=("mse", "mae"))

    def __post_init__(self) -> None:
        """Hold the knobs against each other.

        Raises:
            UserError: If patches are too small or too large, or whole pictures of different shapes would make a batch.
        """
        super().__post_init__()
        if self.patch and not SMALLEST_PATCH <= self.patch <= self.size:
            raise UserError(
                f"patch was given as {self.patch}; 0, or {SMALLEST_PATCH} to {self.size} pixels, the size, is allowed."
            )
        if self.keep_shape and not self.patch and self.batch_size > 1:
            raise UserError(
                f"batch_size was given as {self.batch_size} with keep_shape and patch 0, but whole pictures may differ "
                "in shape; set batch_size to 1, or give a patch."
            )


class ReconstructionSetup(Setup[ReconstructionConfig, "PictureSet", "PictureItem"]):
    """Builds autoencoders, and pictures with what they shall become."""

    @property
    def way(self) -> Way:
        """Return what the arm does."""
        return WAYS[self.config.arm]

    @property
    def noise(self) -> float:
        """Return the standard deviation of the noise that the network sees."""
        return self.config.noise if self.way.noisy else 0.0

    @property
    def working_size(self) -> "WorkingSize":
        """Return at which size pictures are seen and scored."""
        from core.data.torch_datasets.whole_images import WorkingSize

        return WorkingSize(self.config.size, self.config.keep_shape)

    def build_network(self) -> "nn.Module":
        """Return the arm's autoencoder."""
        from core.models.autoencoder import Autoencoder
        from core.models.remove_batch_norm import remove_batch_normalisation

        widths = tuple(self.config.width * 2**step for step in range(STEPS_DOWN))
        network = Autoencoder(widths=widths, bottleneck=self.config.bottleneck, skips=self.way.skips)
        if self.config.normalisation == "none":
            remove_batch_normalisation(network)
        return network

    def build_task(self, network: "nn.Module", *, careful: bool = False) -> "Task":
        """Join the network with its loss."""
        from torch.nn import functional as F

        from core.tasks.reconstruction import ReconstructionTask

        loss = {"mse": F.mse_loss, "mae": F.l1_loss}[self.config.loss]
        return ReconstructionTask(network, loss, bottleneck=network.get_submodule("bottleneck"))

    def build_data(self, network: "nn.Module", *, say: Say = say_nothing) -> "TaskData":
        """Open the set, hold back a part for validation and bring the rest to the working size."""
        from core.data.torch_datasets.whole_images import OpenedPictures, PictureDataset

        own = self.config
        training, held = self.split_training(self.found)
        dataset = PictureDataset(
            OpenedPictures(len(training), lambda number: self._open(training[number])),
            patch=own.patch,
            per_picture=own.patches,
            flips=own.flips,
            noise=self.noise,
            seed=own.seed,
        )
        names = ", ".join(item.name for item in held[:8]) + (" …" if len(held) > 8 else "")
        note = f"{len(training)} pictures to train on, {len(held)} to validate on ({names or 'nothing'})."
        return self.join_data(dataset, self.whole_images(held), training, note)

    def whole_images(self, items: "Sequence[PictureItem]") -> "_WholeImages":
        """Return each picture as a batch of its own; where there is noise it is always the same."""
        return _WholeImages(self, items)

    def prepare_item(self, item: "PictureItem") -> "Batch":
        """Return one picture as a batch."""
        from core.data.torch_datasets.whole_images import prepare_example

        return prepare_example(self._open(item), name=item.name, noise=self.noise)

    def _open(self, item: "PictureItem") -> "Pixels":
        from core.data.image_io.reader import DATASET_LIMITS, read_picture

        return self.working_size.fit(read_picture(item.image, limits=DATASET_LIMITS).pixels)

    def prepare_picture(self, pixels: "Pixels") -> "PreparedPicture":
        """Bring a picture to the working size; no noise is added to it."""
        import numpy as np

        from core.data.torch_datasets.labelled import PreparedPicture
        from core.data.torch_datasets.whole_images import to_numbers, to_tensor

        seen = self.working_size.fit(pixels)
        return PreparedPicture(
            to_tensor(to_numbers(seen))[None], np.ones(pixels.shape[:2], np.bool_), self._notes(pixels, seen)
        )

    def _notes(self, pixels: "Pixels", seen: "Pixels") -> tuple[str, ...]:
        notes = []
        if seen.shape != pixels.shape:
            now, before = (f"{each.shape[1]}×{each.shape[0]}" for each in (seen, pixels))
            notes.append(
                f"The network saw the picture at {now} instead of {before}, where PSNR and SSIM are measured and the "
                "difference is taken; its answer was scaled back."
            )
        if self.way.noisy:
            notes.append(
                "This network takes noise away and none was added here: PSNR and SSIM against the picture as it was "
                "given, its own noise included, say how much was changed, not how well."
            )
        return tuple(notes)


class _WholeImages:
    """Whole pictures, opened anew at each pass, so that a large set does not fill the memory."""

    def __init__(self, setup: ReconstructionSetup, items: "Sequence[PictureItem]") -> None:
        self.setup = setup
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> "Iterator[Batch]":
        return map(self.setup.prepare_item, self.items)


class Reconstruction(Experiment):
    """The question, its arms and recipes, and how a run is built."""

    slug = "reconstruction"
    title = "Retinal reconstruction"
    kind = "reconstruction"
    question = "Can an autoencoder give a retinal photograph back, and does the picture pass its bottleneck or slip by?"
    caution = (
        "For teaching and research, not for diagnosis: a reconstruction can leave out small things and invent others."
    )
    verb = "Reconstruct"
    config_type = ReconstructionConfig
    setup_type = ReconstructionSetup
    monitor = "psnr"
    data_help = (
        "The name synthetic, or a folder of pictures; masks are not needed. DRIVE, CHASE_DB1 (by child), STARE and "
        "image/mask pairs are split as for Retinal vessels; of any other folder without test/ a fifth is for testing."
    )
    arms = (
        Arm(
            "with-skips",
            "With skips",
            "The report's network. Every step down hands its maps to the step up of the same size, and the picture "
            "slips by the bottleneck: in the quick look PSNR stays at 32.2 dB when the bottleneck is emptied, so it "
            "says nothing about what the bottleneck holds.",
        ),
        Arm(
            "no-skips",
            "Without skips",
            "All that comes out has passed the bottleneck: in the quick look PSNR falls from 23.9 to 12.6 dB when it "
            "is emptied. Even so nothing has to be compressed: 512 maps at an eighth of the sides hold 512 / 64 = 8 "
            "numbers for each pixel, the picture only 3. Set the knob bottleneck below 192 to make it smaller than the "
            "picture.",
        ),
        Arm(
            "denoising",
            "Denoising",
            "With skips, but noise is added to what the network sees and the clean picture is wanted: handing the "
            "picture through is no answer any more, it would score the noisy picture's own PSNR (26 dB at noise 0.1).",
        ),
    )
    recipes = (
        Recipe(
            "improved",
            "Improved",
            "Random cuts with flips instead of whole pictures, one-cycle AdamW, a quarter of the width, and no batch "
            "normalisation, which makes brightness depend on the other pictures of a step: seven times the report's "
            "steps in a fraction of the time.",
            {
                "epochs": 24, "batch_size": 16, "learning_rate": 5e-3, "schedule": "one-cycle", "gradient_clip": 1.0,
                "patch": 64, "patches": 100, "flips": True, "width": 16, "bottleneck": 256, "normalisation": "none",
            },
        ),
        Recipe(
            "reported",
            "As reported",
            "Report R1: whole RGB pictures squashed to 512×512, one at a time, no augmentation, mean squared error, "
            "Adam, 20 epochs. What the squashing and the single pictures cost can be seen.",
            {
                "epochs": 20, "batch_size": 1, "learning_rate": 1e-3, "optimizer": "adam", "schedule": "constant",
                "size": 512, "keep_shape": False, "patch": 0, "flips": False, "width": 64, "bottleneck": 512,
                "normalisation": "batch", "loss": "mse",
            },
        ),
        Recipe(
            "quick",
            "Quick look",
            "Under a minute on two processor cores with the synthetic pictures: a quarter of the area, a sixteenth of "
            "the parameters, enough to see it learn.",
            {
                "epochs": 8, "batch_size": 16, "learning_rate": 5e-3, "schedule": "one-cycle", "gradient_clip": 1.0,
                "size": 256, "patch": 64, "patches": 48, "flips": True, "width": 16, "bottleneck": 256,
                "normalisation": "none", "validation": 0.25,
            },
        ),
    )  # fmt: skip
    reported = (
        Reported("psnr", 30.84, "Report R1, 20 DRIVE test images, epoch 18 of 20", "with-skips", "DRIVE"),
        Reported("loss", 0.0037, "Report R1, 20 DRIVE test images, epoch 18 of 20", "with-skips", "DRIVE"),
    )
    score_titles: ClassVar[Mapping[str, str]] = {
        "psnr": "PSNR (dB)", "ssim": "SSIM", "mse": "Mean squared error", "mae": "Mean absolute error", "loss": "Loss",
        "psnr_emptied": "PSNR with the bottleneck emptied (dB)", "psnr_seen": "PSNR of the noisy pictures (dB)",
    }  # fmt: skip
    lower_is_better = frozenset({"loss", "mse", "mae"})

    synthetic_pictures = 24
    fewest_pictures = 4

    def score_of(self, arm: str) -> "Score":
        """Return PSNR, averaged over pictures."""
        from core.tasks.reconstruction import PSNR

        return PSNR

    def make_data(self, folder: Path, *, n: int, seed: int = 0) -> None:
        """Write synthetic fundus photographs in DRIVE's layout, half of them for testing."""
        from core.data.synthetic.fundus.make import write_drive

        write_drive(folder, n=n, seed=seed)

    def open_folder(self, folder: Path) -> "PictureSet":
        """Recognise the folder's layout."""
        from core.data.layouts.images_only import open_pictures

        return open_pictures(folder)


EXPERIMENT = Reconstruction()
