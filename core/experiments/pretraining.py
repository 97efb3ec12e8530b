"""ImageNet weights in an experiment: the knob, what is said before a run starts, and how they get into the network."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.engine.pretrained import TakesImagenet

WEIGHTS = ("pretrained", "auto", "random")
"""Values of a knob ``weights``."""
WEIGHTS_HELP = (
    "Where an arm that builds on ImageNet starts: pretrained needs those weights, auto takes random ones where they "
    "cannot be had and says so, random never looks for them."
)


def announce_weights(backbone: str, wanted: str) -> tuple[str, ...]:
    """Return where a run's weights would come from, without downloading anything.

    Args:
        backbone: Name in :data:`core.models.backbone_specs.BACKBONES`.
        wanted: One of :data:`WEIGHTS`.
    """
    from core.engine.pretrained import DOWNLOADS, explain_absence, find_weights

    if wanted == "random":
        return ("It starts from random weights, as asked.",)
    source = find_weights(backbone)
    if source is not None:
        return (source.describe(),)
    if wanted == "pretrained":
        return (f"{explain_absence(backbone)} A download from {DOWNLOADS} is tried first.",)
    return (f"{explain_absence(backbone)} It is tried to download them; else the values are random.",)


def load_pretrained(backbone: "TakesImagenet[Any]", wanted: str) -> tuple[str, ...]:
    """Load ImageNet weights into a backbone as the knob asks, and say what was done.

    Raises:
        UserError: If they cannot be had, or are damaged, and the knob insists on them.
    """
    from core.engine.pretrained import explain_absence, find_weights, load_weights_into
    from core.errors import UserError

    if wanted == "random":
        return ("Random weights, as asked.",)
    name = backbone.spec.name
    source = find_weights(name, download=True)
    if source is None and wanted == "pretrained":
        raise UserError(explain_absence(name))
    if source is None:
        return (f"RANDOM WEIGHTS. {explain_absence(name)}",)
    load_weights_into(backbone, source)
    return (source.describe(),)
