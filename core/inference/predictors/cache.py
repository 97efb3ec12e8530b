"""Loaded predictors, kept as long as they fit into a share of the machine's memory; each is loaded once."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import psutil

from core.inference.predictors.predictor import Predictor

SHARE = 0.25
"""Of the machine's memory that kept weights may take."""
FEWEST = 2
"""So many stay whatever they take: two models that are compared on one picture."""


@dataclass
class _Place:
    lock: threading.Lock = field(default_factory=threading.Lock)
    predictor: Predictor | None = None
    size: int = 0


class KeptPredictors:
    """The predictors that were asked for last. Those that others still work with live on until they are done."""

    def __init__(self, most_bytes: int | None = None) -> None:
        """Make room.

        Args:
            most_bytes: Of all weights together; a quarter of the machine's memory by default.
        """
        self.most_bytes = int(SHARE * psutil.virtual_memory().total) if most_bytes is None else most_bytes
        self._places: OrderedDict[Hashable, _Place] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, load: Callable[[], Predictor]) -> Predictor:
        """Return the predictor of a key; who asks while it is loaded waits for that instead of loading it again.

        Args:
            key: Tells it from others, also from itself after a change of its file.
            load: Makes it; what it raises is raised, and the next one who asks tries again.
        """
        with self._lock:
            place = self._places.setdefault(key, _Place())
            self._places.move_to_end(key)
        with place.lock:  # other models can be had meanwhile
            if place.predictor is None:
                try:
                    place.predictor = load()
                except BaseException:
                    with self._lock:
                        self._places.pop(key, None)
                    raise
                place.size = weigh(place.predictor)
            predictor = place.predictor
        self._make_room()
        return predictor

    def __len__(self) -> int:
        """Return how many are loaded."""
        return sum(each.predictor is not None for each in self._places.values())

    def _make_room(self) -> None:
        """Let those go that were not asked for longest, until the rest fits."""
        with self._lock:
            loaded = [key for key, place in self._places.items() if place.predictor is not None]
            total = sum(self._places[key].size for key in loaded)
            for key in loaded[: max(0, len(loaded) - FEWEST)]:
                if total <= self.most_bytes:
                    break
                total -= self._places.pop(key).size


def weigh(predictor: Predictor) -> int:
    """Return the bytes of a predictor's weights and buffers."""
    tensors = [*predictor.network.parameters(), *predictor.network.buffers()]
    return sum(each.numel() * each.element_size() for each in tensors)
