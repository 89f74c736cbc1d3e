"""Saliency maps: four methods of captum, and the maps that a network explains itself with."""

from __future__ import annotations

import contextlib
import importlib.util
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from fer_plugins.analysis.network import Network, Split, as_batch
from fer_plugins.config.requirement import install_command
from fer_plugins.contract import HasExplain
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.seeds import derive

NOISE, SAMPLES = 0.15, 25  # assumed: of the range of values, and their number; Smilkov et al. 2017: 0.1 to 0.2, and 50
WINDOW, STRIDE = 1 / 6, 1 / 12  # assumed: as a fraction of the image's side
EXAMPLES = 4  # number of correct ones, and of wrong ones

Maps = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Examples:
    """Images to explain, correct predictions first."""

    images: Tensor  # (B, C, S, S) in [0, 1]
    true: list[str]
    predicted: list[str]
    probability: list[float]  # of the predicted class
    target: Tensor  # (B,) the predicted class
    source: list[str]


def check_saliency(methods: list[str], module: nn.Module) -> None:
    """Raise InputError if captum or matplotlib is missing, or ``explain`` is requested and the network has none."""
    needed = ["matplotlib"] + ["captum"] * any(method != "explain" for method in methods)
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"--saliency: {' and '.join(missing)} not installed; {install_command(*missing)}")
    if "explain" in methods and not isinstance(module, HasExplain):
        raise InputError(f"--saliency explain: {type(module).__name__} has no explain(); use another method")


def try_methods(methods: list[str], network: Network, data: Mapping[str, Any]) -> None:
    """Try methods that need gradients or a certain layer on one grey image, before the test split is opened.

    ``data`` is the data section of the run's configuration. Raises InputError if a method does not work on this
    network; see ``find_maps``.
    """
    image = torch.full((1, data["channels"], data["image_size"], data["image_size"]), 0.5)
    example = Examples(image, [""], [""], [0.0], torch.zeros(1, dtype=torch.int64), [""])
    for method in dict.fromkeys("gradient" if name == "smoothgrad" else name for name in methods):
        if method in ("gradient", "grad_cam"):
            find_maps(method, network, example, seed=0)


def choose_examples(predictions: Predictions, seed: int, count: int = EXAMPLES) -> npt.NDArray[np.int64]:
    """Return random indices into ``predictions``: up to ``count`` correct predictions, then as many wrong ones."""
    random = np.random.default_rng(derive(seed, "examples"))
    right = predictions.predicted == predictions.label
    groups = [np.flatnonzero(right), np.flatnonzero(~right)]
    return np.concatenate([np.sort(random.permutation(group)[:count]) for group in groups])


def gather(
    split: Split, predictions: Predictions, places: npt.NDArray[np.int64], classes: list[str], sources: list[str]
) -> Examples:
    """Return the images at indices ``places`` (B,) of a split with their predictions."""
    predicted = predictions.predicted[places]
    return Examples(
        images=torch.cat([as_batch(split.read(slice(place, place + 1))) for place in places.tolist()]),
        true=[classes[label] for label in predictions.label[places]],
        predicted=[classes[label] for label in predicted],
        probability=predictions.probabilities[places, predicted].tolist(),
        target=torch.from_numpy(predicted),
        source=sources,
    )


def find_maps(method: str, network: Network, examples: Examples, seed: int) -> Maps:
    """Return the saliency of each pixel for the predicted class, (B, S, S).

    ``gradient``: |d logit / d pixel|, maximum over the channels (Simonyan et al. 2014). ``smoothgrad``: the same for
    the mean gradient of 25 copies with Gaussian noise (Smilkov et al. 2017). ``occlusion``: decrease of the class's
    probability when a window of a sixth of the side is filled with the image's mean colour, averaged over the windows
    that contain the pixel (Zeiler and Fergus 2014); negative if covering increases the probability. ``grad_cam``: the
    last convolution's maps weighted by their mean gradients, positive part, upsampled bilinearly (Selvaraju et al.
    2017).

    Raises:
        InputError: no gradient reaches the image (histograms of gradients block it), or the network has no convolution
            with a map of more than one pixel.
    """
    with _for_gradients(network.module), torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "saliency", method))
        try:
            attribution: Tensor = _METHODS[method](
                network, network.place(examples.images).clone(), examples.target.to(network.device)
            )
        except (RuntimeError, AssertionError) as error:
            text = textwrap.shorten(str(error), 100, placeholder=" ...")
            remedy = "use occlusion" if method != "occlusion" else "leave it out"
            raise InputError(f"--saliency {method}: does not work on this network, {remedy} ({text})") from error
    maps: Maps = attribution.detach().double().cpu().numpy()
    return maps


