"""What a network costs: trainable parameters, megabytes, multiply-adds of one image, and its time on this machine."""

from __future__ import annotations

import contextlib
import statistics
import time
import warnings
from collections.abc import Iterator, Sequence

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fer_plugins.runtime.evaluating import evaluating


def parameters(module: nn.Module) -> int:
    """Count the trainable parameters; one that is shared counts once."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def macs(module: nn.Module, input_shape: Sequence[int]) -> int:
    """Count the multiply-adds of one image: matrix products, convolutions, attention and recurrent layers.

    Bias additions, activations, normalisation and pooling are not counted, as usual in papers. A depthwise or
    grouped convolution counts its own products only. The module is run once in evaluation mode on an image of
    0.5; modes, gradients' state and the random generators are as before afterwards.

    Args:
        module: maps (1, C, H, W) in [0, 1] to anything.
        input_shape: C, H, W.

    Returns:
        Multiply-adds (half the floating point operations that torch's counter reports).
    """
    reference = next(module.parameters(), None)
    device = reference.device if reference is not None else torch.device("cpu")
    dtype = reference.dtype if reference is not None else torch.float32
    image = torch.full((1, *input_shape), 0.5, device=device, dtype=dtype)
    counter = FlopCounterMode(display=False)
    with (
        evaluating(module),
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        torch.no_grad(),
        counted_exactly(),
        counter,
    ):
        module(image)
    return int(counter.get_total_flops()) // 2


@contextlib.contextmanager
def counted_exactly() -> Iterator[None]:
    """Make recurrent and transformer layers run as matrix products while torch's counter counts.

    Their fused kernels (oneDNN, cuDNN, the transformer fast path) are opaque to the counter, which takes them for 0.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own TF32 setting when the flags are put back
        with torch.backends.mkldnn.flags(enabled=False), torch.backends.cudnn.flags(enabled=False):
            torch.backends.mha.set_fastpath_enabled(False)
            try:
                yield
            finally:
                torch.backends.mha.set_fastpath_enabled(fast)


BATCHES = (1, 32)  # images
_SECONDS = 0.2  # of timing, at least one batch


def megabytes(module: nn.Module) -> float:
    """Return the size of all weights and saved buffers, a value of 4 bytes each (float32), in MB of 10^6 bytes."""
    return 4e-6 * float(sum(tensor.numel() for tensor in module.state_dict().values()))


def latency(module: nn.Module, input_shape: Sequence[int], batch: int = 1) -> float:
    """Return the seconds for one image in evaluation mode: the median time of a batch over its size.

    A first batch warms up and is not counted. The processor's threads are torch's (``torch.get_num_threads``).

    Args:
        module: maps (B, C, H, W) in [0, 1] to anything; its modes are as before afterwards.
        input_shape: C, H, W.
        batch: images in one pass, at least 1.
    """
    reference = next(module.parameters(), torch.zeros(1))
    images = torch.full((batch, *input_shape), 0.5, device=reference.device, dtype=reference.dtype)
    seconds: list[float] = []
    with evaluating(module), torch.inference_mode(), torch.random.fork_rng(devices=[]):
        module(images)
        while sum(seconds) < _SECONDS:
            begin = time.perf_counter()
            module(images)
            if images.is_cuda:
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds) / batch
