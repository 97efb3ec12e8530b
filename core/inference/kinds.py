"""Which predictor answers for which kind of problem."""

from types import MappingProxyType

from core.inference.checkpoints import Checkpoint
from core.inference.classification import ClassificationPredictor
from core.inference.neighbours import NeighbourPredictor
from core.inference.predictor import Predictor
from core.inference.reconstruction import ReconstructionPredictor
from core.inference.segmentation import SegmentationPredictor
from core.inference.semantic import SemanticPredictor
from core.inference.translation import TranslationPredictor

PREDICTORS: MappingProxyType[str, type[Predictor]] = MappingProxyType(
    {
        each.kind: each
        for each in (
            ClassificationPredictor,
            NeighbourPredictor,
            ReconstructionPredictor,
            SegmentationPredictor,
            SemanticPredictor,
            TranslationPredictor,
        )
    }
)  # fmt: skip


def load_predictor(checkpoint: Checkpoint, *, device: str = "auto") -> Predictor:
    """Return the predictor for a checkpoint's kind of problem.

    Raises:
        UserError: If the checkpoint cannot be used.
    """
    return PREDICTORS[checkpoint.kind](checkpoint, device=device)
