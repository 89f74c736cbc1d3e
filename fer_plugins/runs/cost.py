"""The cost of a network: trainable parameters, megabytes, multiply-adds per image, and latency on this machine."""

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
    """Count the trainable parameters; a shared parameter is counted once."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def macs(module: nn.Module, input_shape: Sequence[int]) -> int:
    """Count the multiply-adds for one image: matrix products, convolutions, attention and recurrent layers.

    Bias additions, activations, normalisation and pooling are not counted, as is usual in papers. For a depthwise or
    grouped convolution only its own products are counted. The module is run once in evaluation mode on an image filled
    with 0.5. The modes of its modules, the gradient state and the random generators are restored afterwards.

    Args:
        module: maps (1, C, H, W) in [0, 1] to anything.
        input_shape: C, H, W.

    Returns:
        The number of multiply-adds (half the floating point operations that torch's counter reports).
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

    Their fused kernels (oneDNN, cuDNN, the transformer fast path) are opaque to the counter, which counts them as 0.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns about its own TF32 setting when the flags are restored
        with torch.backends.mkldnn.flags(enabled=False), torch.backends.cudnn.flags(enabled=False):
            torch.backends.mha.set_fastpath_enabled(False)
            try:
                yield
            finally:
                torch.backends.mha.set_fastpath_enabled(fast)


BATCHES = (1, 32)  # images
_SECONDS = 0.2  # minimum duration of timing, at least one batch


def megabytes(module: nn.Module) -> float:
    """Return the size of all weights and saved buffers at 4 bytes per value (float32), in MB of 10^6 bytes."""
    return 4e-6 * float(sum(tensor.numel() for tensor in module.state_dict().values()))


def latency(module: nn.Module, input_shape: Sequence[int], batch: int = 1) -> float:
    """Return the seconds per image in evaluation mode: the median time of a batch divided by its size.

    The first batch is a warm-up and is not counted. The number of CPU threads is torch's (``torch.get_num_threads``).

    Args:
        module: maps (B, C, H, W) in [0, 1] to anything; the modes of its modules are restored afterwards.
        input_shape: C, H, W.
        batch: number of images per pass, at least 1.
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
