"""The contract of ``fer_plugins.augmentations``."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fer_plugins.contract import MixesBatch
from fer_plugins.runtime.errors import first_line
from fer_plugins.runtime.generators import kept_generators, seed_generators
from fer_plugins.testing.findings import Failed, Findings
from fer_plugins.testing.signature import check_signature

Images = npt.NDArray[Any]

_SIZE = 48
_MANY = 12  # number of images: enough that a rare operation (p 0.1) is applied with some seed
_SEEDS = range(6)


def check_augmentation(factory: Callable[..., Any]) -> None:
    """Check an augmentation factory: type of transform, shape and range of images, seeds, unmodified inputs.

    Args:
        factory: ``(*, image_size, typed options) -> transform``; wrap it in ``functools.partial`` to set options.

    Raises:
        ContractError: one or more rules are broken.
    """
    findings = Findings("augmentation", factory)
    named = check_signature(findings, factory, required=("image_size",), offered=("image_size",), defaults=True)
    with kept_generators():
        seed_generators(0)
        transform = findings.attempt(
            lambda: factory(**({"image_size": _SIZE} if "image_size" in named else {})),
            "builds",
            f"building for {_SIZE}x{_SIZE} images",
            "give every option a default that serves",
        )
        if isinstance(transform, nn.Module) and isinstance(transform, MixesBatch):
            for channels in (1, 3):
                _check_mixing(findings, transform.train(), channels)
        elif isinstance(transform, nn.Module):
            for channels in (1, 3):
                _check_batch_transform(findings, transform.train(), channels)
        elif callable(transform):
            for channels in (1, 3):
                _check_sample_transform(findings, transform, channels)
        elif not isinstance(transform, Failed):
            observed = f"it returns a {type(transform).__name__}"
            findings.add("returns a transform", observed, "return a callable t(image=...) or an nn.Module")
    findings.report()


def _check_sample_transform(findings: Findings, transform: Any, channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (_MANY, _SIZE, _SIZE, channels), dtype=np.uint8)
    clean = images.copy()
    where = f"{_SIZE}x{_SIZE}x{channels} uint8"

    def run(seed: int, with_transform: Any) -> Images | None:
        seed_generators(seed, with_transform)
        results = []
        for image in images:
            result = with_transform(image=image)
            if "image" not in result:
                findings.add("returns a mapping", f"it has no 'image' for {where}", 'return {"image": array}')
                return None
            out = result["image"]
            if not isinstance(out, np.ndarray) or out.shape != image.shape or out.dtype != np.uint8:
                observed = f"{out.dtype} {tuple(out.shape)}" if hasattr(out, "dtype") else type(out).__name__
                remedy = "keep height, width, channels and uint8; no tensors, no normalisation"
                findings.add("keeps shape and dtype", f"{where} becomes {observed}", remedy)
                return None
            results.append(out)
        return np.stack(results)

    def attempt(seed: int, with_transform: Any = transform) -> Images | None:
        try:
            return run(seed, with_transform)
        except Exception as error:  # whatever the plug-in raises is the finding
            findings.add(
                "runs", f"{where} raises {first_line(error)}", 'serve t(image=array)["image"] with 1 or 3 channels'
            )
            return None

    _check_seeds(findings, attempt, clean)
    findings.require(np.array_equal(images, clean), "input unchanged", "a call wrote to its image", "work on a copy")
    copied = findings.attempt(
        lambda: pickle.loads(pickle.dumps(transform)),
        "picklable",
        "pickling it",
        "make it of module-level functions and classes; no lambdas, no local functions, no open files",
    )
    if not isinstance(copied, Failed):
        expected, results = attempt(0), attempt(0, copied)
        if expected is not None and results is not None:
            findings.require(
                np.array_equal(expected, results),
                "picklable",
                "its copy gives other images",
                "keep all state in attributes",
            )


def _check_batch_transform(findings: Findings, transform: nn.Module, channels: int) -> None:
    images = torch.from_numpy(np.random.default_rng(0).random((_MANY, channels, _SIZE, _SIZE), dtype=np.float32))
    images[0], images[1] = 0.0, 1.0  # the ends of the range, which brightness and interpolation may exceed
    clean = images.clone()
    where = f"{tuple(images.shape)} float32"

    def attempt(seed: int) -> Images | None:
        seed_generators(seed, transform)
        try:
            out = transform(images)
        except Exception as error:  # whatever the plug-in raises is the finding
            findings.add("runs", f"{where} raises {first_line(error)}", "serve (B, C, H, W) with 1 or 3 channels")
            return None
        if not isinstance(out, torch.Tensor) or out.shape != images.shape or out.dtype != images.dtype:
            observed = f"{out.dtype} {tuple(out.shape)}" if isinstance(out, torch.Tensor) else type(out).__name__
            findings.add("keeps shape and dtype", f"{where} becomes {observed}", "return a batch like the one given")
            return None
        low, high = out.min().item(), out.max().item()
        findings.require(
            bool(out.isfinite().all()) and low >= 0 and high <= 1,
            "keeps the range",
            f"values in [0, 1] become {low:.6g} to {high:.6g}",
            "end in clamp(0, 1)",
        )
        return out.detach().clone().numpy()

    _check_seeds(findings, attempt, clean.numpy())
    findings.require(torch.equal(images, clean), "input unchanged", "a call wrote to its batch", "work on a copy")


def _check_mixing(findings: Findings, transform: Any, channels: int) -> None:
    """Check the images like those of any batch transform, and that targets are mixed with them."""
    classes = torch.arange(_MANY) % 7
    targets = nn.functional.one_hot(classes, 7).float()

    class Images(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            images: torch.Tensor
            images, mixed = transform.mix(x, targets)
            sound = isinstance(mixed, torch.Tensor) and mixed.shape == targets.shape and mixed.dtype == targets.dtype
            sound = sound and bool((mixed >= 0).all()) and bool((mixed.sum(1) - 1).abs().max() < 1e-4)
            if findings.require(
                sound, "targets are shares", f"{_MANY} one-hot rows become {mixed!r:.80}", "mix them like the images"
            ):
                same = (
                    (images == x).flatten(1).all(1) if images.shape == x.shape else torch.zeros(_MANY, dtype=torch.bool)
                )
                findings.require(
                    torch.equal(mixed[same], targets[same]),
                    "an image that stays keeps its target",
                    "an image comes out as it was, with another target",
                    "change both or neither",
                )
            return images

    _check_batch_transform(findings, Images(), channels)
    findings.require(
        torch.equal(targets, nn.functional.one_hot(classes, 7).float()),
        "input unchanged",
        "a call wrote to its targets",
        "work on a copy",
    )


def _check_seeds(findings: Findings, run: Callable[[int], Images | None], clean: Images) -> None:
    """Check that equal seeds give equal images, and other seeds other images unless the transform changes nothing."""
    results = []
    for seed in _SEEDS:
        result = run(seed)
        if result is None:
            return
        results.append(result)
    again = run(_SEEDS[0])
    remedy = (
        "draw from random, numpy.random or torch when called, or offer set_random_seed(seed); no generator of its own"
    )
    if again is not None:
        changed = np.abs(again.astype(np.float64) - results[0]).max(axis=(1, 2, 3)) > 0
        findings.require(
            not changed.any(),
            "same seed, same result",
            f"{int(changed.sum())} of {len(changed)} images differ when seed {_SEEDS[0]} is set again",
            remedy,
        )
    identity = all(np.array_equal(result, clean) for result in results)
    findings.require(
        identity or any(not np.array_equal(result, results[0]) for result in results[1:]),
        "other seed, other result",
        f"seeds {_SEEDS[0]} to {_SEEDS[-1]} all give the same changed images",
        remedy,
    )
