"""Foreground segmentation of pets (report R2): a U-Net against a ResNet34-U-Net, and against a pretrained encoder."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from core.config import RunConfig
from core.data.traits import Traits
from core.experiments.experiment import Arm, Experiment, Recipe, Reported
from core.experiments.pets_config import PetsConfig
from core.experiments.pretraining import announce_weights, load_pretrained
from core.experiments.setup import Say, Setup, say_nothing
from core.paths import data_folder
from core.public import refuse_folder

if TYPE_CHECKING:
    from torch import nn

    from core.data.layouts.pets import PetItem, PetSet
    from core.data.torch_datasets.classification import Normalisation
    from core.data.torch_datasets.labelled import LabelledPicture, PreparedPicture
    from core.data.torch_datasets.masked import MaskedStack, Squashing, WholePictures
    from core.data.transforms.arrays import Pixels
    from core.engine.score import Score
    from core.engine.task import Task, TaskData
    from core.models.backbones import StagedBackbone
    from core.models.encoder_unet import EncoderUNet
    from core.models.residual_unet import Residual

PRETRAINED = "lite0-unet"
BACKBONE = "efficientnet-lite0"
IMAGENET = "resnet18"
"""Whose colours the networks without a backbone take for ImageNet's."""
STEPS, BOTTLENECK, LITE_STEPS = (64, 128, 256, 512), 1024, (256, 128, 64, 32, 16)
FEWEST_CHANNELS = 8
OXFORD = "oxford-iiit-pet"


