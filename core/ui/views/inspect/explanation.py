"""A picture with what speaks for its answer in it, drawn by the network that gave it."""

from pathlib import Path

import streamlit as st

from core.data.transforms.arrays import Pixels
from core.errors import UserError
from core.experiments import find_experiment
from core.runs.run import Run
from core.ui.views.compare.variants import show_picture


def is_explained(run: Run) -> bool:
    """Say whether the run's weights can be asked: it classifies and has kept some."""
    return bool(run.best_epoch) and find_experiment(run.slug).kind_of(str(run.config["arm"])) == "classification"


def show_explained(run: Run, folder: Path, name: str, label: int, said: str) -> None:
    """Draw what speaks for a class in a picture of a data set; the picture alone where it cannot be read.

    Args:
        run: Whose best weights are asked.
        folder: Of the data set.
        name: Of the picture within it.
        label: The class.
        said: Stands below.
    """
    path = folder / name
    if not path.is_file():
        show_picture(folder, name, said)
        return
    try:
        drawn = _explain(run.id, run.best_epoch, str(path), path.stat().st_mtime_ns, label)
    except UserError as error:
        show_picture(folder, name, f"{said}. {error}")
        return
    st.image(drawn, caption=said, width="stretch")


@st.cache_data(max_entries=256, show_spinner="Asking the network …")
def _explain(run_id: str, epoch: int, path: str, stamp: int, label: int) -> Pixels:  # noqa: ARG001 - the key
    from core.data.image_io.reader import read_picture  # noqa: PLC0415 - torch takes seconds
    from core.inference.predictors.classification import ClassificationPredictor  # noqa: PLC0415
    from core.ui.shared.model_choice import open_predictor  # noqa: PLC0415

    predictor = open_predictor(run_id)
    assert isinstance(predictor, ClassificationPredictor)
    return predictor.explain(read_picture(Path(path)), label)
