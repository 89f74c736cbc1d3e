"""Builds the Lightning callbacks that are listed in the configuration."""

from __future__ import annotations

from collections.abc import Sequence

import lightning as L
from lightning.pytorch.callbacks import StochasticWeightAveraging, WeightAveraging

from fer_plugins.config import RunConfig, copy_plain, registry
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.stopping import stopping_callback


def build_callbacks(config: RunConfig) -> list[L.Callback]:
    """Build the callbacks of the ``callbacks`` list, in its order.

    Raises:
        InputError: a callback is unknown or rejects its options, or two of them conflict.
        PluginError: a plug-in returns something other than a Lightning callback.
    """
    built: dict[str, L.Callback] = {}
    for component in config.callbacks:
        name, options = component.name, copy_plain(component.options)
        callback = registry.build("callback", name, epochs=config.trainer.epochs, **options)
        if not isinstance(callback, L.Callback):
            raise registry.PluginError(
                f"{registry.find('callback', name)} returns a {type(callback).__name__}; the contract wants a Callback "
                "of lightning.pytorch"
            )
        built[name] = callback
    averaging = [
        name for name, callback in built.items() if isinstance(callback, WeightAveraging | StochasticWeightAveraging)
    ]
    if len(averaging) > 1:
        raise InputError(f"callbacks: {' and '.join(averaging)} both replace the weights; leave one out")
    stopping = stopping_callback(config.selection)
    keys = {stopping.state_key: "selection.patience"} if stopping else {}
    for name, callback in built.items():
        key = callback.state_key
        if key in keys:
            raise InputError(f"callbacks: {name} and {keys[key]} keep their state under one key, {key}; leave one out")
        keys[key] = name
    return list(built.values())


class DuringTraining(L.Callback):
    """Removes the user's callbacks when training is over.

    The selected checkpoint is then scored by the same trainer, exactly as it was saved; Lightning's weight averaging
    would replace its weights by the last average.
    """

    def __init__(self, callbacks: Sequence[L.Callback]) -> None:
        self.callbacks = list(callbacks)

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Keep only the core's callbacks; this callback must come after those that it removes."""
        del pl_module
        if stage == "fit":
            trainer.callbacks = [callback for callback in trainer.callbacks if callback not in self.callbacks]  # type: ignore[attr-defined]
