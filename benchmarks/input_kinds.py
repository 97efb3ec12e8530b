"""Pictures of kinds that no checkpoint is for: what packages ship, and what is drawn here with a few lines each."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.data.image_io.reader import read_picture
from core.data.transforms.arrays import Pixels

WORDS = (
    "report",
    "table",
    "figure",
    "sample",
    "value",
    "test",
    "train",
    "model",
    "picture",
    "result",
    "method",
    "error",
    "week",
    "market",
    "letter",
    "dear",
    "office",
    "invoice",
    "total",
    "price",
    "window",
    "button",
    "file",
    "edit",
    "view",
    "help",
    "search",
    "settings",
    "login",
    "user",
    "project",
    "meeting",
)
PHOTOGRAPHS = ("astronaut.png", "camera.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "clock_motion.png",
               "coins.png", "hubble_deep_field.jpg", "moon.png", "horse.png", "color.png")  # fmt: skip
TEXTURES = ("brick.png", "grass.png", "gravel.png")
MICROSCOPY = ("cell.png", "ihc.png")
SCANS = ("page.png", "text.png")
Rng = np.random.Generator


def packaged(names: tuple[str, ...]) -> Iterator[Pixels]:
    """Yield pictures that scikit-image ships."""
    import skimage.data

    folder = Path(str(skimage.data.__file__)).parent
    yield from (read_picture(folder / name).pixels for name in names if (folder / name).is_file())


def tiles(names: tuple[str, ...], side: int = 256) -> Iterator[Pixels]:
    """Yield the quarters of pictures that scikit-image ships, as pictures of their own."""
    for pixels in packaged(names):
        for top in range(0, pixels.shape[0] - side + 1, side):
            for left in range(0, pixels.shape[1] - side + 1, side):
                yield pixels[top : top + side, left : left + side]


def photographs() -> Iterator[Pixels]:
    """Yield photographs of scikit-image and scikit-learn."""
    from sklearn.datasets import load_sample_images

    yield from packaged(PHOTOGRAPHS)
    yield from (np.asarray(each, np.uint8) for each in load_sample_images().images)


def faces(count: int = 16) -> Iterator[Pixels]:
    """Yield faces that scikit-image ships, 25 pixels wide and enlarged."""
    import skimage.data

    kept = np.load(Path(str(skimage.data.__file__)).parent / "lfw_subset.npy")
    for each in kept[:count]:
        grey = (255 * (each / max(float(each.max()), 1e-6))).astype(np.uint8)
        yield np.dstack([cv2.resize(grey, (200, 200), interpolation=cv2.INTER_CUBIC)] * 3)


def digits(count: int = 16) -> Iterator[Pixels]:
    """Yield written digits of scikit-learn."""
    from sklearn.datasets import load_digits

    for each in load_digits().images[:count]:
        yield np.dstack([cv2.resize((each * 15.9).astype(np.uint8), (160, 160))] * 3)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _sentence(rng: Rng, most: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(int(rng.integers(2, most))))


def documents(count: int = 16, seed: int = 0) -> Iterator[Pixels]:
    """Yield pages of text, some with a table."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        image = Image.new("RGB", (620, 877), "white" if number % 3 else "#f6f0dd")
        pen = ImageDraw.Draw(image)
        pen.text((60, 50), _sentence(rng, 5).title(), fill="black", font=_font(28))
        for row in range(int(rng.integers(12, 34))):
            pen.text((60, 110 + 22 * row), _sentence(rng, 9), fill="#222222", font=_font(14))
        if number % 2:
            for line in range(6):
                pen.line((60, 640 + 30 * line, 560, 640 + 30 * line), fill="black")
                pen.line((60 + 100 * line, 640, 60 + 100 * line, 790), fill="black")
        yield np.asarray(image)


