"""Accuracy on corrupted images: fifteen kinds with five severities, the same corruption for every network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.analysis.network import Images, Network, Split, as_batch
from fer_plugins.runtime.seeds import derive
from fer_robustness_tests import corruption_kinds as kinds
from fer_robustness_tests.measured import measure_means, measure_share


@dataclass(frozen=True)
class Kind:
    """One kind of corruption: its function, the meaning of its parameter, and the value for each severity."""

    change: Callable[[kinds.Picture, float, np.random.Generator], kinds.Picture]
    parameter: str
    values: tuple[float, ...]  # severity 1, 2, ...


# assumed: all values, since the published ones are meant for photographs of 224 pixels. The kinds are those of
# Hendrycks and Dietterich 2019 without glass blur, snow and frost, plus two of their extra ones (speckle noise,
# Gaussian blur) and darkness.
TABLE: Mapping[str, Kind] = {
    "gaussian_noise": Kind(kinds.add_gaussian_noise, "standard deviation", (0.04, 0.08, 0.12, 0.16, 0.20)),
    "shot_noise": Kind(kinds.add_shot_noise, "photons of white", (200, 100, 50, 25, 12)),
    "impulse_noise": Kind(kinds.add_impulse_noise, "share of values", (0.01, 0.03, 0.06, 0.10, 0.17)),
    "speckle_noise": Kind(kinds.add_speckle_noise, "standard deviation", (0.06, 0.12, 0.18, 0.25, 0.35)),
    "gaussian_blur": Kind(kinds.blur_gaussian, "sigma, px of 48", (0.4, 0.7, 1.0, 1.4, 1.9)),
    "defocus_blur": Kind(kinds.blur_defocus, "radius, px of 48", (0.8, 1.2, 1.6, 2.1, 2.7)),
    "motion_blur": Kind(kinds.blur_motion, "length, px of 48", (2, 4, 6, 8, 10)),
    "zoom_blur": Kind(kinds.blur_zoom, "largest factor", (1.06, 1.12, 1.18, 1.25, 1.35)),
    "fog": Kind(kinds.add_fog, "density", (0.25, 0.5, 0.75, 1.0, 1.5)),
    "brightness": Kind(kinds.brighten, "added value", (0.1, 0.2, 0.3, 0.4, 0.5)),
    "darkness": Kind(kinds.darken, "value taken away", (0.1, 0.15, 0.2, 0.25, 0.3)),
    "contrast": Kind(kinds.lower_contrast, "factor", (0.7, 0.5, 0.35, 0.25, 0.15)),
    "elastic": Kind(kinds.bend, "shift, px of 48", (0.4, 0.7, 1.0, 1.3, 1.7)),
    "pixelate": Kind(kinds.pixelate, "factor of the side", (0.8, 0.65, 0.5, 0.4, 0.3)),
    "jpeg": Kind(kinds.compress, "quality", (70, 45, 25, 15, 8)),
}


def corrupt(image: npt.NDArray[np.uint8], kind: Kind, value: float, seed: int) -> npt.NDArray[np.uint8]:
    """Return a corrupted copy of ``image`` (S, S, C), rounded to uint8 as in a file.

    The same ``seed`` draws the same noise for every severity ``value``, with different strength.
    """
    done = kind.change(image / 255, value, np.random.default_rng(seed))
    return np.rint(np.clip(done, 0, 1) * 255).astype(np.uint8)


def corrupt_all(images: Images, digests: npt.NDArray[np.str_], name: str, value: float, seed: int) -> Images:
    """Return corrupted copies of ``images`` (B, S, S, C); the noise depends on ``seed`` and each image's digest."""
    kind, seeds = TABLE[name], (derive(seed, "corruption", name, str(digest)) for digest in digests)
    return np.stack([corrupt(image, kind, value, own) for image, own in zip(images, seeds, strict=True)])


def measure_corruption(network: Network, split: Split, seed: int) -> dict[str, Any]:
    """Score every image with every kind and severity of ``TABLE``.

    For a given ``seed``, an image gets the same noise whatever the other images and the network.

    Returns:
        ``plain`` (accuracy on the unchanged images), ``kinds``: name -> ``parameter``, ``severities`` (value, accuracy
        with Wilson interval), ``mean`` (over the severities) and ``drop`` (plain minus mean, paired); and over all
        kinds ``mean`` and ``drop``. Intervals of means and drops: bootstrap over images. Unlike in mCE, errors are not
        divided by those of AlexNet.
    """
    hits = {name: np.empty((len(split), len(kind.values)), dtype=bool) for name, kind in TABLE.items()}
    plain = np.empty(len(split), dtype=bool)
    for place in split.slices():
        images, labels = split.read(place), split.labels[place]
        plain[place] = _hit(network, images, labels)
        for name, kind in TABLE.items():
            for number, value in enumerate(kind.values):
                corrupted = corrupt_all(images, split.digests[place], name, value, seed)
                hits[name][place, number] = _hit(network, corrupted, labels)
    means = {name: hit.mean(1) for name, hit in hits.items()}
    means["all"] = np.mean(list(means.values()), axis=0)
    columns = {f"mean {name}": mean for name, mean in means.items()}
    columns |= {f"drop {name}": plain - mean for name, mean in means.items()}
    measured = measure_means(columns, seed)
    by_kind = {
        name: {
            "parameter": kind.parameter,
            "severities": [
                {"value": value, "accuracy": measure_share(hits[name][:, number])}
                for number, value in enumerate(kind.values)
            ],
            "mean": measured[f"mean {name}"],
            "drop": measured[f"drop {name}"],
        }
        for name, kind in TABLE.items()
    }
    return {
        "plain": measure_share(plain),
        "mean": measured["mean all"],
        "drop": measured["drop all"],
        "kinds": by_kind,
    }


def _hit(network: Network, images: Images, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    hit: npt.NDArray[np.bool_] = network.logits(as_batch(images)).argmax(1).numpy() == labels
    return hit
