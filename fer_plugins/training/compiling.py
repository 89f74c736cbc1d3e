"""Uses torch.compile for training: compiles and times it before the first epoch, or continues without if it fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import lightning as L
import torch
from torch import nn

from fer_plugins.runtime.activity import doing, format_seconds
from fer_plugins.runtime.errors import first_line
from fer_plugins.runtime.evaluating import evaluating
from fer_plugins.training.devices import epoch_order
from fer_plugins.training.module import FERModule

_DYNAMO = logging.getLogger("torch._dynamo.convert_frame")


class RecompileLimit(logging.Filter):
    """Replaces the lines that PyTorch prints when it gives up recompiling a part of the network by one warning."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        super().__init__()
        self.warn = warn

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record of ``torch._dynamo`` is printed."""
        text = record.getMessage()
        if "torch._dynamo hit config." not in text:
            return True
        why = text.partition("last reason: ")[2].split("\n")[0][:160]
        self.warn(f"trainer.compile: too many recompilations; a part of the network trains uncompiled ({why})")
        return False


class CompileNetwork(L.Callback):
    """Compiles the network for training and its validation passes.

    The selected checkpoint is scored with the uncompiled network, so that ``fer robustness`` and ``fer predict`` give
    the same numbers. Compiled kernels round differently and dropout draws other masks, so that a compiled training is
    not bit-identical to an uncompiled one.
    """

    def __init__(self, mode: str, say: Callable[[str], None], warn: Callable[[str], None]) -> None:
        self.mode, self.say, self.warn = mode, say, warn
        self.recompile_limit = RecompileLimit(warn)

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Compile on a batch of zeros; weights, buffers and random state are left unchanged."""
        assert isinstance(pl_module, FERModule)
        _DYNAMO.addFilter(self.recompile_limit)
        counters = torch._dynamo.utils.counters
        counters.clear()
        began = time.perf_counter()
        pl_module.network.compile(mode=self.mode)
        try:
            with doing("compiling the network"), trainer.precision_plugin.forward_context():
                for size in _batch_sizes(trainer):
                    _try_both_modes(pl_module, size)
        except Exception as error:  # dynamo, inductor and the C++ compiler each raise a dozen types
            _uncompile(pl_module.network)
            self.warn(f"trainer.compile: the network is not compiled ({first_line(error, 160)}); it trains uncompiled")
            return
        self.say(f"compiled (mode {self.mode}) in {format_seconds(time.perf_counter() - began)}")
        breaks = counters["graph_break"]
        if breaks:
            why = next(iter(breaks)).strip().splitlines()[0][:160]
            more = f", and {len(breaks) - 1} more" if len(breaks) > 1 else ""
            self.warn(f"trainer.compile: the network is compiled in pieces; code between them is not ({why}{more})")

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Clean up after a training that ended early, since Lightning does not call ``teardown`` then."""
        self.teardown(trainer, pl_module, "fit")

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Remove the compiled network after training."""
        if stage == "fit":
            assert isinstance(pl_module, FERModule)
            _DYNAMO.removeFilter(self.recompile_limit)
            _uncompile(pl_module.network)


def _batch_sizes(trainer: L.Trainer) -> list[int]:
    """Return the sizes of this process's training batches; a smaller last batch is compiled as well."""
    batches = epoch_order(trainer.datamodule.train_dataloader()).slices()  # type: ignore[attr-defined]
    sizes = [len(range(batch.start, batch.stop, batch.step or 1)) for batch in batches]
    return list(dict.fromkeys(size for size in sizes if size > 1))


def _try_both_modes(module: FERModule, size: int) -> None:
    data, network = module.config.data, module.network
    shape = (size, data.channels, data.image_size, data.image_size)
    images = torch.zeros(shape, dtype=next(network.parameters()).dtype, device=module.device)
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    devices = [module.device] if module.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices), evaluating(network):
            network.train()
            module(images).float().sum().backward()
            network.eval()
            with torch.no_grad():
                module(images)
    finally:
        network.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, buffer in network.named_buffers():
                buffer.copy_(buffers[name])


def _uncompile(network: nn.Module) -> None:
    network._compiled_call_impl = None  # set by Module.compile; torch has no function to undo it
