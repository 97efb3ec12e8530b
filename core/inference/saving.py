"""Predictions as files."""

from pathlib import Path

from PIL import Image

from core.errors import UserError
from core.inference.predictor import Prediction


def save_prediction(prediction: Prediction, folder: Path, name: str) -> dict[str, str]:
    """Write the pictures of a prediction as PNG and return their paths.

    Args:
        prediction: What was found.
        folder: Made if missing.
        name: The picture's file name; its ending stays part of the new names, so that ``a.jpg`` and ``a.png`` differ.

    Raises:
        UserError: If the folder cannot be written.
    """
    written = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind, raster in prediction.rasters().items():
            path = folder / f"{name}.{kind}.png"
            Image.fromarray(raster).save(path)
            written[kind] = str(path)
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror}); give another folder with --out.") from error
    return written
