"""A checkpoint's network as ONNX, held against PyTorch on prepared pictures before it is written."""

import json
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.data.image_io.reader import read_picture
from core.errors import UserError
from core.files import write_atomically
from core.inference.checkpoints import Checkpoint
from core.inference.predictors.kinds import load_predictor
from core.inference.predictors.predictor import Predictor
from core.inference.predictors.translation import TranslationPredictor
from core.paths import PROJECT

OPSET = 18
LARGEST_DIFFERENCE = 1e-4
"""Of the network's largest answer, or of 1 where that is smaller: fp32 sums in another order stay far below it."""
OTHER_SIZE = (22, 7)
"""Pixels by which a second picture is higher and wider: odd sides show what was wrongly taken for constant."""
MEANINGS = {
    "classification": "logits (N, classes); softmax makes probabilities of them",
    "neighbours": "features (N, F); the cosine of two tells how alike two pictures are",
    "reconstruction": "pictures (N, 3, H, W) from -1 to 1; values may go beyond",
    "segmentation": "logits (N, 1, H, W); the sigmoid makes probabilities of them",
    "semantic": "logits (N, classes, H, W); softmax over the classes makes probabilities of them",
    "translation": "pictures (N, 1, H, W) from -1 to 1",
}


@dataclass(frozen=True)
class OnnxExport:
    """What was written, and how near it is to PyTorch.

    Attributes:
        path: The file.
        megabytes: Its size.
        input_shape: Of the network's input; letters stand for what may vary.
        difference: Largest absolute difference of any number of any answer.
        largest: Largest absolute number of PyTorch's answers.
        pictures: How many prepared pictures were compared, batches counted once.
    """

    path: str
    megabytes: float
    input_shape: tuple[int | str, ...]
    difference: float
    largest: float
    pictures: int

    @property
    def any_size(self) -> bool:
        """Say whether pictures of other sizes are taken."""
        return isinstance(self.input_shape[-1], str)

    def say(self) -> str:
        """Return the result in a sentence."""
        shape = " × ".join(str(each) for each in self.input_shape)
        return (
            f"{self.path} ({self.megabytes:.1f} MB) takes {shape}; its largest difference from PyTorch on "
            f"{self.pictures} prepared pictures is {self.difference:.1e}, where answers reach {self.largest:.3g}."
        )

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | {"any_size": self.any_size}


def export_onnx(checkpoint: Checkpoint, path: Path, *, bound: float = LARGEST_DIFFERENCE) -> OnnxExport:
    """Write a checkpoint's network as ONNX once it answers as PyTorch does.

    Batches may have any length. Pictures may have any size where the network's answers on a second, odd size agree
    too; else the size is that of the first prepared picture.

    Args:
        checkpoint: What to write.
        path: The file; its folder is made if missing.
        bound: Largest difference allowed, as a part of the largest answer.

    Raises:
        UserError: If the packages are not there, the network cannot be written, it answers otherwise than PyTorch, or
            the file cannot be written.
    """
    _check_packages()
    predictor = load_predictor(checkpoint, device="cpu")
    network, pictures = answering_part(predictor), prepared_examples(predictor)
    written, compared = _convert(network, pictures, any_size=True), _Comparison()
    if written is None or not compared.agree(written, network, _of_all_kinds(pictures), bound):
        written, compared = _convert(network, pictures, any_size=False), _Comparison()
        pictures = [each for each in pictures if each.shape == pictures[0].shape]
        if written is None:
            raise UserError(f"The network of {checkpoint.name} cannot be written as ONNX with this version of torch.")
        if not compared.agree(written, network, [*pictures, _pair(pictures[0])], bound):
            raise UserError(
                f"The ONNX network differs from PyTorch's by {compared.difference:.2e} where at most {bound:.0e} of "
                f"{compared.largest:.3g} is allowed, so nothing was written; export another arm or report this."
            )
    content, shape = _with_metadata(written, checkpoint)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}); give another file with --onnx.") from error
    return OnnxExport(str(path), len(content) / 1e6, shape, compared.difference, compared.largest, len(pictures))


def answering_part(predictor: Predictor) -> nn.Module:
    """Return what answers of a predictor's network: a generator without its judge, a backbone without its projector."""
    part = {"translation": "generator", "neighbours": "backbone"}.get(predictor.kind)
    found: nn.Module = getattr(predictor.network, part) if part else predictor.network
    return found.eval()


