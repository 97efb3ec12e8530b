"""What the input checks of the checkpoints that ship let pass and what they doubt: own pictures, changed ones, others.

    python benchmarks/input_check.py --pictures FOLDER [--json FILE]

FOLDER holds the real sets (vessels_chase_db1, chest_kermany, aoi_neu, pets_cats, blots_gel_bands, objects_cifar10). Own
pictures are those of the test split, which no check was fitted on. No check is fitted on any of the other kinds; drawn
pictures of the own experiment are in the gallery and have a row of their own. The way of measuring was chosen with
these kinds in sight, and the look at fine detail was added because noise and even runs of grey had passed as steel, so
those rows are not of untouched kinds; nor are those of changed pictures, for which its bounds were widened once.
"""

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.input_kinds import UNTHOUGHT, packaged
from core.data.image_io.reader import DATASET_LIMITS, read_picture
from core.data.transforms.arrays import Pixels
from core.experiments import catalogue
from core.inference.checkpoints import Checkpoint, find_checkpoint
from core.inference.ood.detector import InputCheck, Looks, describe

CHECKPOINTS = {
    "chest/kermany": "chest_kermany/test",
    "aoi/neu": "aoi_neu/val",
    "vessels/chase": "vessels_chase_db1/images",
    "pets/cats": "pets_cats/test/images",
}
OTHERS = {
    "chest X-rays": "chest_kermany/test",
    "steel surfaces": "aoi_neu",
    "fundus photographs": "vessels_chase_db1/images",
    "cats": "pets_cats/test/images",
    "gels": "blots_gel_bands/images",
    "CIFAR-10, without cats and dogs": "objects_cifar10/test",
}
OWN_KIND = {"chest/kermany": "chest X-rays", "aoi/neu": "steel surfaces", "vessels/chase": "fundus photographs",
            "pets/cats": "cats"}  # fmt: skip
TRUE_KIN = {"vessels/chase": ("another camera's fundus (scikit-image)", ("retina.jpg",)),
            "pets/cats": ("another cat (scikit-image)", ("chelsea.png",))}  # fmt: skip
FIRST_TEST_CHILD = 11
MOST, CHANGED, DRAWN = 40, 30, 24


def turned(pixels: Pixels, angle: float) -> Pixels:
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    return np.asarray(cv2.warpAffine(pixels, turn, (width, height)), np.uint8)


def squeezed(pixels: Pixels, contrast: float, shift: float) -> Pixels:
    return np.asarray(np.clip((pixels / 255 - 0.5) * contrast + 0.5 + shift, 0, 1) * 255, np.uint8)


