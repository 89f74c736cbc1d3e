"""Measures time and memory of the search for near copies by number of images, and its recall on planted copies.

    $ python benchmarks/audit.py [--images 1000 10000 36000] [--rounds 1]
    $ python benchmarks/audit.py --rates [PATH/fer2013.tar.gz] [--faces 10000]

The timed images are smooth noise, all different. For the recall, one copy of each original is planted among all
images, alternating between the kinds of changes; a copy is found if its group contains the original. With FER2013 the
originals are the images of its validation and test splits, without it synthetic faces. False alarms are counted on
images without copies: one synthetic face per person, and random parts of photographs that have no near copy themselves.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from planting import crop, planted_changes  # in this folder
from scipy.ndimage import gaussian_filter

from fer_plugins.config import registry
from fer_plugins.data.copies.near_copies import find_near_copies
from fer_plugins.data.images import load_images
from fer_plugins.data.synthetic_faces.synthetic import Synthetic


def make_images(count: int) -> np.ndarray:
    """Return (count, 48, 48, 1) uint8: smooth noise with the value range of a photograph."""
    generator = np.random.default_rng(0)
    images = np.empty((count, 48, 48, 1), np.uint8)
    for start in range(0, count, 1000):
        rows = slice(start, min(start + 1000, count))
        noise = generator.standard_normal((rows.stop - start, 48, 48), dtype=np.float32)
        fine, coarse = gaussian_filter(noise, (0, 1.5, 1.5)), gaussian_filter(noise, (0, 6, 6))
        mixed = fine / fine.std() + 2 * coarse / coarse.std()
        images[rows, ..., 0] = np.clip(128 + 25 * mixed, 0, 255)
    return images


def time_search(count: int, rounds: int) -> None:
    images, seconds = make_images(count), []
    for _ in range(rounds):
        started = time.perf_counter()
        pairs = find_near_copies(images)
        seconds.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{count:>7,} images  {min(seconds):7.1f} s  peak {peak:.2f} GB  {len(pairs)} pairs", flush=True)


def load_fer2013(root: str) -> tuple[np.ndarray, np.ndarray]:
    """Return all images, and the rows of the sharp ones to plant: one of each group of identical ones."""
    dataset = registry.build("dataset", "fer2013", root=root, image_size=48, channels=1)
    loaded = load_images(dataset, name="fer2013", image_size=48, channels=1, cache=None, memory_gb=1.0)
    first = np.unique(loaded.table.digest, return_index=True)[1]
    sharp = np.sort(first[loaded.table.split[first] != "train"])
    return loaded.images, sharp[loaded.images[sharp].std(axis=(1, 2, 3)) >= 2]


def draw_faces(people: int) -> np.ndarray:
    """Return one face per person, with alternating expressions: (people, 48, 48, 1)."""
    faces = Synthetic(image_size=48, samples=7 * people, subjects=people, frames=1)
    rows = {}
    for row, subject in enumerate(faces.table["subject"]):
        rows.setdefault(subject, []).append(row)
    return np.stack([faces[of_one[number % 7]] for number, of_one in enumerate(rows.values())])


def print_rates(title: str, images: np.ndarray, originals: np.ndarray, size: int = 0) -> None:
    """Plant one copy of each original among ``images``, alternating the kinds, and print the recall for each kind."""
    draw = np.random.default_rng(0)
    by_kind = planted_changes()
    kinds = list(by_kind)
    order = draw.permutation(originals)
    kind = np.arange(len(order)) % len(kinds)
    copies = np.empty((len(order), *images.shape[1:]), np.uint8)
    for place, row in enumerate(order):
        changes = by_kind[kinds[kind[place]]]
        # Alternate between the changes of a kind, so that all offsets are used equally often.
        copies[place, ..., 0] = changes[place // len(kinds) % len(changes)](images[row, ..., 0], draw)
    started = time.perf_counter()
    pairs = find_near_copies(np.concatenate([images, copies]))
    seconds = time.perf_counter() - started
    group = pairs.components()
    linked = group[order] == group[len(images) :]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{title}: {len(order):,} copies among {len(images):,} images, {seconds:.0f} s, peak {peak:.2f} GB")
    for number, name in enumerate(kinds):
        of_kind = linked[kind == number]
        print(f"  {name:<32} {of_kind.sum():>6,} of {len(of_kind):>6,}  {of_kind.mean():8.2%}", flush=True)


def print_alarms(title: str, images: np.ndarray) -> None:
    pairs = find_near_copies(images)
    flagged = np.unique(np.concatenate([pairs.first, pairs.second]))
    print(f"{title}: {len(flagged):,} of {len(images):,} images flagged, {len(flagged) / len(images):.3%}", flush=True)


def cut_parts(images: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """Return a random crop, 30 of 48 pixels per side, of each original that has no near copy among the originals."""
    pairs = find_near_copies(images[originals])
    alone = np.setdiff1d(np.arange(len(originals)), np.concatenate([pairs.first, pairs.second]))
    draw = np.random.default_rng(1)
    return np.stack([crop(30)(images[row, ..., 0], draw) for row in originals[alone]])[..., None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 10_000, 36_000])
    parser.add_argument("--rounds", type=int, default=1, help="the best counts")
    parser.add_argument("--rates", nargs="?", const="", metavar="FER2013", help="planted copies and false alarms")
    parser.add_argument("--faces", type=int, default=10_000, help="synthetic people")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        return time_search(args.one, args.rounds)
    if args.rates is None:
        print(f"{os.cpu_count()} cores, OMP_NUM_THREADS {os.environ.get('OMP_NUM_THREADS', 'unset')}", flush=True)
        for count in args.images:  # each in a separate process, to measure its own peak memory
            command = [sys.executable, str(Path(__file__)), "--one", str(count), "--rounds", str(args.rounds)]
            subprocess.run(command, check=True)
        return None
    faces = draw_faces(args.faces)
    print_alarms("synthetic faces, one a person", faces)
    print_rates("synthetic faces", faces, np.arange(len(faces)))
    if args.rates:
        images, sharp = load_fer2013(args.rates)
        print_rates("FER2013", images, sharp)
        print_alarms("parts of FER2013's sharp images", cut_parts(images, sharp))
    return None


if __name__ == "__main__":
    main()
