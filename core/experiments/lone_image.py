"""Networks of classifications that cannot train on batches of one image."""

from typing import TYPE_CHECKING

from core.data.traits import Traits
from core.errors import UserError

if TYPE_CHECKING:
    from core.experiments.classification_config import ClassificationConfig
    from core.experiments.experiment import Experiment


def refuse_lone_image(experiment: "Experiment", config: "ClassificationConfig") -> None:
    """Refuse a batch size of 1 where the arm's batch normalisation then sees one value of a channel.

    Raises:
        UserError: If it does.
    """
    import torch

    from core.engine.lone_values import sees_lone_values

    plain = (0.5, 0.5, 0.5)
    with torch.random.fork_rng(devices=[]):
        network = experiment.set_up(config, Traits(("one", "other"), plain, plain)).build_network()
        image = torch.zeros(1, 3, config.size, config.size)
        if not sees_lone_values(lambda: network(image), [network]):
            return
    raise UserError(
        f"batch_size was given as 1, but the batch normalisation of the arm {config.arm} needs at least 2 values of "
        "each channel to train on; give 2 or more."
    )