def cropped(pixels: Pixels, part: float) -> Pixels:
    height, width = pixels.shape[:2]
    top, left = int(height * (1 - part) / 2), int(width * (1 - part) / 2)
    return pixels[top : height - top, left : width - left]


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "as they are": lambda pixels: pixels,
    "half the contrast": lambda pixels: squeezed(pixels, 0.5, 0),
    "brighter": lambda pixels: squeezed(pixels, 1, 0.15),
    "darker": lambda pixels: squeezed(pixels, 1, -0.15),
    "middle 70 %": lambda pixels: cropped(pixels, 0.7),
    "turned by 10°": lambda pixels: turned(pixels, 10),
    "turned by 90°": lambda pixels: np.ascontiguousarray(np.rot90(pixels)),
    "mirrored": lambda pixels: np.ascontiguousarray(pixels[:, ::-1]),
    "96 pixels wide": lambda pixels: cv2.resize(pixels, (96, max(16, 96 * pixels.shape[0] // pixels.shape[1]))),
    "light and dark exchanged": lambda pixels: 255 - pixels,
}


def opened(folder: Path, most: int = MOST, *, skip: Iterable[str] = ()) -> Iterator[Pixels]:
    """Yield pictures of a folder, the same ones each time."""
    paths = sorted(each for each in folder.rglob("*") if each.suffix.lower() in {".jpg", ".jpeg", ".png", ".bmp"})
    paths = [each for each in paths if not set(skip) & set(each.relative_to(folder).parts)]
    if "chase" in folder.parent.name:
        paths = [each for each in paths if int(each.stem.split("_")[1][:2]) >= FIRST_TEST_CHILD]
    random.Random(3).shuffle(paths)
    yield from (read_picture(each, limits=DATASET_LIMITS).pixels for each in paths[:most])


def drawn(slug: str) -> Iterator[Pixels]:
    """Yield drawn pictures of an experiment, other ones than those in the galleries."""
    experiment = catalogue()[slug]
    with TemporaryDirectory() as place:
        folder = Path(place) / "set"
        experiment.make_data(folder, n=max(DRAWN, experiment.fewest_pictures), seed=11)
        found = experiment.open_folder(folder)
        items = [item for each in found.splits.values() for item in each]
        paths = sorted((folder / "target").iterdir()) if slug == "blots" else [item.image for item in items]
        random.Random(3).shuffle(paths)
        yield from (read_picture(each).pixels for each in paths[:DRAWN])


class Seen:
    """Pictures of one kind as all checks see them."""

    def __init__(self, pictures: Iterable[Pixels]) -> None:
        kept = list(pictures)
        self.looks = [Looks.of(each) for each in kept]
        self.features = describe(kept)

    def doubted(self, check: InputCheck) -> list[bool]:
        """Say of each picture whether a check doubts it."""
        distances = check.distances(self.features)
        pairs = zip(self.looks, distances, strict=True)
        return [bool(check.doubt_looks(looks) or check.doubt_distance(float(far))) for looks, far in pairs]


def row(name: str, values: list[bool], *, accept: bool) -> dict[str, object]:
    right = sum(not each if accept else each for each in values)
    return {"kind": name, "pictures": len(values), "right": right, "share": round(right / max(1, len(values)), 4)}


def judge(checkpoint: Checkpoint, pictures: Path, others: dict[str, Seen]) -> dict[str, object]:
    """Return what one check lets pass and doubts."""
    check = InputCheck.load(checkpoint.folder)
    if check is None:
        raise SystemExit(f"{checkpoint.name} has no input check.")
    own = list(opened(pictures / CHECKPOINTS[checkpoint.name], 100))
    changed = [row(name, Seen(map(how, own[:CHANGED])).doubted(check), accept=True) for name, how in CHANGES.items()]
    kin = TRUE_KIN.get(checkpoint.name)
    if kin:
        changed.append(row(kin[0], Seen(packaged(kin[1])).doubted(check), accept=True))
    slug = checkpoint.card["experiment"]
    wrong = {name: seen.doubted(check) for name, seen in others.items() if name != OWN_KIND[checkpoint.name]}
    kindred = {f"drawn {slug}", *({"drawn reconstruction"} if slug == "vessels" else ())}
    foreign = {name: values for name, values in wrong.items() if name not in kindred}
    return {
        "checkpoint": checkpoint.name,
        "own": row("own pictures, test split", Seen(own).doubted(check), accept=True),
        "changed": changed,
        "drawn_own": [row(name, wrong[name], accept=True) for name in sorted(kindred)],
        "others": [row(name, values, accept=False) for name, values in foreign.items()],
        "all_others": row("all other kinds", [each for values in foreign.values() for each in values], accept=False),
    }


def say(found: dict[str, object]) -> str:
    lines = [f"\n{found['checkpoint']}", "| pictures | number | share |", "|---|---|---|"]

    def line(each: dict[str, object], verb: str) -> str:
        return f"| {each['kind']} | {each['pictures']} | {100 * float(str(each['share'])):.1f} % {verb} |"

    lines += [line(each, "accepted") for each in (found["own"], *found["changed"], *found["drawn_own"])]  # type: ignore[misc]
    lines += [line(each, "doubted") for each in (*found["others"], found["all_others"])]  # type: ignore[misc]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", default="", help="one checkpoint's name")
    said = parser.parse_args()
    kinds: dict[str, Callable[[], Iterator[Pixels]]] = {
        **{
            name: lambda place=place: opened(said.pictures / place, skip=("cat", "dog"))
            for name, place in OTHERS.items()
        },
        **{f"drawn {slug}": lambda slug=slug: drawn(slug) for slug in catalogue()},
        **UNTHOUGHT,
    }
    others = {}
    for name, make in kinds.items():
        others[name] = Seen(make())
        print(f"{name}: {len(others[name].looks)}", file=sys.stderr)
    results = []
    for name in CHECKPOINTS:
        if said.only in {"", name}:
            results.append(judge(find_checkpoint(name, Path), said.pictures, others))
            print(say(results[-1]), flush=True)
    if said.json:
        said.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
