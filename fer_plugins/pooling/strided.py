"""For plug-ins: replaces strided convolutions by convolutions with stride 1 and a subsampling blur (ConvBlurPool)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from fer_plugins.contract import PoolingFactory
from fer_plugins.runtime.evaluating import evaluating

_ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Hardswish)
_NORMS = (nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d)


def blur_strided_convolutions(network: nn.Module, pool: PoolingFactory, image: Tensor) -> int:
    """Replace ReLU(Conv of stride s) by BlurPool of stride s (ReLU(Conv of stride 1)), in place (Zhang 2019, Eq. 4).

    The blur is inserted after the normalization and activation modules that follow the convolution, or directly after
    the convolution if none do. It is ``pool(1, s)``: a pooling whose window is one pixel, such as `max_blur_pool` with
    preset ``zhang``. Feature maps keep their sizes, and weights are kept; the names of replaced modules in the state
    dict get a ``.0``.

    Args:
        network: Network to modify.
        pool: Pooling factory.
        image: Input (1, C, H, W) for one forward pass, which shows which modules follow each convolution.

    Returns:
        Number of replaced convolutions.

    Raises:
        ValueError: The pooling does not blur or is more than a blur, or no convolution is strided.
    """
    strided = {
        name: max(layer.stride)
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Conv2d) and max(layer.stride) > 1
    }
    if not strided:
        raise ValueError("there is no strided convolution; leave blur_strided out")
    for step in sorted(set(strided.values())):
        _check_blurs(pool, step)
    places = {name: _end_of_layer(name, _run(network, image), network) for name in strided}
    for name, place in places.items():
        convolution = network.get_submodule(name)
        convolution.stride = (1, 1)  # type: ignore[assignment]  # known to be a Conv2d
        parent, _, last = place.rpartition(".")
        setattr(
            network.get_submodule(parent), last, nn.Sequential(network.get_submodule(place), pool(1, strided[name]))
        )
    return len(strided)


def _check_blurs(pool: PoolingFactory, step: int) -> None:
    picture = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    blurred = pool(1, step)(picture)
    if torch.allclose(blurred, picture[..., ::step, ::step]):
        raise ValueError(
            f"blur_strided: this pooling takes every {step}. pixel of a map as a strided convolution does; "
            "use one that blurs, such as model.pool max_blur with preset zhang"
        )
    if not torch.allclose(pool(1, step)(-picture), -blurred, atol=1e-5) or blurred.shape[-1] != -(-16 // step):
        raise ValueError(
            "blur_strided: this pooling is more than a blur where its window is one pixel; "
            "use model.pool max_blur with preset zhang or kornia, or with max_size 1"
        )


Call = tuple[str, Tensor, Any]  # module name, input, output


def _run(network: nn.Module, image: Tensor) -> list[Call]:
    calls: list[Call] = []
    hooks = [
        layer.register_forward_hook(lambda _, inputs, output, name=name: calls.append((name, inputs[0], output)))
        for name, layer in network.named_modules()
        if isinstance(layer, (nn.Conv2d, *_NORMS, *_ACTIVATIONS))
    ]
    try:
        with evaluating(network), torch.no_grad():
            network(image)
    finally:
        for hook in hooks:
            hook.remove()
    return calls


def _end_of_layer(name: str, calls: list[Call], network: nn.Module) -> str:
    """Return the name of the last module of the layer that starts with a convolution."""
    order = [call[0] for call in calls]
    place = name
    output = calls[order.index(name)][2]
    for kinds in (_NORMS, _ACTIVATIONS):
        after = calls[order.index(place) + 1 :]
        following = [call for call in after if call[1] is output and isinstance(network.get_submodule(call[0]), kinds)]
        if following and order.count(following[0][0]) == 1:
            place, _, output = following[0]
    return place
