"""Builds the Lightning callbacks that the configuration names."""

from __future__ import annotations

from collections.abc import Sequence

import lightning as L
from lightning.pytorch.callbacks import StochasticWeightAveraging, WeightAveraging

from fer_plugins.config import RunConfig, copy_plain, registry
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.stopping import stopping_callback


def build_callbacks(config: RunConfig) -> list[L.Callback]:
    """Return the callbacks of the ``callbacks`` list, in its order.

    Raises:
        InputError: one is unknown or refuses its options, or two get in each other's way.
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
    """Takes the callbacks of the user away when training is over.

    The selected checkpoint is scored then, by the same trainer, and as it was saved: Lightning's weight averaging would
    put the last average in its place.
    """

    def __init__(self, callbacks: Sequence[L.Callback]) -> None:
        self.callbacks = list(callbacks)

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Leave the core's own callbacks; this one comes after those that it takes away."""
        del pl_module
        if stage == "fit":
            trainer.callbacks = [callback for callback in trainer.callbacks if callback not in self.callbacks]  # type: ignore[attr-defined]
