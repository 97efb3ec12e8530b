"""How an experiment builds the parts of one run: network, task, data, and an uploaded picture's preparation."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Sized
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

from core.config import RunConfig
from core.data.dataset import DatasetSpec, Item, train_and_validation
from core.data.traits import NO_TRAITS, Traits
from core.errors import UserError

if TYPE_CHECKING:
    from torch import nn
    from torch.utils.data import Dataset

    from core.data.torch_datasets.labelled import PreparedPicture
    from core.data.transforms.arrays import Pixels
    from core.engine.task import Batch, Batches, Task, TaskData
    from core.experiments.experiment import Experiment

ConfigT = TypeVar("ConfigT", bound=RunConfig)
SetT = TypeVar("SetT", bound=DatasetSpec[Any])
ItemT = TypeVar("ItemT", bound=Item)
Say = Callable[[str], None]


def say_nothing(text: str) -> None:
    """Take a sentence about what is being done, and drop it."""


class Setup(ABC, Generic[ConfigT, SetT, ItemT]):
    """One config of one experiment, and what its training data decided: builds everything that a run needs.

    A subclass names its config, its data set and the items of that: ``Setup[PetsConfig, "PetSet", "PetItem"]``.

    It is made anew wherever a run is trained, scored or tried; it holds no weights. Heavy packages are imported by
    its methods, not by its module.
    """

    precision: ClassVar[str] = "auto"
    """Number format in which a finished network answers; ``auto`` takes the fastest."""

    def __init__(self, experiment: "Experiment", config: RunConfig, traits: Traits | None = None) -> None:
        """Join an experiment and a config.

        Args:
            experiment: The catalogue's entry.
            config: All knobs.
            traits: As a checkpoint's card tells; read from the data when first asked for if None.
        """
        self.experiment = experiment
        self.config = cast(ConfigT, config)
        self._given_traits = traits

    @cached_property
    def traits(self) -> Traits:
        """Return what the data set decides about the network.

        Raises:
            UserError: If they are to be read from the data, and it cannot be read.
        """
        return self.read_traits() if self._given_traits is None else self._given_traits

    def read_traits(self) -> Traits:
        """Read classes and colours from the config's data, where they matter."""
        return NO_TRAITS

    @abstractmethod
    def build_network(self) -> "nn.Module":
        """Return the arm's network with random weights; torch's global random state decides them."""

    def begin(self, network: "nn.Module", earlier: Path | None) -> tuple[str, ...]:
        """Give a fresh network the weights it starts from, and say which.

        Args:
            network: Of :meth:`build_network`.
            earlier: Best checkpoint of the run that the experiment's ``prerequisite`` names, if it names one.

        Raises:
            UserError: If those weights are not there.
        """
        return ()

    @abstractmethod
    def build_task(self, network: "nn.Module", *, careful: bool = False) -> "Task":
        """Join the network with its loss and scores; ``careful`` predicts as a finished run does, not as it trains."""

    @abstractmethod
    def build_data(self, network: "nn.Module", *, say: Say = say_nothing) -> "TaskData":
        """Open the data set and return what is trained and validated on.

        Args:
            network: As it begins; a frozen part of it may be run once over all pictures.
            say: Is told what is being done where it takes long.

        Raises:
            UserError: If the set cannot be read or is too small.
        """

    @cached_property
    def found(self) -> SetT:
        """Return the config's data set, opened once.

        Raises:
            UserError: If it cannot be read.
        """
        return cast(SetT, self.experiment.open_data(self.config.data))

    def open_data(self, data: str = "") -> SetT:
        """Return a data set by name or folder; the config's own, opened once, if empty."""
        return cast(SetT, self.experiment.open_data(data)) if data else self.found

    @abstractmethod
    def whole_images(self, items: Sequence[ItemT]) -> "Iterable[Batch]":
        """Return validation batches of some items, each image opened when its turn comes."""

    def build_split(self, data: str, split: str) -> "Iterable[Batch]":
        """Return the validation batches of a split.

        Args:
            data: Name or folder; the config's if empty.
            split: One of the set's, or ``val`` for the part that a run holds back.

        Raises:
            UserError: If there is no such split.
        """
        return self.whole_images(self.split_items(data, split))

    def build_pictures(self, data: str, split: str, names: Collection[str]) -> "Iterator[Batch]":
        """Yield the validation batches of some pictures of a split, in its order; for batches of one ``picture``.

        Args:
            data: As in :meth:`build_split`.
            split: Likewise.
            names: Of the pictures. Batches that can be asked for them (``only``) open no others.

        Raises:
            UserError: If there is no such split.
        """
        found: Any = self.build_split(data, split)
        chosen = found.only(names) if hasattr(found, "only") else found
        return (batch for batch in chosen if batch["picture"].name in names)

    def split_training(self, found: SetT) -> tuple[Sequence[ItemT], Sequence[ItemT]]:
        """Return the images of a set that a run trains on, and those that it holds back to validate on.

        Raises:
            UserError: If there is nothing to train on, or it cannot be divided.
        """
        return train_and_validation(found, self.config.validation, self.config.share)

    def split_items(self, data: str, split: str) -> Sequence[ItemT]:
        """Return what is in a split; nothing of it is opened, so that a run can be refused before it trains.

        Args:
            data: As in :meth:`build_split`.
            split: Likewise.

        Raises:
            UserError: If there is no such split, or nothing was held back.
        """
        return self.items_of(self.open_data(data), split)

    def items_of(self, found: SetT, split: str) -> Sequence[ItemT]:
        """Return what is in a split of an open data set; see :meth:`split_items`."""
        if split != "val":
            return found.items(split)
        held = self.split_training(found)[1]
        if not held:
            raise UserError("This run held nothing back to validate on; choose the split test.")
        return held

    def join_data(self, dataset: "Dataset[Any]", held: "Batches", training: Sequence[ItemT], note: str) -> "TaskData":
        """Return what a run trains and validates on, with what is said of its data set.

        Args:
            dataset: Training examples, changed at random anew in each epoch.
            held: Validation batches.
            training: The items behind the examples.
            note: How many there are of both.
        """
        from core.data.loaders import build_training_loader
        from core.engine.task import TaskData

        own, found = self.config, self.found
        length = len(cast(Sized, dataset))  # PyTorch's Dataset declares none
        loader = build_training_loader(dataset, length=length, batch_size=own.batch_size, seed=own.seed)
        names = tuple(item.name for item in training)
        return TaskData(loader, held, found.fingerprint(), (*found.notes, f"{found.title}: {note}"), names)

    @abstractmethod
    def prepare_picture(self, pixels: "Pixels") -> "PreparedPicture":
        """Make a picture ``(H, W, 3)`` that came without a label ready for the network."""