def screens(count: int = 16, seed: int = 1) -> Iterator[Pixels]:
    """Yield pictures of screens with windows, buttons and text, light and dark."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        dark = bool(number % 2)
        back, fore = ("#1e1e24", "#dddddd") if dark else ("#eef1f5", "#20242a")
        image = Image.new("RGB", (1280, 720), back)
        pen = ImageDraw.Draw(image)
        pen.rectangle((0, 0, 1280, 44), fill="#0b7285" if number % 3 else "#444444")
        pen.rectangle((0, 44, 240, 720), fill="#2b2b33" if dark else "#dfe5ec")
        for row in range(12):
            pen.text((20, 70 + 44 * row), _sentence(rng, 3), fill=fore, font=_font(16))
        for row in range(int(rng.integers(8, 24))):
            pen.text((280, 150 + 22 * row), _sentence(rng, 12), fill=fore, font=_font(15))
        left = int(rng.integers(300, 900))
        pen.rounded_rectangle((left, 70, left + 140, 110), 8, fill="#0b7285")
        pen.text((left + 20, 80), str(rng.choice(WORDS)), fill="white", font=_font(16))
        yield np.asarray(image)


def charts(count: int = 12, seed: int = 2) -> Iterator[Pixels]:
    """Yield bar and line charts."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        image = Image.new("RGB", (640, 480), "white")
        pen = ImageDraw.Draw(image)
        pen.line((60, 40, 60, 430, 610, 430), fill="black", width=2)
        colour = tuple(int(each) for each in rng.integers(0, 200, 3))
        heights = rng.integers(40, 380, 11)
        if number % 2:
            for place, height in enumerate(heights):
                pen.rectangle((70 + 48 * place, 430 - int(height), 104 + 48 * place, 430), fill=colour)
        else:
            pen.line(
                [(70 + 48 * place, 430 - int(height)) for place, height in enumerate(heights)], fill=colour, width=3
            )
        yield np.asarray(image)


def drawings(count: int = 16, seed: int = 3) -> Iterator[Pixels]:
    """Yield drawings of lines, circles and boxes, in black or in colours."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        image = Image.new("RGB", (480, 480), "white")
        pen = ImageDraw.Draw(image)
        for _ in range(int(rng.integers(4, 16))):
            x, y, size = (int(each) for each in rng.integers(20, 300, 3))
            ink = "black" if number % 2 else tuple(int(each) for each in rng.integers(0, 255, 3))
            shape = int(rng.integers(3))
            if shape == 0:
                pen.ellipse((x, y, x + size, y + size // 2 + 20), outline=ink, width=4)
            elif shape == 1:
                pen.rectangle((x, y, x + size, y + size // 2 + 20), outline=ink, width=4)
            else:
                pen.line([tuple(int(each) for each in rng.integers(0, 480, 2)) for _ in range(4)], fill=ink, width=4)
        yield np.asarray(image)


def noise(count: int = 16, seed: int = 4) -> Iterator[Pixels]:
    """Yield noise: in colours and grey, fine and coarse."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        side = (256, 64, 16, 8)[number % 4]
        drawn = rng.integers(0, 256, (side, side, 3 if number % 2 else 1), np.uint8)
        yield cv2.resize(np.broadcast_to(drawn, (side, side, 3)).copy(), (256, 256))


def gradients(count: int = 12, seed: int = 5) -> Iterator[Pixels]:
    """Yield even runs from one colour or grey to another, straight and round."""
    rng = np.random.default_rng(seed)
    across, down = np.meshgrid(np.linspace(0, 1, 300), np.linspace(0, 1, 300))
    for number in range(count):
        first, last = (rng.integers(0, 256, 3) if number % 2 else np.repeat(rng.integers(0, 256), 3) for _ in range(2))
        way = np.hypot(across - 0.5, down - 0.5) if number % 3 == 0 else across * rng.random() + down * rng.random()
        mixed = first + (last - first) * (way / way.max())[:, :, None]
        yield mixed.astype(np.uint8)


def blanks() -> Iterator[Pixels]:
    """Yield pages of one colour."""
    for colour in ((255, 255, 255), (0, 0, 0), (128, 128, 128), (200, 30, 30), (10, 60, 20), (250, 245, 230)):
        yield np.full((300, 300, 3), colour, np.uint8)


def dead_leaves(count: int = 24, seed: int = 6) -> Iterator[Pixels]:
    """Yield discs that hide each other, grey and in colours: a kind to tune on, never one to judge on."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        canvas = np.full((256, 256, 3), 127, np.uint8)
        for _ in range(150):
            colour = rng.integers(0, 256, 3) if number % 2 else np.repeat(rng.integers(0, 256), 3)
            centre = (int(rng.integers(256)), int(rng.integers(256)))
            cv2.circle(canvas, centre, int(rng.integers(4, 60)), [int(each) for each in colour], -1)
        yield canvas


UNTHOUGHT: dict[str, Callable[[], Iterator[Pixels]]] = {
    "photographs (scikit-image, scikit-learn)": photographs,
    "faces (scikit-image)": faces,
    "brick, grass, gravel (scikit-image)": lambda: tiles(TEXTURES),
    "microscopy (scikit-image)": lambda: packaged(MICROSCOPY),
    "scanned text (scikit-image)": lambda: packaged(SCANS),
    "written digits (scikit-learn)": digits,
    "documents": documents,
    "screens": screens,
    "charts": charts,
    "drawings": drawings,
    "noise": noise,
    "gradients": gradients,
    "blank pages": blanks,
}
