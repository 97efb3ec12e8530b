import copy
import math
from collections.abc import Callable
from functools import cache

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import models

from core.errors import UserError
from core.models.backbones import BACKBONES, StagedBackbone, build_backbone, find_backbone
from core.models.efficientnet_lite import EfficientNetLite0, SameConvolution, timm_key
from core.models.summary import count_parameters
from tests.models.shared_backbones import FAMILIES, shared_backbone

TORCHVISION = {name: name.replace("-", "_") for name in BACKBONES if name not in ("efficientnet-lite0", "tiny-cnn")}
CLASSIFIED = [each for each in FAMILIES if each not in ("vgg16", "tiny-cnn")]


@cache
def _published(name: str) -> nn.Module:
    """Return torchvision's or timm's own network with statistics that are not those of a fresh one; it is shared."""
    torch.manual_seed(1)
    if name == "efficientnet-lite0":
        network = timm.create_model("tf_efficientnet_lite0")
    elif name == "googlenet":
        network = models.googlenet(init_weights=False, aux_logits=False, transform_input=True)
    else:
        network = getattr(models, TORCHVISION[name])()
    for buffer_name, buffer in network.named_buffers():
        if buffer_name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        elif buffer_name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return network.eval()


def _renormalised(images: Tensor, name: str) -> Tensor:
    """Return pictures that were normalised as ImageNet's are, normalised as a backbone wants them."""
    reference, own = BACKBONES["resnet18"], BACKBONES[name]
    columns = (torch.tensor(each)[:, None, None] for each in (reference.mean, reference.std, own.mean, own.std))
    mean, std, own_mean, own_std = columns
    return (images * std + mean - own_mean) / own_std


def _empty(name: str, *, pooled: bool = True) -> StagedBackbone:
    """Return a backbone whose tensors hold whatever lay in memory: a state dict must fill them all."""
    with torch.device("meta"):
        backbone = build_backbone(name, pooled=pooled)
    return backbone.to_empty(device="cpu").eval()


def _count(name: str) -> int:
    """Return the weights of a backbone; none is drawn."""
    with torch.device("meta"):
        return count_parameters(build_backbone(name))


@pytest.mark.parametrize("name", TORCHVISION)
def test_a_backbone_has_the_parameters_that_torchvision_publishes(name: str) -> None:
    published = models.get_model_weights(TORCHVISION[name]).IMAGENET1K_V1.meta["num_params"]
    spec = BACKBONES[name]
    classifier = 1000 * (spec.features + 1)
    if name == "vgg16":
        classifier = 25_089 * 4096 + 4097 * 4096 + 4097 * 1000
    assert _count(name) + classifier == published


def test_efficientnet_lite0_has_4_652_008_parameters() -> None:
    with torch.device("meta"):
        assert count_parameters(EfficientNetLite0()) == 4_652_008
    assert _count("efficientnet-lite0") == 4_652_008 - 1_281_000


@pytest.mark.parametrize("name", TORCHVISION)
def test_the_weights_are_called_as_torchvision_calls_them(name: str) -> None:
    urls = {each.url.rpartition("/")[2] for each in models.get_model_weights(TORCHVISION[name])}
    urls.discard("vgg16_features-amdegroot-88682ab5.pth")  # for pixels of 0..255; another normalisation
    assert set(BACKBONES[name].weights) == urls


@pytest.mark.parametrize("name", CLASSIFIED)
@torch.inference_mode()
def test_with_a_published_state_dict_come_the_published_logits(name: str) -> None:
    published = _published(name)
    backbone = _empty(name)
    classifier = backbone.load_imagenet(published.state_dict())
    assert classifier is not None
    for size in ((32, 64), (33, 50)):
        images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(2))
        expected = published(images)
        given = _renormalised(images, name) if name == "googlenet" else images
        torch.testing.assert_close(classifier(backbone(given)), expected, rtol=1e-4, atol=1e-4)
        assert expected.std() > 1e-3


@torch.inference_mode()
def test_vgg_has_the_published_maps() -> None:
    with torch.device("meta"):
        published = models.vgg16(init_weights=False)
    published = published.to_empty(device="cpu").eval()  # nine tenths of it, the classifier, is never looked at
    for parameter in published.features.parameters():
        parameter.normal_(0, 0.05)
    backbone = _empty("vgg16", pooled=False)
    assert backbone.load_imagenet(published.state_dict()) is None
    images = torch.randn(1, 3, 33, 50)
    expected = published.features(images)
    torch.testing.assert_close(backbone(images), expected)
    assert expected.std() > 1e-3


