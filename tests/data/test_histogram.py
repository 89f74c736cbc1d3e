"""Histogram equalisation: the textbook's rule, each image and channel alone."""

import numpy as np
import torch

from fer_plugins.data.histogram import equalise


def equalise_in_numpy(image: np.ndarray) -> np.ndarray:
    """The textbook rule with a histogram of 256 bins, on uint8."""
    cumulative = np.bincount(image.ravel(), minlength=256).cumsum()
    first, pixels = cumulative[image.min()], image.size
    if first == pixels:
        return image
    return np.round((cumulative - first) * 255 / (pixels - first)).astype(np.int64)[image]


def test_histogram_equalisation_is_the_textbook_s():
    rng = np.random.default_rng(0)
    images = np.stack(
        [
            rng.integers(0, 256, (24, 24)),
            rng.integers(100, 120, (24, 24)),
            rng.normal(60, 10, (24, 24)).clip(0, 255).astype(np.int64),
            np.full((24, 24), 77),
            np.where(rng.random((24, 24)) < 0.3, 10, 11),
        ]
    )
    ours = equalise(torch.from_numpy(images).float()[:, None] / 255)
    expected = np.stack([equalise_in_numpy(image) for image in images])
    levels = (ours[:, 0] * 255).round().long().numpy()
    assert np.abs(levels - expected).max() <= 1  # halves may be rounded either way
    assert (levels == expected).mean() > 0.99
    assert (levels[1].min(), levels[1].max()) == (0, 255)
    assert (levels[3] == 77).all(), "an image of one brightness stays as it is"


def test_histogram_equalisation_looks_at_each_image_and_channel_alone():
    torch.manual_seed(0)
    images = torch.rand(3, 2, 24, 24) * torch.tensor([1.0, 0.3]).view(1, 2, 1, 1)
    alone = torch.stack([torch.cat([equalise(plane[None, None]) for plane in image])[:, 0] for image in images])
    assert torch.equal(equalise(images), alone)
    wide = images.contiguous(memory_format=torch.channels_last)
    assert torch.equal(equalise(wide), alone)


def test_a_traced_network_equalises_alike():
    class Equalised(torch.nn.Module):
        def forward(self, x):
            return equalise(x)

    images = torch.randint(0, 256, (3, 2, 12, 12), generator=torch.Generator().manual_seed(0)) / 255
    images[0, 0] = 0.5
    traced = torch.export.export(Equalised(), (images,), dynamic_shapes=({0: torch.export.Dim("batch")},)).module()
    assert torch.equal(traced(images), equalise(images))
    assert not any("searchsorted" in str(node.target) for node in traced.graph.nodes)
