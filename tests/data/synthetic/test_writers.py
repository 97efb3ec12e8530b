"""What holds for everything that writes a synthetic set."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from core.data.synthetic.aoi.make import write_aoi
from core.data.synthetic.blots import write_blots
from core.data.synthetic.chest.make import write_chest, write_chest_arrays
from core.data.synthetic.fundus.make import write_drive
from core.data.synthetic.household.make import write_scenes
from core.data.synthetic.landcover.make import write_landcover
from core.data.synthetic.objects.make import write_objects
from core.data.synthetic.pets.make import write_pets
from tests.data.layouts.sentences import refuses


class Writer(NamedTuple):
    """A writer, the function that draws one of its images, and the fewest images that it writes."""

    write: Callable[..., None]
    draw: str
    fewest: int


WRITERS = [
    Writer(write_aoi, "draw_inspection", 12),
    Writer(write_blots, "draw_blot", 2),
    Writer(write_chest, "draw_chest", 10),
    Writer(write_chest_arrays, "draw_chest", 10),
    Writer(write_drive, "draw_fundus", 2),
    Writer(write_landcover, "draw_tile", 2),
    Writer(write_objects, "draw_object", 100),
    Writer(write_pets, "draw_pet", 2),
    Writer(write_scenes, "draw_scene", 40),
]


@pytest.fixture(params=WRITERS, ids=lambda writer: writer.write.__name__)
def writer(request: pytest.FixtureRequest) -> Writer:
    chosen: Writer = request.param
    return chosen


def test_a_folder_that_holds_something_is_refused(writer: Writer, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with refuses(tmp_path):
        writer.write(tmp_path, n=writer.fewest)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_fewer_images_than_a_set_needs_are_refused(writer: Writer, tmp_path: Path) -> None:
    with refuses(writer.fewest, writer.fewest - 1):
        writer.write(tmp_path / "set", n=writer.fewest - 1)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_writer_leaves_nothing_behind(
    writer: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"{writer.write.__module__}.{writer.draw}", stop)
    with pytest.raises(KeyboardInterrupt):
        writer.write(tmp_path / "set", n=writer.fewest)
    assert list(tmp_path.iterdir()) == []
