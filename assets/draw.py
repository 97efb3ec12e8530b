"""Draw the pictures of this folder that come from our own generators.

``python assets/draw.py`` draws all that have a function here; ``python assets/draw.py SLUG`` draws card and examples
of an experiment from what its make_data draws.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from assets.steel import STEEL  # noqa: E402 - after the project is found
from core.data.layouts.landcover import render_labels  # noqa: E402
from core.data.layouts.pets import PET  # noqa: E402
from core.data.synthetic.aoi.make import draw_inspection  # noqa: E402
from core.data.synthetic.blots import draw_blot  # noqa: E402
from core.data.synthetic.chest.make import draw_chest  # noqa: E402
from core.data.synthetic.fundus.make import draw_fundus  # noqa: E402
from core.data.synthetic.household.make import draw_scene  # noqa: E402
from core.data.synthetic.landcover.land import SCENES  # noqa: E402
from core.data.synthetic.landcover.make import draw_tile  # noqa: E402
from core.data.synthetic.objects.make import draw_object  # noqa: E402
from core.data.synthetic.pets.make import draw_pet  # noqa: E402
from core.data.torch_datasets.blots import lay_side_by_side  # noqa: E402
from core.data.transforms.byol_views import FIRST_VIEW, SECOND_VIEW, render_view  # noqa: E402
from core.experiments import find_experiment  # noqa: E402

SIDE = 440


def draw_vessels(path: Path) -> None:
    """A drawn fundus photograph and its vessels, side by side."""
    fundus = draw_fundus(np.random.default_rng(11), height=560, width=560)
    vessels = np.where(fundus.vessels[..., None], np.uint8(245), np.uint8(12)) * np.ones(3, np.uint8)
    vessels[~fundus.field_of_view] = 0
    pair = np.concatenate([fundus.image, vessels], axis=1)
    small = cv2.resize(pair, (2 * SIDE, SIDE), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])


def draw_reconstruction(path: Path) -> None:
    """A drawn fundus photograph; on its right half one colour for every 8×8 pixels, one place of the bottleneck."""
    fundus = draw_fundus(np.random.default_rng(21), height=360, width=480).image
    coarse = cv2.resize(fundus, (60, 45), interpolation=cv2.INTER_AREA)
    half = cv2.resize(coarse, (480, 360), interpolation=cv2.INTER_NEAREST)
    both = np.concatenate([fundus[:, :240], half[:, 240:]], axis=1)
    both[:, 239:241] = 255
    cv2.imwrite(str(path), cv2.cvtColor(both, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])


def draw_reconstruction_examples(folder: Path) -> None:
    """Two drawn fundus photographs, and the second again with the noise of the arm denoising (0.1, 13 of 255)."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [draw_fundus(np.random.default_rng(seed), height=400, width=388).image for seed in (31, 32)]
    noise = np.random.default_rng(33).normal(0, 0.1 * 127.5, pictures[1].shape)
    noisy = np.clip(np.rint(pictures[1] + noise), 0, 255).astype(np.uint8)
    for name, picture in (("drawn_1", pictures[0]), ("drawn_2", pictures[1]), ("drawn_2_noisy", noisy)):
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{name}.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, 88])


def draw_landcover(path: Path) -> None:
    """A drawn satellite picture that turns into its map of land cover from left to right."""
    tile = draw_tile(np.random.default_rng(12), scene=SCENES[7], side=480)
    share = np.clip((np.arange(480) - 190) / 100, 0, 1)[None, :, None]
    both = np.rint((1 - share) * tile.image + share * render_labels(tile.labels)).astype(np.uint8)[60:420]
    cv2.imwrite(str(path), cv2.cvtColor(both, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 82])