def explain(module: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Return the network's own explanation on the CPU: name -> tensor whose first dimension is the batch."""
    assert isinstance(module, HasExplain)
    with torch.no_grad():
        return {name: value.detach().float().cpu() for name, value in module.explain(images).items()}


def _gradient(network: Network, images: Tensor, target: Tensor) -> Tensor:
    from captum.attr import Saliency

    attribution: Tensor = Saliency(network.module).attribute(images.requires_grad_(), target=target, abs=True)
    return attribution.amax(1)


def _smoothgrad(network: Network, images: Tensor, target: Tensor) -> Tensor:
    from captum.attr import NoiseTunnel, Saliency

    mean: Tensor = NoiseTunnel(Saliency(network.module)).attribute(
        images.requires_grad_(), nt_type="smoothgrad", nt_samples=SAMPLES, nt_samples_batch_size=1, stdevs=NOISE,
        target=target, abs=False,
    )  # fmt: skip
    return mean.abs().amax(1)


def _occlusion(network: Network, images: Tensor, target: Tensor) -> Tensor:
    from captum.attr import Occlusion

    channels, side = images.shape[1], images.shape[-1]
    window, stride = max(2, round(side * WINDOW)), max(1, round(side * STRIDE))

    def probabilities(batch: Tensor) -> Tensor:
        return torch.softmax(network.module(batch), 1)

    drop: Tensor = Occlusion(probabilities).attribute(
        images, target=target, baselines=images.mean((2, 3), keepdim=True).expand_as(images).contiguous(),
        sliding_window_shapes=(channels, window, window), strides=(channels, stride, stride),
    )  # fmt: skip
    return drop.mean(1)


def _grad_cam(network: Network, images: Tensor, target: Tensor) -> Tensor:
    from captum.attr import LayerGradCam

    layer = last_convolution(network.module, images[:1])
    cam: Tensor = LayerGradCam(network.module, layer).attribute(images, target=target, relu_attributions=True)
    size = (images.shape[-2], images.shape[-1])
    return torch.nn.functional.interpolate(cam, size, mode="bilinear")[:, 0]


def last_convolution(module: nn.Module, image: Tensor) -> nn.Module:
    """Return the last executed convolution with a map of more than one pixel; InputError if there is none."""
    ran: list[nn.Module] = []

    def note(layer: nn.Module, inputs: Any, maps: Tensor) -> None:
        del inputs
        if maps.dim() == 4 and min(maps.shape[-2:]) > 1:
            ran.append(layer)

    handles = [layer.register_forward_hook(note) for layer in module.modules() if isinstance(layer, nn.Conv2d)]
    try:
        with torch.no_grad():
            module(image)
    finally:
        for handle in handles:
            handle.remove()
    if not ran:
        raise InputError("--saliency grad_cam: the network has no convolution with a map of more than one pixel")
    return ran[-1]


_METHODS: dict[str, Callable[[Network, Tensor, Tensor], Tensor]] = {
    "gradient": _gradient,
    "smoothgrad": _smoothgrad,
    "occlusion": _occlusion,
    "grad_cam": _grad_cam,
}
METHODS = (*_METHODS, "explain")


@contextlib.contextmanager
def _for_gradients(module: nn.Module) -> Iterator[None]:
    """Make layer outputs visible to gradients and hooks: no in-place changes, no cuDNN kernels that reject eval."""
    changed = [layer for layer in module.modules() if getattr(layer, "inplace", False) is True]
    for layer in changed:
        layer.inplace = False  # type: ignore[assignment]
    try:
        with torch.backends.cudnn.flags(enabled=False), torch.enable_grad():
            yield
    finally:
        for layer in changed:
            layer.inplace = True  # type: ignore[assignment]
        module.zero_grad(set_to_none=True)
