"""A checkpoint as a folder in the layout of the Hugging Face Hub, which is also a checkpoint here."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save

from core.data.new_folder import fill_new_folder
from core.engine.checkpoint import HUB_WEIGHTS, Card, weights_path
from core.errors import UserError
from core.inference.checkpoints import Checkpoint

CONFIG, README = "config.json", "README.md"
PIPELINES = {
    "classification": "image-classification",
    "neighbours": "image-feature-extraction",
    "reconstruction": "image-to-image",
    "segmentation": "image-segmentation",
    "semantic": "image-segmentation",
    "translation": "image-to-image",
}
"""The Hub's names of the kinds of learning problem."""


@dataclass(frozen=True)
class HubExport:
    """What was written.

    Attributes:
        folder: Where.
        files: Their names.
        megabytes: Together.
    """

    folder: str
    files: tuple[str, ...]
    megabytes: float

    def say(self) -> str:
        """Return the result in a sentence."""
        return f"{self.folder} ({self.megabytes:.1f} MB) holds {', '.join(self.files)}; predict takes it by its path."

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def export_folder(checkpoint: Checkpoint, folder: Path) -> HubExport:
    """Write ``model.safetensors`` with its card, ``config.json`` and ``README.md`` into a new folder.

    The card names the data set by its name alone, so that no folder of this machine travels with it.

    Raises:
        UserError: If the folder already holds something or cannot be written.
    """
    card = without_places(checkpoint.card)
    try:
        with fill_new_folder(folder) as unfinished:
            with safe_open(weights_path(checkpoint.folder), framework="pt") as weights:
                tensors = {key: weights.get_tensor(key) for key in weights.keys()}  # noqa: SIM118 - not a dict
            text = json.dumps(card, indent=2, ensure_ascii=False)
            (unfinished / HUB_WEIGHTS).write_bytes(save(tensors, metadata={"format": "pt", "card": text}))
            (unfinished / CONFIG).write_text(text + "\n", encoding="utf-8")
            (unfinished / README).write_text(build_readme(checkpoint, card), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror}); give another folder with --folder.") from error
    files = sorted(folder.iterdir())
    size = sum(each.stat().st_size for each in files) / 1e6
    return HubExport(str(folder), tuple(each.name for each in files), size)


def without_places(card: Card) -> Card:
    """Return a card that names its data set instead of the folder it lies in."""
    config = dict(card["config"])
    for name in ("data", "backbone_from"):
        if config.get(name):
            config[name] = Path(str(config[name])).name
    return card | {"config": config}


def build_readme(checkpoint: Checkpoint, card: Card) -> str:
    """Return the model card: YAML front matter as the Hub reads it, then the checkpoint's own README or what is known.

    Args:
        checkpoint: Whose own README stands in the text, where it has one.
        card: As it is exported.
    """
    own = checkpoint.folder / README
    told = own.read_text(encoding="utf-8") if own.is_file() else _tell(checkpoint, card)
    body = told.rpartition("\n---\n")[2].lstrip() if told.startswith("---\n") else told
    return f"{_front_matter(checkpoint, card)}\n{body.rstrip()}\n\n{_usage(checkpoint)}"


def _front_matter(checkpoint: Checkpoint, card: Card) -> str:
    """Return the head between two lines of dashes; every value is JSON, which is YAML."""
    pipeline, slug = PIPELINES[checkpoint.kind], checkpoint.experiment.slug
    split, scores = _scores(card)
    result: dict[str, Any] = {
        "task": {"type": pipeline},
        "dataset": {"name": card["config"]["data"], "type": card["config"]["data"], "split": split},
        "metrics": [{"type": key, "value": round(value, 4)} for key, value in scores.items()],
    }
    head: dict[str, Any] = {
        "library_name": "fovea",
        "license": "other",
        "license_name": "terms-of-the-training-data",
        "license_link": README,
        "pipeline_tag": pipeline,
        "tags": ["fovea", slug, card["config"]["arm"]],
    }
    if scores:
        head["model-index"] = [{"name": checkpoint.title, "results": [result]}]
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in head.items()]
    return "\n".join(["---", *lines, "---"])


def _scores(card: Card) -> tuple[str, Mapping[str, float]]:
    """Return the test scores where the checkpoint was tested, else those of the part that its run held back."""
    if "test" in card:
        return "test", card["test"]["scores"]
    return "validation", {key: value for key, value in card.get("validation", {}).items() if value is not None}


def _tell(checkpoint: Checkpoint, card: Card) -> str:
    """Return what is known of a run's checkpoint, for people."""
    experiment, (split, scores) = checkpoint.experiment, _scores(card)
    rows = [f"| {experiment.score_titles.get(key, key)} | {value:.4f} |" for key, value in scores.items()]
    arm = experiment.arm(card["config"]["arm"])
    caution = f"**{experiment.caution}**\n\n" if experiment.caution else ""
    table = "\n".join([f"Scores on {split}:\n", "| score | value |", "|---|---|", *rows]) if rows else ""
    return (
        f"# {checkpoint.title}\n\n{caution}{experiment.question}\n\n{arm.title}: {arm.summary} Recipe "
        f"`{card['config']['recipe']}`, trained on `{card['config']['data']}`, whose terms hold for these weights.\n\n"
        f"{table}\n"
    )


def _usage(checkpoint: Checkpoint) -> str:
    return (
        "## How to use it\n\n"
        f"In a checkout of Fovea: `python -m core predict FOLDER picture.jpg`, where FOLDER is this one. It answers "
        f"the question of `{checkpoint.experiment.slug}`; `config.json` holds all knobs, and the same text is kept "
        f"inside `{HUB_WEIGHTS}`.\n"
    )
