"""Synthetic data sets of the tests: each is drawn once and kept by pytest, for all test processes and later sessions.

They are shared, so a test reads them; one that changes files takes a copy.
"""

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

from PIL import Image

from core.experiments import find_experiment
from core.paths import PROJECT


class SyntheticSets:
    """Draws sets when they are first asked for; a changed generator draws them anew."""

    def __init__(self, folder: Path) -> None:
        told = hashlib.blake2b(digest_size=8)
        for path in sorted((*PROJECT.glob("core/data/**/*.py"), *PROJECT.glob("core/experiments/*.py"))):
            told.update(path.read_bytes())
        told.update(Path(__file__).read_bytes())
        self.folder = folder / told.hexdigest()
        for each in folder.iterdir():
            if each != self.folder:
                shutil.rmtree(each, ignore_errors=True)

    def of(self, slug: str, *, n: int = 0, seed: int = 0, halved: bool = False) -> Path:
        """Return the folder of a set.

        Args:
            slug: Experiment.
            n: Number of images; as few as the experiment can do with by default.
            seed: Of the generator.
            halved: Whether images and masks are half as wide and high, for tests that start many runs.
        """
        experiment = find_experiment(slug)
        count = n or experiment.fewest_pictures
        place = self.folder / f"{slug}-{count}-{seed}{'-halved' * halved}"
        if not place.exists():
            draft = place.with_name(f"{place.name}.{os.getpid()}")
            experiment.make_data(draft, n=count, seed=seed)
            if halved:
                _halve(draft)
            with suppress(OSError):  # another process was faster
                draft.rename(place)
            shutil.rmtree(draft, ignore_errors=True)
        return place

    def copy(self, slug: str, to: Path, *, n: int = 0, seed: int = 0, halved: bool = False) -> Path:
        """Return a copy of a set at ``to``, for a test that changes it."""
        shutil.copytree(self.of(slug, n=n, seed=seed, halved=halved), to)
        return to


def _halve(folder: Path) -> None:
    for path in (*folder.rglob("*.tif"), *folder.rglob("*.gif"), *folder.rglob("*.png"), *folder.rglob("*.jpg")):
        with Image.open(path) as whole:
            small = whole.resize((whole.width // 2, whole.height // 2), Image.Resampling.NEAREST)
        small.save(path)