def prepared_examples(predictor: Predictor) -> list[Tensor]:
    """Return the experiment's example pictures ``(1, C, h, w)``, prepared as an uploaded one is."""
    folder = PROJECT / "assets" / "examples" / predictor.setup.experiment.slug
    paths = sorted(folder.glob("*.*g"))
    if not paths:
        raise UserError(
            f"There are no example pictures in {folder} to hold the ONNX network against PyTorch on; "
            f"python assets/draw.py {folder.name} draws some."
        )
    if isinstance(predictor, TranslationPredictor):
        from core.data.torch_datasets.blots import join_templates  # noqa: PLC0415 - of one kind alone

        read = [read_picture(each).pixels for each in paths]
        pixels = [join_templates(*pair) for pair in zip(read[::2], read[1::2], strict=True)]
    else:
        pixels = [read_picture(each).pixels for each in paths]
    return [predictor.setup.prepare_picture(each).images.float() for each in pixels]


def _check_packages() -> None:
    try:
        import onnx  # noqa: F401, PLC0415 - an extra that only this needs
        import onnxruntime  # noqa: F401, PLC0415
    except ImportError as error:
        raise UserError(
            f"The package {error.name} is not installed, and ONNX needs it; install the extra: "
            "pip install onnx onnxruntime."
        ) from None


def _convert(network: nn.Module, pictures: Sequence[Tensor], *, any_size: bool) -> bytes | None:
    """Return the network as ONNX; None where torch cannot write it.

    The exporter that traces is taken although torch has a newer one: for a U-Net of two levels it takes 0.7 s where
    that takes 12 to 19 s, and it keeps the cropping of padded pictures of any size just as well. What it warns of, that
    sizes become constants, is what the comparison on a second size is there to find.
    """
    with torch.inference_mode():
        dimensions = network(pictures[0]).ndim
    axes = {0: "n", 2: "height", 3: "width"} if any_size else {0: "n"}
    answer_axes = axes if dimensions == 4 else {0: "n"}
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "network.onnx"
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                _Plain(network).eval(), (pictures[0],), target, dynamo=False, opset_version=OPSET,
                input_names=["images"], output_names=["answers"],
                dynamic_axes={"images": axes, "answers": answer_axes},
            )  # fmt: skip
        except (torch.onnx.errors.OnnxExporterError, RuntimeError):
            return None
        return target.read_bytes()


class _Plain(nn.Module):
    """A network that is called with pictures alone: the exporter hands optional keywords over in their order."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        answers: Tensor = self.network(images)
        return answers


def _pair(images: Tensor) -> Tensor:
    """Return a batch of a picture and its mirror image."""
    return torch.cat([images, images.flip(-1)])


def _of_all_kinds(pictures: Sequence[Tensor]) -> list[Tensor]:
    """Return the pictures, two at once, and one of another, odd size."""
    height, width = pictures[0].shape[-2:]
    other = nn.functional.interpolate(pictures[0], (height + OTHER_SIZE[0], width + OTHER_SIZE[1]), mode="bilinear")
    return [*pictures, _pair(pictures[0]), other]


class _Comparison:
    """The largest difference and the largest answer over some pictures."""

    def __init__(self) -> None:
        self.difference = self.largest = 0.0

    def agree(self, written: bytes, network: nn.Module, batches: Sequence[Tensor], bound: float) -> bool:
        """Compare the answers to all batches, until one cannot be given or differs too much."""
        import onnxruntime  # noqa: PLC0415 - an extra that only this needs

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what it cannot do it also raises
        session = onnxruntime.InferenceSession(written, options, providers=["CPUExecutionProvider"])
        for images in batches:
            try:
                with torch.inference_mode():
                    expected = network(images)
                found = torch.from_numpy(session.run(None, {"images": images.numpy()})[0])
            except Exception:  # both raise whatever comes to hand where a size does not fit
                return False
            if found.shape != expected.shape:
                return False
            self.difference = max(self.difference, float((found - expected).abs().max()))
            self.largest = max(self.largest, float(expected.abs().max()))
            if not self.difference <= bound * max(1.0, self.largest):
                return False
        return True


def _with_metadata(written: bytes, checkpoint: Checkpoint) -> tuple[bytes, tuple[int | str, ...]]:
    """Add what the network is and what its numbers mean; return the file and the input's shape."""
    import onnx  # noqa: PLC0415 - an extra that only this needs

    model, traits = onnx.load_from_string(written), checkpoint.set_up().traits
    told = {
        "experiment": checkpoint.experiment.slug,
        "config": json.dumps(checkpoint.card["config"] | {"data": Path(checkpoint.card["config"]["data"]).name}),
        "classes": json.dumps(traits.classes),
        "mean": json.dumps(traits.mean),
        "deviation": json.dumps(traits.deviation),
        "answers": MEANINGS[checkpoint.kind],
        "caution": checkpoint.experiment.caution,
    }
    onnx.helper.set_model_props(model, told)
    model.producer_name = "Fovea"
    dimensions = model.graph.input[0].type.tensor_type.shape.dim
    shape = tuple(each.dim_param or int(each.dim_value) for each in dimensions)
    return model.SerializeToString(), shape
