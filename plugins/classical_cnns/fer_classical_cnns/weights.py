"""Build a backbone with random or ImageNet weights; if the weights are unavailable, raise an error of one line."""

from __future__ import annotations

import contextlib
import io
import logging
import pickle
import urllib.error
import urllib.request
from pathlib import Path

import timm
from huggingface_hub import constants, try_to_load_from_cache
from torch import nn

from fer_plugins.runtime.errors import one_line

_HUB = constants.ENDPOINT  # HF_ENDPOINT, if it is set
_PATIENCE = 5  # seconds; the hub's own client retries for most of a minute before it gives up
_FILES = ("model.safetensors", "pytorch_model.bin")


def build_backbone(
    name: str, pretrained: bool, weights: str | None
) -> tuple[nn.Module, tuple[float, ...], tuple[float, ...]]:
    """Return timm's network without its classifier, and the mean and standard deviation for its ImageNet weights.

    Args:
        name: timm's name of the architecture.
        pretrained: start with timm's ImageNet weights, from its cache or a download.
        weights: file of such weights, used instead of cache and download.

    Raises:
        ValueError: the file does not exist or does not hold weights of this architecture.
        ConnectionError: the weights are not in the cache and cannot be downloaded.
    """
    file = None
    if weights is not None:
        file = Path(weights).expanduser()
        if not file.is_file():
            raise ValueError(f"weights: there is no file {file}; give a state dict of timm's {name}")
    elif pretrained:
        file = find_in_cache(name)
        if file is None and not reach_hub():
            raise ConnectionError(
                f"pretrained: the ImageNet weights of {name} are not in the cache and {_HUB} cannot be reached; give "
                "--model.weights FILE, or leave pretrained out"
            )
    overlay = {"file": str(file)} if file else None
    try:
        network = timm.create_model(name, pretrained=pretrained or file is not None, pretrained_cfg_overlay=overlay)
    except (RuntimeError, KeyError, OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
        if weights is None and not pretrained:
            raise
        source = str(file or "the download")
        text = one_line(error, 120)
        raise ValueError(f"weights: {source} does not hold the weights of timm's {name}: {text}") from error
    mean, std = network.pretrained_cfg["mean"], network.pretrained_cfg["std"]
    network.reset_classifier(0)
    if hasattr(network, "pre_logits"):  # VGG's two dense layers of 4,096 units
        network.pre_logits = nn.Identity()
    return network, tuple(mean), tuple(std)


def find_in_cache(name: str) -> Path | None:
    """Return the file of ImageNet weights in the cache from an earlier download, or None."""
    repository = timm.get_pretrained_cfg(name).hf_hub_id
    if repository is None:  # timm downloads these from another server
        return None
    for file in _FILES:
        path = try_to_load_from_cache(repository, file)
        if isinstance(path, str):
            return Path(path)
    return None


def reach_hub() -> bool:
    """Return whether the hub responds within five seconds."""
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            urllib.request.urlopen(urllib.request.Request(_HUB, method="HEAD"), timeout=_PATIENCE).close()
        except urllib.error.HTTPError:
            return True  # it has responded
        except OSError:
            return False
    return True
