"""The error for an unknown key, with suggestions based on the last part of its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fer_plugins.config import registry
from fer_plugins.config.keys import COMPONENT_SECTIONS, Key, Origin, schema
from fer_plugins.config.nearest import find_nearest
from fer_plugins.runtime.errors import InputError

# Our key -> its names in other training scripts. A name that ends like one of our keys needs no entry.
_ELSEWHERE = {
    name: key
    for key, names in {
        "optimizer.weight_decay": "wd weight_decay",
        "optimizer.lr": "learning_rate",
        "optimizer.momentum": "momentum",
        "optimizer.name": "optim",
        "data.batch_size": "bs batch",
        "trainer.devices": "gpus",
        "trainer.accelerator": "gpu device cuda",
        "trainer.precision": "amp fp16",
        "trainer.compile": "torch_compile",
        "trainer.accumulate_grad_batches": "accumulation grad_accum gradient_accumulation",
        "data.workers": "num_workers",
        "data.name": "dataset",
        "data.root": "data_dir data_path data_root path",
        "data.image_size": "input_size img_size size",
        "run.output": "output_dir out out_dir save_dir",
        "model.name": "arch network",
        "model.pool": "pooling",
        "trainer.epochs": "num_epochs max_epochs",
        "augmentation.name": "transforms aug",
        "scheduler.name": "sched",
        "selection.patience": "early_stopping",
        "seed": "random_seed",
        "run.fold": "folds",
        "logger": "wandb tensorboard",
    }.items()
    for name in names.split()
}


def unknown_key(name: str, origin: Origin, config: Mapping[str, Any]) -> InputError:
    """Return the error for an unknown key, suggesting the keys that its last part resembles.

    Args:
        name: The key as given, without the dashes.
        origin: Where the key came from.
        config: The configuration so far; the options of the components it names are known keys, too.
    """
    alike = find_alike(name, config)
    if not alike:
        keys = known_keys(config)
        last = {key.rpartition(".")[2]: key for key in reversed(keys)}
        near = find_nearest(_plain(name), [*schema(), *last, *_ELSEWHERE])
        alike = list(dict.fromkeys(last.get(word) or _ELSEWHERE.get(word) or word for word in near))
    dashes = "--" if origin.kind == "flags" else ""
    if alike:
        hint = "did you mean " + " or ".join(f"{dashes}{key}" for key in alike) + "?"
    else:
        hint = f"known: {', '.join(schema())}"
    return InputError(f"{dashes}{name}: unknown key (from {origin}); {hint}")


def find_alike(name: str, config: Mapping[str, Any]) -> list[str]:
    """Return the known keys whose last part is ``name``, else our key for this name in other training scripts."""
    plain = _plain(name)
    alike = [key for key in known_keys(config) if key.rpartition(".")[2] == plain]
    return alike or [key for key in (_ELSEWHERE.get(plain),) if key is not None]


def known_keys(config: Mapping[str, Any]) -> list[str]:
    """Return the dotted names of all keys: those of the core and the options of the installed components in use."""
    keys = []
    for name, key in schema().items():
        keys += [name] if isinstance(key, Key) else [f"{name}.{inner}" for inner in key]
    for section, kind in COMPONENT_SECTIONS.items():
        offered = config.get(section)
        try:
            component = registry.find(kind, str(offered.get("name") if isinstance(offered, Mapping) else offered))
            keys += [f"{section}.{option.name}" for option in registry.options(component)]
        except InputError:
            pass  # a component that is not installed is refused later, with its own message
    return [key for key in keys if key.rpartition(".")[2] != "name"]


def _plain(name: str) -> str:
    return name.rpartition(".")[2].replace("-", "_").lower()
