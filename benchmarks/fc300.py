"""Measures the saturation of DCNN-BiLSTM-DAM's FC300 in its first steps on FER-2013, for each reading of the network.

python benchmarks/fc300.py --fer2013 PATH
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from fer_dcnn_bilstm_dam import DCNNBiLSTMDAM
from torch.nn import functional as F

from fer_plugins.config import registry

READINGS = {"default": {}, "plain_fc": {"fc_step": 1.0}, "plain_fc, pcp_leak 0.01": {"fc_step": 1.0, "pcp_leak": 0.01}}


def measure(options: dict[str, float], images: torch.Tensor, labels: torch.Tensor, steps: int) -> list[str]:
    """Train ``steps`` batches of 32 with Adam at the paper's learning rate; return the fractions in every tenth step.

    Args:
        options: options of the network.
        images: (steps * 32, 1, 64, 64) in [0, 1].
        labels: (steps * 32,) int64.
        steps: a multiple of ten.

    Returns:
        The fraction of inputs of the activation after FC300 whose absolute value is at least 2.5, as text.
    """
    torch.manual_seed(0)
    network = DCNNBiLSTMDAM(num_classes=7, **options).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    inputs: list[torch.Tensor] = []
    network.hidden[1].register_forward_hook(lambda module, activations, output: inputs.append(output.detach()))
    shares = []
    for step in range(steps):
        batch = slice(32 * step, 32 * step + 32)
        optimizer.zero_grad()
        F.cross_entropy(network(images[batch]), labels[batch]).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if step % 10 == 9:
            shares.append(f"{(inputs[-1].abs() >= 2.5).float().mean():.3f}")
    return shares


def main() -> None:
    """Print one line per reading."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fer2013", required=True, help="fer2013.csv, its archive, or a folder that holds it")
    parser.add_argument("--steps", type=int, default=20)
    args = parser.parse_args()
    dataset = registry.build("dataset", "fer2013", root=args.fer2013)
    training = np.flatnonzero(np.asarray(dataset.table["split"]) == "train")
    rows = np.random.default_rng(0).permutation(training)[: 32 * args.steps]
    faces = torch.from_numpy(np.stack([dataset[int(row)][..., 0] for row in rows]))[:, None].float() / 255
    images = F.interpolate(faces, size=64, mode="bilinear")
    labels = torch.from_numpy(np.asarray(dataset.table["label"])[rows].astype(np.int64))
    for name, options in READINGS.items():
        print(name, *measure(options, images, labels, args.steps), flush=True)


if __name__ == "__main__":
    main()
