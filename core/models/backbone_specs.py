"""What is known of every backbone before one is built: sizes, normalisation, stages. Needs no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from core.errors import UserError

Colour = tuple[float, float, float]

IMAGENET_MEAN: Colour = (0.485, 0.456, 0.406)
IMAGENET_STD: Colour = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Stage:
    """A stretch of a backbone that is frozen or trained as one.

    Attributes:
        name: Its key in the backbone.
        layers: Where its layers lie in the published network, in forward order; ``+name`` stands for a layer that the
            published network calls as a function.
        channels: Of the map it ends with; of the vector, after pooling.
        stride: The picture's side divided by the map's; 0 after pooling.
    """

    name: str
    layers: tuple[str, ...]
    channels: int
    stride: int = 0


@dataclass(frozen=True, kw_only=True)
class BackboneSpec:
    """A network that turns a picture into features, as published.

    Attributes:
        name: As typed in a config.
        title: Name for people.
        stages: In forward order; the last one pools.
        pyramid: Stages whose maps a segmentation encoder uses, each at half the size of the one before.
        last_stage: The first stage of what "the last stage" means: all that ends at a thirty-second of the
            picture's size.
        classifier: Where the published network keeps its linear classifier; empty if it takes no pooled features.
        left_out: Parts of a published state dict that are not part of the backbone.
        auxiliary: Stages from which an auxiliary classifier branches off while training.
        dropout: Probability before the linear classifier.
        size: Side of the pictures it was trained on, in pixels.
        resize: Shorter side before the centre crop to ``size``, in pixels.
        mean: Of red, green and blue, for pixels scaled to 0..1.
        std: Likewise.
        weights: File names under which ImageNet weights are published, the preferred one first.
    """

    name: str
    title: str
    stages: tuple[Stage, ...]
    pyramid: tuple[str, ...]
    last_stage: str
    classifier: str
    weights: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    auxiliary: tuple[str, ...] = ()
    dropout: float = 0.0
    size: int = 224
    resize: int = 256
    mean: Colour = IMAGENET_MEAN
    std: Colour = IMAGENET_STD

    @property
    def features(self) -> int:
        """Return the length of the feature vector."""
        return self.stages[-1].channels

    @property
    def stage_names(self) -> tuple[str, ...]:
        """Return the stages' names in forward order."""
        return tuple(each.name for each in self.stages)

    def stage(self, name: str) -> Stage:
        """Return a stage by name."""
        return self.stages[self.stage_names.index(name)]


def find_backbone(name: str) -> BackboneSpec:
    """Return the backbone of a name.

    Raises:
        UserError: If there is none.
    """
    if name not in BACKBONES:
        raise UserError(f"There is no backbone called {name!r}; choose one of {', '.join(BACKBONES)}.")
    return BACKBONES[name]


def _resnet(name: str, title: str, weights: tuple[str, ...], *, expansion: int) -> BackboneSpec:
    """He et al., 2015, arXiv 1512.03385. The maps of ``expansion`` 1 and 4 are basic and bottleneck blocks'."""
    layers = tuple(Stage(f"layer{i}", (f"layer{i}",), 32 * 2**i * expansion, 2 ** (i + 1)) for i in range(1, 5))
    return BackboneSpec(
        name=name,
        title=title,
        stages=(
            Stage("stem", ("conv1", "bn1", "relu"), 64, 2),
            Stage("pool", ("maxpool",), 64, 4),
            *layers,
            Stage("pooled", ("avgpool", "+flatten"), layers[-1].channels),
        ),
        pyramid=("stem", "layer1", "layer2", "layer3", "layer4"),
        last_stage="layer4",
        classifier="fc",
        weights=weights,
    )


def _densenet121() -> BackboneSpec:
    """Huang et al., 2016, arXiv 1608.06993.

    A stage ends after the next transition's normalisation and ReLU, so that maps of a pyramid are normalised.
    """

    def block(i: int, channels: int) -> Stage:
        before, after = f"features.transition{i - 1}", f"features.transition{i}"
        start = ("features.pool0",) if i == 1 else (f"{before}.conv", f"{before}.pool")
        end = ("features.norm5", "+relu") if i == 4 else (f"{after}.norm", f"{after}.relu")
        return Stage(f"block{i}", (*start, f"features.denseblock{i}", *end), channels, 2 ** (i + 1))

    return BackboneSpec(
        name="densenet121",
        title="DenseNet-121",
        stages=(
            Stage("stem", ("features.conv0", "features.norm0", "features.relu0"), 64, 2),
            block(1, 256), block(2, 512), block(3, 1024), block(4, 1024),
            Stage("pooled", ("+pool", "+flatten"), 1024),
        ),
        pyramid=("stem", "block1", "block2", "block3", "block4"),
        last_stage="block4",
        classifier="classifier",
        weights=("densenet121-a639ec97.pth",),
    )  # fmt: skip


