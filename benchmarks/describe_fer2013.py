"""Generates the shipped files about FER-2013, none of which shows an image: list of copies, descriptions, a figure.

    $ python benchmarks/describe_fer2013.py PATH/fer2013.csv

Writes fer2013_copies.csv into fer_plugins/data/copies, fer2013_images.npz into fer_face_datasets, and
docs/fer2013_copies.svg. The tests with real data compare the first two with the results of a search.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from fer_data_audit import exported_list
from fer_face_datasets import official_images
from fer_face_datasets.fer2013 import CLASSES

from fer_plugins.config import registry
from fer_plugins.data.copies import copy_list
from fer_plugins.data.copies.near_copies import find_near_copies
from fer_plugins.data.images import LoadedImages, load_images

ROOT = Path(__file__).resolve().parent.parent
SHADES = {"identical": "#b2182b", "near copy": "#ef8a62", "no copy": "#d0d0d0"}


def write_descriptions(loaded: LoadedImages, folder: Path) -> None:
    described = official_images.describe_images(loaded.images)
    sizes = [int((loaded.table.split == name).sum()) for name in ("train", "val", "test")]
    np.savez_compressed(
        folder / official_images.SHIPPED,
        **vars(described),
        label=loaded.table.label.astype(np.uint8),
        sizes=np.array(sizes),
    )


def draw(copies: copy_list.CopyList, path: Path) -> None:
    """Draw the percentage of validation and test images with a copy in Training, and of the test images per class."""
    official = official_images.read_official_images()
    status = np.full(len(official.label), "no copy", dtype="U9")
    train = copies.usage == "Training"
    held_out = ~train
    near = held_out & np.isin(copies.group, copies.group[train])
    status[copies.row[near]] = "near copy"
    status[copies.row[held_out & np.isin(copies.digest, copies.digest[train])]] = "identical"
    test = official.split == "test"
    rows = {"PublicTest": official.split == "val", "PrivateTest": test}
    rows |= {f"PrivateTest, {name}": test & (official.label == number) for number, name in enumerate(CLASSES)}
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "fer2013", "font.size": 9})
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    left = np.zeros(len(rows))
    for kind, colour in SHADES.items():
        share = np.array([100 * (status[chosen] == kind).mean() for chosen in rows.values()])
        axes.barh(list(rows), share, left=left, color=colour, label=kind)
        left += share
    axes.invert_yaxis()
    axes.set(xlim=(0, 100), xlabel="% of the images, by their copy in Training")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("root", help="fer2013.csv, or an archive that holds it")
    dataset = registry.build("dataset", "fer2013", root=parser.parse_args().root, image_size=48, channels=1)
    loaded = load_images(dataset, name="fer2013", image_size=48, channels=1, cache=None, memory_gb=1.0)
    write_descriptions(loaded, ROOT / "plugins" / "face_datasets" / "fer_face_datasets")
    copies = exported_list.list_copies(loaded.table, find_near_copies(loaded.images).components(), dataset.title)
    shipped = ROOT / "fer_plugins" / "data" / "copies" / copy_list.SHIPPED
    shipped.write_text(exported_list.as_csv(copies), encoding="utf-8")
    draw(copies, ROOT / "docs" / "fer2013_copies.svg")


if __name__ == "__main__":
    main()
