"""The contract of ``fer_plugins.architectures``."""

from __future__ import annotations

import io
import itertools
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fer_plugins.config import registry
from fer_plugins.contract import PoolingFactory
from fer_plugins.runtime.errors import InputError, first_line
from fer_plugins.runtime.generators import kept_generators, seed_generators
from fer_plugins.runtime.plural import count
from fer_plugins.testing.findings import Failed, Findings
from fer_plugins.testing.network import (
    check_export,
    check_inference,
    check_optional_members,
    differ,
    infer,
    train_briefly,
)
from fer_plugins.testing.signature import check_signature
from fer_plugins.testing.teacher import check_teacher

PROVIDED = ("num_classes", "in_channels", "image_size", "pool", "teacher")
_MANY = 4  # number of images in a batch


def check_architecture(
    factory: Callable[..., nn.Module],
    *,
    options: Mapping[str, Any] | None = None,
    image_size: int = 48,
    num_classes: int = 7,
    poolings: Mapping[str, PoolingFactory] | None = None,
) -> None:
    """Check an architecture: signature, shapes with every pooling, training, inference, saving, export.

    Args:
        factory: ``(*, num_classes, ..., typed options) -> nn.Module``.
        options: the architecture's own options. Only this combination is checked, so run the check for each combination
            that changes the network.
        image_size: side length of the square images in pixels.
        num_classes: number of outputs; one more is tried as well.
        poolings: name -> factory; default: all installed ones.

    Raises:
        ContractError: one or more rules are broken.
    """
    findings = Findings("architecture", factory)
    named = check_signature(findings, factory, required=("num_classes",), offered=PROVIDED, defaults=True)
    with kept_generators():
        seed_generators(0)
        trial = _Trial(factory, findings, frozenset(named), dict(options or {}), image_size, num_classes)
        network = trial.build()
        if network is not None:
            _check_shapes(trial, installed_poolings() if poolings is None else poolings)
            _check_small_image(trial)
            trained = train_briefly(findings, network, trial.images(), num_classes)
            if trained and not any(rule in findings for rule in ("runs", "returns logits", "logits shape")):
                check_inference(findings, network, trial.images())
                check_optional_members(findings, network, trial.images())
                _check_saving(trial, network)
                check_export(findings, network, trial.images())
            if "teacher" in named:
                check_teacher(
                    findings, lambda teacher: trial.build("a teacher", teacher=teacher), trial.images(), num_classes
                )
    findings.report()


def installed_poolings() -> dict[str, PoolingFactory]:
    """Load every installed pooling; one that cannot be loaded is left out with a warning."""
    poolings: dict[str, PoolingFactory] = {}
    for component in registry.available("pooling"):
        try:
            poolings[component.name] = registry.load(component)
        except InputError as error:  # the fault of another plug-in
            warnings.warn(f"pooling {component.name} is not tried: {first_line(error)}", stacklevel=3)
    return poolings


@dataclass(frozen=True)
class _Trial:
    """Builds the architecture as the core does, passing only the arguments that its signature names."""

    factory: Callable[..., Any]
    findings: Findings
    named: frozenset[str]
    options: dict[str, Any]
    image_size: int
    num_classes: int

    def build(self, where: str = "the defaults", **changes: Any) -> nn.Module | None:
        """Return a new network, or record why it cannot be built; ``where`` describes which one was requested."""
        network = self.findings.attempt(
            lambda: self.call(**changes),
            "builds",
            f"building with {where}",
            "give pool and the options defaults; find the size of flattened layers by running one image",
        )
        if isinstance(network, nn.Module | Failed):
            return None if isinstance(network, Failed) else network
        self.findings.add("returns a module", f"it returns a {type(network).__name__}", "return a torch.nn.Module")
        return None

    def call(self, **changes: Any) -> Any:
        """Call the factory with those of the provided values that it names."""
        offered = {"num_classes": self.num_classes, "in_channels": 1, "image_size": self.image_size, "teacher": None}
        return self.factory(
            **{name: value for name, value in (offered | changes).items() if name in self.named}, **self.options
        )

    def images(self, number: int = _MANY, channels: int = 1) -> Tensor:
        """Return random images (number, channels, image_size, image_size) in [0, 1]."""
        return torch.rand(number, channels, self.image_size, self.image_size)


