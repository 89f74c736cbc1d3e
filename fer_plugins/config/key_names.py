"""Words the error for a key that does not exist: by its last part it is known what was meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fer_plugins.config import registry
from fer_plugins.config.keys import COMPONENT_SECTIONS, Key, schema
from fer_plugins.config.nearest import find_nearest
from fer_plugins.config.origin import Origin
from fer_plugins.runtime.errors import InputError

# What other trainers call a key that has another name here; whatever ends like a key of ours needs no line.
_ELSEWHERE = {
    "wd": "optimizer.weight_decay",
    "weight_decay": "optimizer.weight_decay",
    "learning_rate": "optimizer.lr",
    "momentum": "optimizer.momentum",
    "optim": "optimizer.name",
    "bs": "data.batch_size",
    "batch": "data.batch_size",
    "gpus": "trainer.devices",
    "gpu": "trainer.accelerator",
    "device": "trainer.accelerator",
    "cuda": "trainer.accelerator",
    "amp": "trainer.precision",
    "fp16": "trainer.precision",
    "torch_compile": "trainer.compile",
    "accumulation": "trainer.accumulate_grad_batches",
    "grad_accum": "trainer.accumulate_grad_batches",
    "gradient_accumulation": "trainer.accumulate_grad_batches",
    "num_workers": "data.workers",
    "dataset": "data.name",
    "data_dir": "data.root",
    "data_path": "data.root",
    "data_root": "data.root",
    "path": "data.root",
    "input_size": "data.image_size",
    "img_size": "data.image_size",
    "size": "data.image_size",
    "output_dir": "run.output",
    "out": "run.output",
    "out_dir": "run.output",
    "save_dir": "run.output",
    "arch": "model.name",
    "network": "model.name",
    "pooling": "model.pool",
    "num_epochs": "trainer.epochs",
    "max_epochs": "trainer.epochs",
    "transforms": "augmentation.name",
    "aug": "augmentation.name",
    "sched": "scheduler.name",
    "early_stopping": "selection.patience",
    "random_seed": "seed",
    "folds": "run.fold",
    "wandb": "logger",
    "tensorboard": "logger",
}


def unknown_key(name: str, origin: Origin, config: Mapping[str, Any]) -> InputError:
    """Return the error for a key ``name`` that is no section: the key that is meant, where its last part tells.

    Args:
        name: as given, without the dashes.
        origin: where it came from.
        config: the configuration so far; the options of what it names are known keys too.
    """
    alike = find_meant(name, config)
    if not alike:
        keys = known_keys(config)
        last = {key.rpartition(".")[2]: key for key in reversed(keys)}
        near = find_nearest(_plain(name), [*schema(), *last, *_ELSEWHERE])
        alike = list(dict.fromkeys(last.get(word) or _ELSEWHERE.get(word) or word for word in near))
    dashes = "--" if origin.kind == "flags" else ""
    came_from = f" (from {origin})"
    meant = "; did you mean " + " or ".join(f"{dashes}{key}" for key in alike) + "?" if alike else ""
    known = "" if alike else f"; known: {', '.join(schema())}"
    return InputError(f"{dashes}{name}: unknown key{came_from}{meant}{known}")


def find_meant(name: str, config: Mapping[str, Any]) -> list[str]:
    """Return the known keys whose last part is ``name``, or the one that other trainers call so."""
    plain = _plain(name)
    alike = [key for key in known_keys(config) if key.rpartition(".")[2] == plain]
    return alike or [key for key in (_ELSEWHERE.get(plain),) if key is not None]


def known_keys(config: Mapping[str, Any]) -> list[str]:
    """Return the dotted names of all keys: the core's, and the options of what ``config`` names and is installed."""
    keys = []
    for name, key in schema().items():
        keys += [name] if isinstance(key, Key) else [f"{name}.{inner}" for inner in key]
    for section, kind in COMPONENT_SECTIONS.items():
        offered = config.get(section)
        try:
            component = registry.find(kind, str(offered.get("name") if isinstance(offered, Mapping) else offered))
            keys += [f"{section}.{option.name}" for option in registry.options(component)]
        except InputError:
            pass  # what is not installed is refused later, in words of its own
    return [key for key in keys if key.rpartition(".")[2] != "name"]


def _plain(name: str) -> str:
    return name.rpartition(".")[2].replace("-", "_").lower()