def draw_landcover_examples(folder: Path) -> None:
    """Three drawn satellite pictures: a coast, a valley, a town."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, scene in enumerate((5, 7, 2), 1):
        tile = draw_tile(np.random.default_rng(40 + number), scene=SCENES[scene], side=320)
        bgr = cv2.cvtColor(tile.image, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"drawn_{number}.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, 88])


def draw_pets(path: Path) -> None:
    """A drawn cat in its room; on the right half the cat alone, cut out."""
    pet = draw_pet(np.random.default_rng(75))
    picture = cv2.resize(pet.image, (480, 360), interpolation=cv2.INTER_AREA)
    cat = cv2.resize((pet.trimap == PET).astype(np.float32), (480, 360), interpolation=cv2.INTER_AREA)[..., None]
    cat[:, :240] = 1
    both = np.rint(cat * picture + (1 - cat) * np.array([227, 250, 252])).astype(np.uint8)
    cv2.imwrite(str(path), cv2.cvtColor(both, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])


def draw_pets_examples(folder: Path) -> None:
    """Three drawn animals that the shipped model, which learnt from photographs of cats, finds: a cat, two dogs."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate((107, 71, 121), 1):
        bgr = cv2.cvtColor(draw_pet(np.random.default_rng(seed)).image, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"drawn_{number}.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, 90])


def draw_aoi(path: Path) -> None:
    """Six drawn inspection pictures, one of each class, in two rows."""
    tiles = [draw_inspection(np.random.default_rng(50 + label), label) for label in range(6)]
    small = [cv2.resize(each, (160, 160), interpolation=cv2.INTER_AREA) for each in tiles]
    sheet = np.concatenate([np.concatenate(small[row : row + 3], axis=1) for row in (0, 3)])
    cv2.imwrite(str(path), sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])


def draw_aoi_examples(folder: Path) -> None:
    """Four defects of steel, of which the shipped model learnt photographs, and one line of the drawn set."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {name: draw(np.random.default_rng(seed)) for name, (draw, seed) in STEEL.items()}
    pictures["horizontal_defect"] = draw_inspection(np.random.default_rng(62), 2)
    for number, (name, picture) in enumerate(pictures.items(), 1):
        cv2.imwrite(str(folder / f"drawn_{number}_{name}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 92])


def draw_chest_card(path: Path) -> None:
    """A drawn chest without and one with pneumonia."""
    pair = [draw_chest(np.random.default_rng(5), pneumonia=ill, side=360).image[:, 60:300] for ill in (False, True)]
    cv2.imwrite(str(path), np.concatenate(pair, axis=1), [cv2.IMWRITE_JPEG_QUALITY, 85])


def draw_chest_examples(folder: Path) -> None:
    """Four drawn chests, two of them with pneumonia."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, ill in enumerate((False, True, True, False), 1):
        picture = draw_chest(np.random.default_rng(80 + number), pneumonia=ill).image
        cv2.imwrite(str(folder / f"drawn_{number}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 92])


def draw_objects(path: Path) -> None:
    """Twelve drawn objects of different classes, enlarged until their pixels show."""
    tiles = [draw_object(np.random.default_rng(90 + label), label) for label in range(0, 48, 4)]
    large = [cv2.resize(each, (120, 120), interpolation=cv2.INTER_NEAREST) for each in tiles]
    sheet = np.concatenate([np.concatenate(large[row : row + 4], axis=1) for row in (0, 4, 8)])
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])


