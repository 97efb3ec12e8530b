"""Which predictor answers for which kind of problem."""

from types import MappingProxyType

from core.inference.checkpoints import Checkpoint
from core.inference.predictors.classification import ClassificationPredictor
from core.inference.predictors.neighbours import NeighbourPredictor
from core.inference.predictors.predictor import Predictor
from core.inference.predictors.reconstruction import ReconstructionPredictor
from core.inference.predictors.segmentation import SegmentationPredictor
from core.inference.predictors.semantic import SemanticPredictor
from core.inference.predictors.translation import TranslationPredictor

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