def test_a_densenet_file_of_2017_is_understood() -> None:
    network = models.densenet121()
    old = {
        key.replace("norm1.", "norm.1.").replace("conv1.", "conv.1.").replace("norm2.", "norm.2.")
        if "denselayer" in key
        else key: tensor
        for key, tensor in network.state_dict().items()
        if "num_batches_tracked" not in key
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    backbone = _empty("densenet121")
    backbone.load_imagenet(old)
    assert torch.equal(
        backbone.get_parameter("stages.block4.denseblock4.denselayer16.norm2.weight"),
        network.get_parameter("features.denseblock4.denselayer16.norm2.weight"),
    )


def test_the_untrained_auxiliary_classifiers_of_googlenets_file_are_left_out() -> None:
    published = models.googlenet(init_weights=False, aux_logits=True)
    backbone = _empty("googlenet")
    assert backbone.load_imagenet(published.state_dict()) is not None
    assert not any("aux" in key for key in backbone.state_dict())


@pytest.mark.parametrize("name", ["resnet18", "efficientnet-lite0", "googlenet"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: state.pop(next(iter(state))),
        lambda state: state.update({"layer9.weight": torch.zeros(1)}),
        lambda state: state.update({"stem.bn.weight": torch.zeros(64)}),
        lambda state: state.update({next(iter(state)): torch.zeros(1)}),
        lambda state: state.update({list(state)[-1]: torch.zeros(3)}),
    ],
)
def test_a_state_dict_that_does_not_fit_is_refused(name: str, spoil: Callable[[dict[str, Tensor]], object]) -> None:
    state = dict(_published(name).state_dict())
    spoil(state)
    with pytest.raises(RuntimeError):
        _empty(name).load_imagenet(state)


def test_a_state_dict_of_another_network_is_refused() -> None:
    with torch.device("meta"):
        other = models.resnet50()
    with pytest.raises(RuntimeError):
        _empty("resnet18").load_imagenet(other.to_empty(device="cpu").state_dict())


@pytest.mark.parametrize("size", [(32, 64), (33, 50)])
@pytest.mark.parametrize("name", FAMILIES)
@torch.inference_mode()
def test_every_stage_ends_with_the_channels_and_the_size_it_says(name: str, size: tuple[int, int]) -> None:
    backbone = shared_backbone(name)
    features = torch.randn(1, 3, *size)
    for stage in backbone.spec.stages:
        features = backbone.stages.get_submodule(stage.name)(features)
        assert features.shape[:2] == (1, stage.channels), stage.name
        if stage.stride:
            for side, whole in zip(features.shape[-2:], size, strict=True):
                assert side in (whole // stage.stride, math.ceil(whole / stage.stride)), stage.name
        else:
            assert features.shape == (1, backbone.spec.features)


@pytest.mark.parametrize("name", FAMILIES)
@torch.inference_mode()
def test_a_pyramid_halves_from_map_to_map(name: str) -> None:
    backbone = shared_backbone(name)
    others = {"convnext-tiny": (4, 8, 16, 32), "tiny-cnn": (2, 4, 8, 16)}
    assert backbone.pyramid_strides == others.get(name, (2, 4, 8, 16, 32))
    images = torch.randn(1, 3, 32, 64)
    maps = backbone.pyramid(images)
    sizes = [(1, c, 32 // s, 64 // s) for c, s in zip(backbone.pyramid_channels, backbone.pyramid_strides, strict=True)]
    assert [tuple(each.shape) for each in maps] == sizes


@pytest.mark.parametrize("name", FAMILIES)
@torch.inference_mode()
def test_a_later_stage_leaves_the_maps_of_a_pyramid_as_they_were(name: str) -> None:
    backbone = shared_backbone(name)
    images = torch.randn(1, 3, 32, 32)
    maps = backbone.pyramid(images)
    features = images
    for stage in backbone.spec.stages:
        features = backbone.stages.get_submodule(stage.name)(features.clone())
        if stage.name in backbone.spec.pyramid:
            assert torch.equal(features, maps.pop(0)), stage.name


@pytest.mark.parametrize("name", BACKBONES)
def test_the_last_stage_is_all_that_ends_at_the_smallest_map(name: str) -> None:
    spec, smallest = BACKBONES[name], 16 if name == "tiny-cnn" else 32
    split = spec.stage_names.index(spec.last_stage)
    assert [each.stride for each in spec.stages[split:] if each.stride] == [smallest] * (len(spec.stages) - split - 1)
    assert all(0 < each.stride < 32 for each in spec.stages[:split])


def test_an_encoder_has_no_more_than_its_pyramid_needs() -> None:
    name = "efficientnet-lite0"
    encoder, whole = _empty(name, pooled=False).train(), _empty(name)
    state = _published(name).state_dict()
    whole.load_imagenet(state)
    encoder.load_imagenet(state)
    assert set(encoder.state_dict()) < set(whole.state_dict())
    for key, tensor in encoder.state_dict().items():
        assert torch.equal(tensor, whole.state_dict()[key]), key
    torch.stack([each.mean() for each in encoder.pyramid(torch.randn(2, 3, 32, 32))]).sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_what_is_held_still_stays_so_whatever_mode_is_set() -> None:
    backbone = build_backbone("resnet18")
    backbone.freeze(4)
    before = copy.deepcopy(backbone.state_dict())
    backbone.train()
    backbone(torch.randn(4, 3, 32, 32))
    moved = {key.split(".")[1] for key, tensor in backbone.state_dict().items() if not torch.equal(tensor, before[key])}
    assert moved == {"layer3", "layer4"}
    assert [each.training for each in backbone.stages] == [False] * 4 + [True] * 3
    backbone.freeze(0)
    assert all(each.training for each in backbone.modules())
    assert all(each.requires_grad for each in backbone.parameters())


def test_a_copy_is_of_its_own() -> None:
    backbone = shared_backbone("resnet18")
    twin = copy.deepcopy(backbone)
    assert twin.spec == backbone.spec
    with torch.no_grad():
        next(twin.parameters()).zero_()
    assert next(backbone.parameters()).detach().abs().sum() > 0


@pytest.mark.parametrize("find", [build_backbone, find_backbone])
def test_an_unknown_backbone_is_refused_with_the_known_ones(find: Callable[[str], object]) -> None:
    with pytest.raises(UserError, match=r"'resnet19'.*resnet18, resnet50"):
        find("resnet19")


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("side", [1, 2, 7, 8, 33])
def test_same_padding_puts_the_surplus_at_the_end(kernel: int, side: int) -> None:
    layer = SameConvolution(1, 1, kernel, stride=2, bias=False)
    image = torch.randn(1, 1, side, side)
    rows = math.ceil(side / 2)
    total = (rows - 1) * 2 + kernel - side
    before = total // 2
    expected = F.conv2d(F.pad(image, (before, total - before) * 2), layer.weight, stride=2)
    assert expected.shape[-1] == rows
    torch.testing.assert_close(layer(image), expected)


def test_slow_gradients_of_depthwise_layers_are_taken_in_fp32_where_something_is_learnt() -> None:
    network = build_backbone("efficientnet-lite0", pooled=False).train()
    seen: dict[tuple[int, int], set[torch.dtype]] = {}

    def note(layer: nn.Conv2d, inputs: tuple[Tensor, ...]) -> None:
        seen.setdefault((layer.kernel_size[0], layer.stride[0]), set()).add(inputs[0].dtype)

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and layer.groups > 1:
            layer.register_forward_pre_hook(note)
    images = torch.randn(2, 3, 64, 64)
    with torch.autocast("cpu", torch.bfloat16):
        learnt = network(images)
        trained = dict(seen)
        seen.clear()
        with torch.inference_mode():
            network(images)
    assert trained == {(3, 1): {torch.bfloat16}, (3, 2): {torch.float32}, (5, 2): {torch.float32},
                       (5, 1): {torch.float32}}  # fmt: skip
    assert {kind for kinds in seen.values() for kind in kinds} == {torch.bfloat16}
    assert learnt.dtype == torch.bfloat16
    learnt.float().square().mean().backward()
    assert all(torch.isfinite(each.grad).all() for each in network.parameters() if each.grad is not None)


def test_the_bundled_names_become_timms_in_the_same_order() -> None:
    ours = EfficientNetLite0().state_dict()
    assert list(ours) == list(timm.create_model("tf_efficientnet_lite0").state_dict())
    assert timm_key("_blocks.15._project_conv.weight") == "blocks.6.0.conv_pwl.weight"
    assert timm_key("_blocks.0._project_conv.weight") == "blocks.0.0.conv_pw.weight"
    for foreign in (
        "_blocks.16._bn0.weight",
        "_blocks.x.y",
        "_blocks.3._se.weight",
        "layer1.0.conv1.weight",
        "_blocks",
    ):
        assert timm_key(foreign) == foreign


def test_a_fresh_efficientnet_lite0_neither_dies_nor_explodes() -> None:
    torch.manual_seed(0)
    with torch.inference_mode():
        logits = EfficientNetLite0()(torch.randn(4, 3, 64, 64))
    assert 1e-3 < logits.std() < 10


def test_the_tiny_network_has_the_parameters_that_it_says() -> None:
    assert _count("tiny-cnn") == 143_952
