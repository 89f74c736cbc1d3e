"""Compares alternative searches for copies in FER-2013: nearest neighbours by CPU time, image hashes by recall.

    $ python benchmarks/copy_search.py PATH/fer2013.tar.gz

Needs faiss-cpu and ImageHash in addition to the project; a library that is not installed is named and left out. The
neighbours are those of the audit: for the thumbnails of all distinct images, eight per query. The hashes are tested on
300 planted copies among 4,000 images; "another" is the fraction of queries for which an image that is not the original
is within the same distance.
"""

from __future__ import annotations

import argparse
import importlib
import time

import numpy as np
from audit import load_fer2013
from planting import planted_changes
from sklearn.neighbors import NearestNeighbors

from fer_plugins.data.copies import candidates
from fer_plugins.data.copies.near_copies import find_near_copies

NEIGHBOURS = 8
IMAGES, QUERIES = 4000, 300
HASHES = (("phash", 8), ("phash", 12), ("dhash", 8), ("whash", 8))  # name in ImageHash, bits that may differ
CHANGES = ("JPEG 70", "shift up to 2 px, edge", "crop to 45 px, rescaled")


def installed(name: str) -> object | None:
    """Import and return a module, or print that it is missing and return None."""
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"{name}: not installed, left out")
        return None


def time_libraries(thumbnails: np.ndarray) -> None:
    """Print the CPU seconds, over all threads, of one search for the neighbours of every thumbnail."""
    ways = {"scikit-learn brute": lambda: _sklearn(thumbnails, "brute", len(thumbnails))}
    faiss = installed("faiss")
    if faiss:
        ways["faiss IndexFlatIP"] = lambda: _faiss(faiss.IndexFlatIP(thumbnails.shape[1]), thumbnails)
        inner = faiss.METRIC_INNER_PRODUCT
        ways["faiss IndexHNSWFlat"] = lambda: _faiss(faiss.IndexHNSWFlat(thumbnails.shape[1], 16, inner), thumbnails)
    for name, search in ways.items():
        started = time.process_time()
        search()
        print(f"{name:24} {time.process_time() - started:7.1f} s", flush=True)
    started = time.process_time()
    _sklearn(thumbnails, "ball_tree", 1000)
    print(f"{'scikit-learn ball_tree':24} {time.process_time() - started:7.1f} s, 1,000 queries only", flush=True)


def _sklearn(thumbnails: np.ndarray, algorithm: str, queries: int) -> None:
    index = NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm=algorithm).fit(thumbnails)
    index.kneighbors(thumbnails[:queries], return_distance=False)


def _faiss(index: object, thumbnails: np.ndarray) -> None:
    index.add(thumbnails)
    index.search(thumbnails, NEIGHBOURS)


def rate_hashes(images: np.ndarray) -> None:
    """Print the fraction of planted copies within each hash's distance, and of queries with another image within it."""
    imagehash = installed("imagehash")
    if imagehash is None:
        return
    from PIL import Image

    draw = np.random.default_rng(0)
    chosen = images[draw.permutation(len(images))[:IMAGES]]
    # One image of each group of near copies, since an existing copy would count as another image.
    chosen = chosen[np.unique(find_near_copies(chosen).components(), return_index=True)[1]][..., 0]
    for name in dict.fromkeys(name for name, _ in HASHES):
        compute = getattr(imagehash, name)
        bits = np.stack([compute(Image.fromarray(image)).hash.ravel() for image in chosen])
        for change in CHANGES:
            kinds = planted_changes()[change]
            copies = [kinds[number % len(kinds)](image, draw) for number, image in enumerate(chosen[:QUERIES])]
            queries = np.stack([compute(Image.fromarray(np.ascontiguousarray(copy))).hash.ravel() for copy in copies])
            distance = (queries[:, None, :] != bits[None]).sum(axis=2)
            own = distance[np.arange(QUERIES), np.arange(QUERIES)]
            distance[np.arange(QUERIES), np.arange(QUERIES)] = bits.shape[1] + 1
            for limit in (limit for hash_name, limit in HASHES if hash_name == name):
                near = (distance <= limit).any(axis=1)
                found = f"found {np.mean(own <= limit):6.1%}  another {np.mean(near):6.1%}"
                print(f"{name:6} {limit:2} bits  {change:26} {found}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", help="the official FER-2013")
    images, _ = load_fer2013(parser.parse_args().root)
    different = images[np.sort(np.unique(images.reshape(len(images), -1), axis=0, return_index=True)[1])]
    print(f"{len(different):,} different images")
    time_libraries(candidates._describe(different[..., 0])[0])
    rate_hashes(different)
