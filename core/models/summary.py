"""How large a network is, and how much work one pass through it takes."""

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(module: nn.Module, trainable_only: bool = False) -> int:
    """Return the number of weights of a module.

    A weight that is used in several places counts once; running means of batch normalisation are no weights.

    Args:
        module: A network or a part of one.
        trainable_only: Leave out what is frozen.
    """
    return sum(each.numel() for each in module.parameters() if each.requires_grad or not trainable_only)


def count_flops(module: nn.Module, images: Tensor) -> int:
    """Return the floating-point operations of one forward pass in evaluation mode.

    A multiplication with its addition counts as 2. Papers and torchvision often count it as 1 and call that FLOPs
    or MACs: halve this number to compare. Convolutions, transposed convolutions and matrix products are counted;
    additions of biases, normalisation, activation, pooling and resizing, a few hundredths of the work at most in
    networks of this kind, are not. A convolution's padding counts like pixels.

    Only shapes are computed ("meta" tensors), so a large picture costs no more than a small one, and neither the
    weights nor the module's modes are touched.

    Args:
        module: Maps ``images`` to a tensor or a structure of tensors.
        images: ``(N, C, H, W)``; only shape and type matter. The count grows in proportion to N.
    """
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    shapes = {name: each.detach().to("meta") for name, each in tensors.items()}
    modes = {each: each.training for each in module.modules()}
    counter = FlopCounterMode(display=False)
    module.eval()
    try:
        with torch.no_grad(), counter:
            functional_call(module, shapes, (images.to("meta"),))
    finally:
        for each, was_training in modes.items():
            each.training = was_training
    return int(counter.get_total_flops())