def draw_objects_examples(folder: Path) -> None:
    """Four drawn objects, 32 pixels a side, that the shipped model names rightly."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (label, seed) in enumerate(((3, 96), (17, 102), (28, 98), (41, 99)), 1):
        bgr = cv2.cvtColor(draw_object(np.random.default_rng(seed), label), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"drawn_{number}.png"), bgr)


def draw_byol(path: Path) -> None:
    """Two drawn things, each with two random views as BYOL is shown them."""
    rows = []
    for number, name in enumerate(("Desk_Lamp", "Mug")):
        image = draw_scene(name, np.random.default_rng(100 + number)).image
        whole = cv2.resize(image, (160, 160), interpolation=cv2.INTER_AREA)
        views = [
            render_view(image, 160, recipe, np.random.default_rng((seed, number)))
            for recipe, seed in ((FIRST_VIEW, 113), (SECOND_VIEW, 115))
        ]
        rows.append(np.concatenate([whole, *views], axis=1))
    sheet = np.concatenate(rows)
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])


def draw_byol_examples(folder: Path) -> None:
    """Three drawn household things: a bike and a mug that the shipped model finds, scissors that it does not."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, seed) in enumerate((("Bike", 126), ("Mug", 137), ("Scissors", 122)), 1):
        bgr = cv2.cvtColor(draw_scene(name, np.random.default_rng(seed)).image, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"drawn_{number}.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, 92])


def draw_blots(path: Path) -> None:
    """Two drawn blots, each after its two templates: lanes and bands."""
    rows = []
    for seed in (7, 21):
        blot = draw_blot(np.random.default_rng(seed))
        rows.append(lay_side_by_side([blot.layout, blot.bands, blot.target], scale=8))
    gap = np.full((24, rows[0].shape[1], 3), 255, np.uint8)
    sheet = np.concatenate([rows[0], gap, rows[1]])
    small = cv2.resize(sheet, (480, round(480 * sheet.shape[0] / sheet.shape[1])), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), small, [cv2.IMWRITE_JPEG_QUALITY, 85])


def draw_blots_examples(folder: Path) -> None:
    """The templates of two drawn blots, 64 pixels a side, in pairs: lanes, then bands."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate((7, 34), 1):
        blot = draw_blot(np.random.default_rng(seed))
        for name, grey in (("1_lanes", blot.layout), ("2_bands", blot.bands)):
            cv2.imwrite(str(folder / f"drawn_{number}_template_{name}.png"), grey)


def draw_from_data(slug: str, place: Path) -> None:
    """Six pictures of an experiment's drawn set as its card, four as examples: of each class in turn."""
    experiment = find_experiment(slug)
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "drawn"
        experiment.make_data(drawn, n=experiment.fewest_pictures, seed=50)
        found = experiment.open_folder(drawn)
        pictures = [cv2.imread(str(item.image)) for item in _classes_in_turn(found.items("train"), 6)]
    side = 160
    tiles = [cv2.resize(each, (side, side), interpolation=cv2.INTER_AREA) for each in (pictures * 6)[:6]]
    sheet = np.concatenate([np.concatenate(tiles[row : row + 3], axis=1) for row in (0, 3)])
    cv2.imwrite(str(place / f"{slug}.jpg"), sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])
    examples = place / "examples" / slug
    examples.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures[:4], 1):
        cv2.imwrite(str(examples / f"drawn_{number}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 92])


def _classes_in_turn(items: Sequence[Any], most: int) -> list[Any]:
    """Return up to so many items: the first of each class, then the second of each."""
    seen: Counter[object] = Counter()
    order = []
    for number, item in enumerate(items):
        label = getattr(item, "label", None)
        order.append((seen[label], number))
        seen[label] += 1
    return [items[number] for _, number in sorted(order)[:most]]


def draw_all() -> None:
    """Draw all that have a function of their own."""
    draw_byol(HERE / "byol.jpg")
    draw_byol_examples(HERE / "examples" / "byol")
    draw_aoi(HERE / "aoi.jpg")
    draw_aoi_examples(HERE / "examples" / "aoi")
    draw_blots(HERE / "blots.jpg")
    draw_blots_examples(HERE / "examples" / "blots")
    draw_chest_card(HERE / "chest.jpg")
    draw_chest_examples(HERE / "examples" / "chest")
    draw_objects(HERE / "objects.jpg")
    draw_objects_examples(HERE / "examples" / "objects")
    draw_pets(HERE / "pets.jpg")
    draw_pets_examples(HERE / "examples" / "pets")
    draw_landcover(HERE / "landcover.jpg")
    draw_landcover_examples(HERE / "examples" / "landcover")
    draw_vessels(HERE / "vessels.jpg")
    draw_reconstruction(HERE / "reconstruction.jpg")
    draw_reconstruction_examples(HERE / "examples" / "reconstruction")


if __name__ == "__main__":
    if sys.argv[1:]:
        for chosen in sys.argv[1:]:
            draw_from_data(chosen, HERE)
    else:
        draw_all()