def _googlenet() -> BackboneSpec:
    """Szegedy et al., 2014, arXiv 1409.4842, with batch normalisation as torchvision has it.

    The published weights came from TensorFlow and want pixels from -1 to 1. torchvision takes pictures normalised like
    those of all other networks and converts them inside (``transform_input``); here they are normalised so from the
    start, which gives the same numbers.
    """
    return BackboneSpec(
        name="googlenet",
        title="GoogLeNet",
        stages=(
            Stage("stem", ("conv1",), 64, 2),
            Stage("conv3", ("maxpool1", "conv2", "conv3"), 192, 4),
            Stage("inception3", ("maxpool2", "inception3a", "inception3b"), 480, 8),
            Stage("inception4a", ("maxpool3", "inception4a"), 512, 16),
            Stage("inception4d", ("inception4b", "inception4c", "inception4d"), 528, 16),
            Stage("inception4e", ("inception4e",), 832, 16),
            Stage("inception5", ("maxpool4", "inception5a", "inception5b"), 1024, 32),
            Stage("pooled", ("avgpool", "+flatten"), 1024),
        ),
        pyramid=("stem", "conv3", "inception3", "inception4e", "inception5"),
        last_stage="inception5",
        classifier="fc",
        left_out=("aux1", "aux2"),  # the published file holds them untrained
        auxiliary=("inception4a", "inception4d"),
        dropout=0.2,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        weights=("googlenet-1378be20.pth",),
    )


def _convnext_tiny() -> BackboneSpec:
    """Liu et al., 2022, arXiv 2201.03545.

    The normalisation that torchvision counts to the classifier is part of the backbone, with its trained values, as
    in timm: features are normalised, and the classifier is one linear layer as everywhere. The stem's stride is 4, so
    the pyramid starts there. Resizing to 232 is what the report did; torchvision measured the weights at 236.
    """
    return BackboneSpec(
        name="convnext-tiny",
        title="ConvNeXt-Tiny",
        stages=(
            Stage("stem", ("features.0",), 96, 4),
            Stage("stage1", ("features.1",), 96, 4),
            Stage("stage2", ("features.2", "features.3"), 192, 8),
            Stage("stage3", ("features.4", "features.5"), 384, 16),
            Stage("stage4", ("features.6", "features.7"), 768, 32),
            Stage("pooled", ("avgpool", "classifier.0", "+flatten"), 768),
        ),
        pyramid=("stage1", "stage2", "stage3", "stage4"),
        last_stage="stage4",
        classifier="classifier.2",
        resize=232,
        weights=("convnext_tiny-983f1562.pth",),
    )


def _vgg16() -> BackboneSpec:
    """Simonyan and Zisserman, 2014, arXiv 1409.1556: the convolutions; each block ends with its pooling.

    The published classifier reads a 7×7 map and holds nine tenths of the weights; it is left out, and features are the
    map's mean.
    """
    ends, channels = (0, 5, 10, 17, 24, 31), (64, 128, 256, 512, 512)
    blocks = tuple(
        Stage(f"block{i + 1}", tuple(f"features.{layer}" for layer in range(ends[i], ends[i + 1])), width, 2 ** (i + 1))
        for i, width in enumerate(channels)
    )
    return BackboneSpec(
        name="vgg16",
        title="VGG-16",
        stages=(*blocks, Stage("pooled", ("+pool", "+flatten"), 512)),
        pyramid=tuple(each.name for each in blocks),
        last_stage="block5",
        classifier="",
        left_out=("classifier",),
        weights=("vgg16-397923af.pth",),
    )


def _efficientnet_lite0() -> BackboneSpec:
    """See :mod:`core.models.efficientnet_lite`. Pictures are resized to 224 at once, without a crop."""
    maps = ((16, 2), (24, 4), (40, 8), (80, 16), (112, 16), (192, 32), (320, 32))
    return BackboneSpec(
        name="efficientnet-lite0",
        title="EfficientNet-Lite0",
        stages=(
            Stage("stem", ("conv_stem", "bn1", "act1"), 32, 2),
            *(Stage(f"block{i + 1}", (f"blocks.{i}",), *each) for i, each in enumerate(maps)),
            Stage("head", ("conv_head", "bn2", "act2"), 1280, 32),
            Stage("pooled", ("avgpool", "flatten"), 1280),
        ),
        pyramid=("block1", "block2", "block3", "block5", "block7"),
        last_stage="block6",
        classifier="classifier",
        dropout=0.2,
        resize=224,
        mean=(127 / 255, 127 / 255, 127 / 255),
        std=(128 / 255, 128 / 255, 128 / 255),
        weights=("efficientnet-lite0-57934424.pth", "tf_efficientnet_lite0-0aa007d2.pth"),
    )


def _tiny_cnn() -> BackboneSpec:
    """See :mod:`core.models.tiny_cnn`. Nobody publishes weights for it; pictures are normalised as ImageNet's are."""
    widths = (16, 32, 64, 128)
    return BackboneSpec(
        name="tiny-cnn",
        title="Tiny CNN",
        stages=(
            *(Stage(f"stage{i}", (f"stage{i}",), width, 2**i) for i, width in enumerate(widths, 1)),
            Stage("pooled", ("avgpool", "flatten"), widths[-1]),
        ),
        pyramid=("stage1", "stage2", "stage3", "stage4"),
        last_stage="stage4",
        classifier="",
        size=32,
        resize=32,
        weights=(),
    )


TUNED = ("head", "last-stage", "all")
"""What can be trained: the linear layer alone, with it all at a thirty-second of the picture's size, or everything."""

BACKBONES: Mapping[str, BackboneSpec] = MappingProxyType(
    {
        each.name: each
        for each in (
            _resnet("resnet18", "ResNet-18", ("resnet18-f37072fd.pth",), expansion=1),
            # Both of ResNet-50 are torchvision's; the first is what the reports' `pretrained=True` loaded.
            _resnet("resnet50", "ResNet-50", ("resnet50-0676ba61.pth", "resnet50-11ad3fa6.pth"), expansion=4),
            _densenet121(),
            _googlenet(),
            _convnext_tiny(),
            _vgg16(),
            _efficientnet_lite0(),
            _tiny_cnn(),
        )
    }
)
"""Every backbone by name."""