class PetsSetup(Setup[PetsConfig, "PetSet", "PetItem"]):
    """Builds the three networks, squashed pictures and their masks."""

    @cached_property
    def training(self) -> "MaskedStack[PetItem]":
        """Return the pictures that are trained on, with their masks."""
        from core.data.torch_datasets.masked import MaskedStack

        training, _ = self.split_training(self.found)
        is_open = any(item.rule is not None and item.rule.ignored is not None for item in training)
        return MaskedStack(training, self._load, self.squashing, is_open=is_open)

    def _load(self, item: "PetItem") -> "LabelledPicture":
        from core.data.torch_datasets.pets import load_pet

        return load_pet(item, foreground=self.config.foreground)

    @property
    def squashing(self) -> "Squashing":
        """Return how a picture becomes the network's square in training."""
        from core.data.torch_datasets.masked import Squashing

        return Squashing(self.config.size, self.config.denoise)

    @property
    def test_squashing(self) -> "Squashing":
        """Return how it does when the network is judged or tried."""
        return replace(self.squashing, side=self.config.test_size or self.config.size)

    def read_traits(self) -> Traits:
        """Return the colours that are taken away: the training pictures' as the network sees them, or known ones."""
        if self.config.normalise == "unit":
            return Traits((), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        if self.config.normalise == "own":
            from core.data.transforms.color_stats import measure_colours

            return Traits((), *measure_colours(self.training.pictures()))
        from core.models.backbone_specs import find_backbone

        spec = find_backbone(BACKBONE if self.config.arm == PRETRAINED else IMAGENET)
        return Traits((), spec.mean, spec.std)

    @property
    def normalisation(self) -> "Normalisation":
        """Return what makes colours small numbers."""
        from core.data.torch_datasets.classification import Normalisation

        return Normalisation(self.traits.mean, self.traits.deviation)

    def build_network(self) -> "nn.Module":
        """Return the arm's network."""
        from core.models.backbones import build_backbone
        from core.models.encoder_unet import EncoderUNet
        from core.models.residual_unet import ResidualUNet
        from core.models.unet import UNet, initialise_he

        own = self.config
        network: nn.Module
        if own.arm == PRETRAINED:
            steps = self._scaled(LITE_STEPS if own.decoder == "whole" else LITE_STEPS[:-1])
            network = EncoderUNet(build_backbone(BACKBONE, pooled=False), 1, widths=steps)
            fresh: tuple[nn.Module, ...] = (network.decoder, network.head)
        else:
            first, second, third, fourth, bottleneck = self._scaled((*STEPS, BOTTLENECK))
            widths = (first, second, third, fourth)
            if own.arm == "unet":
                network = UNet(3, widths=widths, bottleneck=bottleneck, head_kernel=1, dropout=own.dropout)
            else:
                residual: Residual = "standard" if own.arm.endswith("-standard") else "reported"
                network = ResidualUNet(widths=widths, bottleneck=bottleneck, dropout=own.dropout, residual=residual)
            fresh = (network,)
        if own.initialisation == "he":
            for part in fresh:
                initialise_he(part)
        return network

    def _scaled(self, channels: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(max(FEWEST_CHANNELS, round(self.config.width * each)) for each in channels)

    def begin(self, network: "nn.Module", earlier: Path | None) -> tuple[str, ...]:
        """Load ImageNet weights into the encoder of the arm that has one for them, and hold its first stages still.

        Raises:
            UserError: If they cannot be had and the config insists on them.
        """
        if self.config.arm != PRETRAINED:
            return ()
        from core.engine.pretrained import find_weights

        encoder = cast("StagedBackbone", cast("EncoderUNet", network).encoder)
        said, frozen = load_pretrained(encoder, self.config.weights), self.config.frozen_stages
        if not frozen or self.config.weights == "random" or find_weights(BACKBONE) is None:
            return said  # random weights must move
        encoder.freeze(frozen)
        return (*said, f"Its first {frozen} stages are held still.")

    def build_task(self, network: "nn.Module", *, careful: bool = False) -> "Task":
        """Join the network with cross-entropy plus Dice, and with scores of things: Dice, IoU, boundary F1."""
        from core.engine.tiles import AS_IT_IS, MIRRORED
        from core.tasks.segmentation import SegmentationTask
        from core.tasks.segmentation_losses import build_bce_dice

        loss = build_bce_dice(double_sigmoid=self.config.double_sigmoid)
        flips = MIRRORED if self.config.test_mirror and careful else AS_IT_IS
        return SegmentationTask(network, loss, threshold=self.config.threshold, flips=flips, outlines=True)

    def build_data(self, network: "nn.Module", *, say: Say = say_nothing) -> "TaskData":
        """Open all training pictures once, measure their colours where asked, and hold back a part for validation."""
        from core.data.array_cache import cache_folder
        from core.data.torch_datasets.masked import MaskedAugmentation, MaskedDataset

        own, fingerprint = self.config, self.found.fingerprint()
        self.training.keep(
            cache_folder(), key=f"{fingerprint} {own.foreground} {self._reading}",
            progress=lambda done, all_of_them: say(f"Opening pictures: {done} of {all_of_them}."),
        )  # fmt: skip
        augmentation = MaskedAugmentation(own.flip, own.shift, own.scale, own.rotation, own.colour)
        dataset = MaskedDataset(
            self.training, normalisation=self.normalisation, augmentation=augmentation, seed=own.seed
        )
        held = self.whole_images(self.split_training(self.found)[1])
        colours = ", ".join(f"{value:.3f}" for value in (*self.traits.mean, *self.traits.deviation))
        note = (
            f"{len(dataset)} pictures to train on, {len(held)} to validate on. Mean and deviation of red, green and "
            f"blue that are taken away: {colours}."
        )
        return self.join_data(dataset, held, self.training.items, note)

    @property
    def _reading(self) -> str:
        """Return in 16 digits what decides what is read of the training masks, besides their files."""
        said = "\n".join(f"{item.name} {item.reading}" for item in self.training.items)
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def whole_images(self, items: "Sequence[PetItem]") -> "WholePictures[PetItem]":
        """Return whole pictures, squashed."""
        from core.data.torch_datasets.masked import WholePictures

        return WholePictures(items, self._load, self.test_squashing, self.normalisation)

    def prepare_picture(self, pixels: "Pixels") -> "PreparedPicture":
        """Squash and normalise a picture as in training; an answer means something everywhere in it."""
        import numpy as np

        from core.data.torch_datasets.labelled import PreparedPicture

        side, before = self.test_squashing.side, pixels.shape[:2]
        images = self.normalisation.normalise(self.test_squashing.squash(pixels)[None])
        notes = (f"The network saw it at {side}×{side} instead of {before[1]}×{before[0]}.",)
        return PreparedPicture(images, np.ones(before, np.bool_), notes if before != (side, side) else ())


class Pets(Experiment):
    """The question, its arms and recipes, and how a run is built."""

    slug = "pets"
    title = "Pets"
    kind = "segmentation"
    question = "Which pixels are the animal, and does a residual encoder find them better than a plain U-Net?"
    verb = "Cut out the animal"
    share_title = "Share of the picture"
    config_type = PetsConfig
    setup_type = PetsSetup
    monitor = "dice"
    data_help = (
        f"The name synthetic, the name {OXFORD} (0.8 GB, fetched when first needed), or a folder: Oxford-IIIT Pet "
        "(images/, annotations/trimaps/), or pairs (images/ and masks/ with equal names, also in train/ and test/)."
    )
    arms = (
        Arm(
            PRETRAINED, "U-Net on EfficientNet-Lite0",
            "A U-Net decoder on an encoder whose ImageNet weights come with Fovea, 5.20 million parameters.",
        ),
        Arm("unet", "U-Net", "The report's first network, from random weights: 31.04 million parameters."),
        Arm(
            "resnet34-unet", "ResNet34-U-Net",
            "The report's second network, from random weights: 48.19 million parameters. Its residual blocks have "
            "their second ReLU before the addition.",
        ),
        Arm(
            "resnet34-unet-standard", "ResNet34-U-Net, standard blocks",
            "The same with the second ReLU after the addition, as ResNet's paper has it.",
        ),
    )  # fmt: skip
    recipes = (
        Recipe(
            "improved",
            "Improved",
            "Smaller pictures, so that more of them are seen in the same time; mirrored, shifted, scaled, turned and "
            "relit at random; AdamW at a higher rate that rises and falls once; PyTorch's own initial weights, "
            "because He's make the last layer's first answers wild; cross-entropy of the network's own values instead "
            "of values that went through a sigmoid already. The pretrained encoder's first half is held still, which "
            "took a third off the time and cost no Dice; its decoder ends at half the size and has half the channels, "
            "so that it sees each picture more often in the same time; and pictures are judged at 256 pixels after "
            "training at 224, which raised Dice on the validation pictures of pets_cats by 0.008. The plain U-Net sees "
            "smaller pictures fewer times, because each takes it many times the work.",
            {
                "epochs": 12, "batch_size": 16, "learning_rate": 2e-3, "schedule": "one-cycle", "weight_decay": 1e-2,
                "gradient_clip": 1.0, "size": 192, "flip": True, "shift": 0.1, "scale": 0.2, "rotation": 15.0,
                "colour": 0.2, "initialisation": "default", "frozen_stages": 4, "test_mirror": True,
            },
            {
                "lite0-unet": {
                    "epochs": 15, "size": 224, "test_size": 256, "decoder": "half", "width": 0.5, "average": 0.98,
                    "memory_format": "channels-last",
                },
                "unet": {"epochs": 8, "learning_rate": 1e-3, "size": 128},
                "resnet34-unet": {"learning_rate": 1e-3},
                "resnet34-unet-standard": {"learning_rate": 1e-3},
            },
        ),
        Recipe(
            "reported",
            "As reported",
            "Report R2: 512×512, random shift, scale and turn, the data set's own mean and deviation, Adam at 1e-4, 20 "
            "epochs of batches of 8, He initialisation, cross-entropy plus Dice. That the cross-entropy takes values "
            "that went through a sigmoid already is kept, so that what it costs can be seen. It is for a GPU: a "
            "processor needs hours.",
            {
                "epochs": 20, "batch_size": 8, "learning_rate": 1e-4, "optimizer": "adam", "weight_decay": 2e-4,
                "size": 512, "normalise": "own", "shift": 0.1, "scale": 0.2, "rotation": 30.0, "double_sigmoid": True,
                "initialisation": "he", "dropout": 0.1, "foreground": "pet+border",
            },
        ),
        Recipe(
            "quick",
            "Quick look",
            "Under a minute on two processor cores with the drawn pictures: small pictures, and the report's networks "
            "with a quarter of their channels.",
            {
                "epochs": 6, "batch_size": 8, "learning_rate": 2e-3, "schedule": "one-cycle", "weight_decay": 1e-2,
                "gradient_clip": 1.0, "size": 96, "flip": True, "shift": 0.1, "scale": 0.2, "width": 0.25,
                "initialisation": "default", "weights": "auto", "decoder": "half",
            },
            {arm: {"epochs": 12} for arm in ("unet", "resnet34-unet", "resnet34-unet-standard")},
        ),
    )  # fmt: skip
    reported = (
        Reported("dice", 0.8885, "Report R2, 20 epochs, test split", "unet", "Oxford-IIIT Pet"),
        Reported("dice", 0.8641, "Report R2, 10 epochs, test split", "unet", "Oxford-IIIT Pet"),
        Reported("dice", 0.8448, "Report R2, 10 epochs, no sigmoid, default mean", "unet", "Oxford-IIIT Pet"),
        Reported("dice", 0.9085, "Report R2, 20 epochs, test split", "resnet34-unet", "Oxford-IIIT Pet"),
        Reported("dice", 0.8775, "Report R2, 10 epochs, test split", "resnet34-unet", "Oxford-IIIT Pet"),
    )
    score_titles: ClassVar[Mapping[str, str]] = {
        "dice": "Dice", "iou": "IoU", "boundary_f1": "Boundary F1", "boundary_precision": "Boundary precision",
        "boundary_recall": "Boundary recall", "sensitivity": "Sensitivity", "specificity": "Specificity",
        "roc_auc": "ROC AUC", "pr_auc": "PR AUC", "dice_mean": "Dice, mean of pictures",
        "iou_mean": "IoU, mean of pictures", "boundary_f1_mean": "Boundary F1, mean of pictures", "loss": "Loss",
    }  # fmt: skip
    synthetic_pictures = 160
    fewest_pictures = 12

    def score_of(self, arm: str) -> "Score":
        """Return pooled Dice."""
        from core.tasks.segmentation import DICE

        return DICE

    def announce(self, config: RunConfig) -> tuple[str, ...]:
        """Say where the pretrained arm's weights come from."""
        return announce_weights(BACKBONE, cast(PetsConfig, config).weights) if config.arm == PRETRAINED else ()

    def make_data(self, folder: Path, *, n: int, seed: int = 0) -> None:
        """Write drawn animals in Oxford-IIIT Pet's layout."""
        from core.data.synthetic.pets.make import write_pets

        write_pets(folder, n=n, seed=seed)

    def open_folder(self, folder: Path) -> "PetSet":
        """Recognise the folder's layout."""
        from core.data.layouts.pets import open_pets

        return open_pets(folder)

    def open_data(self, data: str) -> "PetSet":
        """Return the data set of a name or folder; Oxford-IIIT Pet is fetched when it is first needed."""
        if data == OXFORD:
            refuse_folder(data)
            from core.data.layouts.pets_download import download_oxford

            return download_oxford(data_folder() / OXFORD)
        return cast("PetSet", super().open_data(data))

    def is_at_hand(self, data: str) -> bool:
        """Say whether a data set lies on the disk; Oxford-IIIT Pet is fetched when it is first needed."""
        return data != OXFORD and super().is_at_hand(data)

    def check_data(self, data: str) -> str:
        """Return what is known of a data set in a sentence, without opening or fetching its pictures."""
        if data == OXFORD:
            refuse_folder(data)
            return "Oxford-IIIT Pet: 3,680 train, 3,669 test pictures; 0.8 GB are fetched when they are first needed."
        return super().check_data(data)


EXPERIMENT = Pets()