def _check_shapes(trial: _Trial, poolings: Mapping[str, PoolingFactory]) -> None:
    pools = [(f"pooling {name}, ", {"pool": pool}) for name, pool in poolings.items()] if "pool" in trial.named else []
    for (pooling, changes), channels in itertools.product(pools or [("", {})], (1, 3)):
        where = f"{pooling}{count(channels, 'channel')}"
        network = trial.build(where, in_channels=channels, **changes)
        if network is not None:
            for number in (1, _MANY):
                _check_logits(trial, network.eval(), trial.images(number, channels), trial.num_classes, where)
    more = trial.num_classes + 1
    network = trial.build(f"num_classes {more}", num_classes=more)
    if network is not None:
        _check_logits(trial, network.eval(), trial.images(), more, f"num_classes {more}")
        for shade in (0.0, 1.0):
            flat = torch.full_like(trial.images(), shade)
            _check_logits(trial, network, flat, more, f"images that are {shade} everywhere")


def _check_logits(trial: _Trial, network: nn.Module, images: Tensor, classes: int, where: str) -> None:
    try:
        with torch.no_grad():
            logits = network(images)
    except Exception as error:  # whatever the plug-in raises is the finding
        observed = f"a batch {tuple(images.shape)} with {where}: {first_line(error)}"
        trial.findings.add("runs", observed, "name in_channels, image_size and pool in the signature, and use them")
        return
    if not isinstance(logits, Tensor):
        observed = f"it returns a {type(logits).__name__} with {where}"
        trial.findings.add(
            "returns logits", observed, "return the logits alone; component other tensors through explain(x)"
        )
        return
    expected = (len(images), classes)
    require = trial.findings.require
    require(
        tuple(logits.shape) == expected,
        "logits shape",
        f"{tuple(logits.shape)}, not {expected}, for a batch {tuple(images.shape)} with {where}",
        "end in a layer with num_classes outputs, and keep the batch dimension (no squeeze())",
    )
    require(logits.dtype == torch.float32, "logits dtype", f"{logits.dtype} with {where}", "return float32")
    bad = int((~logits.isfinite()).sum())
    require(
        bad == 0,
        "logits are finite",
        f"{bad} of {logits.numel()} are not, with {where}",
        "look for a division by a norm or deviation of 0, or a logarithm of 0",
    )


def _check_small_image(trial: _Trial) -> None:
    """Check images of one pixel: they work, or are rejected in one line that names the smallest size."""
    if "image_size" not in trial.named:
        return
    remedy = "raise ValueError with one line that names image_size and the smallest that serves"
    try:
        with torch.no_grad():
            trial.call(image_size=1).eval()(torch.rand(1, 1, 1, 1))
    except Exception as error:  # only a ValueError with one line is shown to the user without a traceback
        text = str(error)
        says_smallest = any(int(number) > 1 for number in re.findall(r"\d+", text))
        trial.findings.require(
            isinstance(error, ValueError) and "image_size" in text and "\n" not in text and says_smallest,
            "too small images are refused",
            f"image_size 1 raises {first_line(error)}",
            remedy,
        )


def _check_saving(trial: _Trial, network: nn.Module) -> None:
    """Check that the trained weights, saved and loaded like a checkpoint, make a new network equal."""
    loaded = trial.findings.attempt(
        lambda: _save_and_load(network),
        "state dict loads with weights_only",
        "saving and loading it",
        "keep nothing but tensors and plain values in it (get_extra_state may return no objects)",
    )
    fresh = trial.build("the defaults, a second time")
    if isinstance(loaded, Failed) or fresh is None:
        return
    remedy = "register what the network needs as parameters or buffers, and build the same layers each time"
    trial.findings.attempt(
        lambda: fresh.load_state_dict(loaded, strict=True),
        "state dict round trip",
        "loading into a new network",
        remedy,
    )
    images = trial.images()
    difference = differ(infer(network, images), infer(fresh, images))
    trial.findings.require(
        difference is None,
        "state dict round trip",
        f"a new network with the same state dict gives other logits: {difference}",
        remedy,
    )


def _save_and_load(network: nn.Module) -> dict[str, Any]:
    stored = io.BytesIO()
    torch.save(network.state_dict(), stored)
    stored.seek(0)
    state: dict[str, Any] = torch.load(stored, weights_only=True)
    return state
