"""Measures the time to the first batch of every dataset adapter, cold and warm, and a dataset larger than memory.

    $ python benchmarks/datasets.py [--size 1000]
    $ python benchmarks/datasets.py --stream 55767 [--memory 4]

The first form generates copies of each layout from noise (as in the tests) with about ``--size`` images and times all
steps up to the first training batch: recognise, decode, hash, fit, split, search for leaks, gather. Cold: without a
cache; warm: from the cache written by the cold round. The second form passes generated colour images of 256 x 256
pixels, as many as FERG-DB has, through a training loader once, in a separate process; if possible in a control group
that may not use more than ``--memory`` GiB, including the page cache.
"""

from __future__ import annotations

import argparse
import os
import resource
import runpy
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from fer_plugins.config import registry
from fer_plugins.data.datamodule import FERDataModule

FAKES = Path(__file__).parent.parent / "tests" / "support" / "fake_datasets.py"
GROUP = Path("/sys/fs/cgroup/memory/fer-plugins-benchmark")
SIDE = 256  # side length of FERG-DB's images in pixels


class MadeUp:
    """Colour images that are generated on access; all are different."""

    classes = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")

    def __init__(self, count: int) -> None:
        self._noise = np.random.default_rng(0).integers(0, 256, (2 * SIDE, SIDE, 3), dtype=np.uint8)
        self.cache_key = f"made up {count}"
        self.table = {
            "label": [row % 7 for row in range(count)],
            "source": [f"i{row}" for row in range(count)],
            "subject": [f"s{row % 6}" for row in range(count)],
        }

    def __getitem__(self, index: int) -> np.ndarray:
        image = self._noise[index % SIDE : index % SIDE + SIDE].copy()
        image[0, :2, 0] = index % 256, index // 256
        return image


def first_batch(dataset: object, protocol: str, cache: Path | None, **options: object) -> tuple[float, FERDataModule]:
    """Return the seconds from a built dataset to its first training batch, and the data module."""
    started = time.perf_counter()
    data = FERDataModule(
        dataset,
        name="benchmark",
        protocol=registry.build("protocol", protocol, **({"k": 3} if protocol == "subject_kfold" else {})),
        augmentation=registry.build("augmentation", "none", image_size=48),
        batch_size=32,
        seed=0,
        cache=cache,
        **{"image_size": 48, "channels": 1, **options},
    )
    next(iter(data.train_dataloader()))
    return time.perf_counter() - started, data


def copies(size: int) -> dict[str, tuple[str, dict[str, bytes], dict[str, object]]]:
    """Return layout -> (dataset, files, options), each with about ``size`` images."""
    fake = runpy.run_path(str(FAKES))
    return {
        "jaffe": ("jaffe", fake["jaffe"](each=max(1, size // 21)), {"check": "off"}),
        "ckplus folders": ("ckplus", fake["ckplus_folders"](max(3, size // 21)), {"check": "off"}),
        "ckplus csv": ("ckplus", fake["ckplus_csv"](max(1, size // 24)), {"check": "off"}),
        "ckplus tree": ("ckplus", fake["ckplus_tree"](max(3, size // 7)), {"check": "off"}),
        "rafdb official": ("rafdb", fake["rafdb_official"](max(3, size // 14)), {"check": "off"}),
        "rafdb folders": ("rafdb", fake["rafdb_folders"](max(3, size // 14)), {"check": "off"}),
        "ferg": ("ferg", fake["ferg"](each=max(1, size // 21)), {"check": "off"}),
        "affectnet npy": ("affectnet", fake["affectnet_npy"](max(3, size // 16)), {}),
        "affectnet csv": ("affectnet", fake["affectnet_csv"](max(3, size // 16)), {}),
        "ferplus": ("ferplus", fake["ferplus"](max(3, size // 24)), {"check": "off"}),
        "folder": ("folder", fake["class_folders"](each=max(10, size // 3)), {}),
    }


def time_adapters(size: int) -> None:
    fake = runpy.run_path(str(FAKES))
    print(
        f"{'layout':<16} {'images':>7} {'packed':<7} {'recognised s':>12} {'cold s':>8} {'warm s':>8} {'images/s':>9}"
    )
    with tempfile.TemporaryDirectory() as home:
        for layout, (name, files, options) in copies(size).items():
            place = layout.replace(" ", "_")
            roots = {
                "folder": fake["write_folder"](files, Path(home, place)),
                "zip": fake["write_zip"](files, Path(home, f"{place}.zip")),
            }
            for packing, root in roots.items():
                started = time.perf_counter()
                dataset = registry.build("dataset", name, root=root, **options)
                recognised = time.perf_counter() - started
                cache = Path(home, "cache", place, packing)
                cold, data = first_batch(dataset, "random", cache)
                warm, again = first_batch(registry.build("dataset", name, root=root, **options), "random", cache)
                assert again.from_cache
                assert not data.from_cache
                count = len(data.table)
                print(
                    f"{layout:<16} {count:>7,} {packing:<7} {recognised:>12.3f} {cold:>8.2f} {warm:>8.2f} "
                    f"{count / cold:>9,.0f}"
                )


def stream(count: int, folder: str) -> None:
    """Pass ``count`` images through a training loader once; must run in a separate process."""
    seconds, data = first_batch(
        MadeUp(count), "subject_kfold", Path(folder), image_size=SIDE, channels=3, memory_gb=1.0
    )
    print(f"first batch after {seconds:.0f} s ({count / seconds:,.0f} images/s), in a {type(data._images).__name__}")
    again, data = first_batch(MadeUp(count), "subject_kfold", Path(folder), image_size=SIDE, channels=3, memory_gb=1.0)
    print(f"first batch from the cache after {again:.1f} s")
    started = time.perf_counter()
    images = sum(len(batch.label) for batch in data.train_dataloader())
    seconds = time.perf_counter() - started
    print(f"one epoch of {images:,} images: {seconds:.0f} s ({images / seconds:,.0f} images/s)")
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    own = int(status["RssAnon"].split()[0]) / 1024**2
    print(f"own memory at the end {own:.2f} GiB, peak with mapped pages {peak:.2f} GiB")
    if GROUP.exists():
        used = int((GROUP / "memory.max_usage_in_bytes").read_text()) / 1024**3
        limit = int((GROUP / "memory.limit_in_bytes").read_text()) / 1024**3
        print(f"peak of the control group, page cache included: {used:.2f} of {limit:.2f} GiB")


def run_stream(count: int, memory: float) -> None:
    limited = True
    try:
        GROUP.mkdir(exist_ok=True)
        (GROUP / "memory.limit_in_bytes").write_text(str(int(memory * 1024**3)))
    except OSError:
        limited = False
        print("no control group can be made here: the memory is measured, not limited")

    def enter() -> None:
        if limited:
            (GROUP / "cgroup.procs").write_text(str(os.getpid()))

    try:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, "--stream", str(count), "--inside", folder]
            subprocess.run(command, check=True, preexec_fn=enter)
    finally:
        if limited:
            GROUP.rmdir()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1000, help="images of each copy")
    parser.add_argument("--stream", type=int, help="images of 256 x 256 x 3 to pass through a loader instead")
    parser.add_argument("--memory", type=float, default=4.0, help="GiB that the control group may use")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        stream(args.stream, args.inside)
    elif args.stream:
        run_stream(args.stream, args.memory)
    else:
        time_adapters(args.size)
