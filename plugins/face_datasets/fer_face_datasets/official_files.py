"""Identify official files by checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import IO, NamedTuple

from fer_image_files.tables.csv_files import open_csv
from fer_image_files.tables.face_tables import FaceTable

from fer_face_datasets.official_comparison import Deviation, Images, compare_with_official

# No checksum of icml_face_data.csv and train.csv is published; their images are compared one by one.
CHECKSUMS = {
    "f8428a1edbd21e88f42c73edd2a14f95": "fer2013.csv, md5",
    "37cfd0407ab15d34487778f0097018e0eadf4f174408045aed9dd0a94b7de3f8": "fer2013.tar.gz, sha256",
    "9206e20d62f56475939f516847d61753e4860caeac9718b560129541b776fc2c": "fer2013new.csv, sha256",
}


class Identity(NamedTuple):
    """The official files in a copy, or how it differs from them."""

    files: list[str]  # official files with their checksums; [] if none was recognised
    deviations: list[Deviation]  # differences of images, labels, splits and order from the official ones


def find_checksum(stream: IO[bytes]) -> str | None:
    """Return which official file a stream is, such as "fer2013.csv, md5 f84...", or None; reads it to the end."""
    hashes = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    while block := stream.read(1 << 20):
        for hashed in hashes:
            hashed.update(block)
    digests = [hashed.hexdigest() for hashed in hashes]
    return next((f"{CHECKSUMS[digest]} {digest}" for digest in digests if digest in CHECKSUMS), None)


def identify_fer2013(
    table: FaceTable | None, images: Images, label: Sequence[int], split: Sequence[str], *, recoded: bool
) -> Identity:
    """Return the official files in a copy of FER-2013, or else its differences from the official one.

    ``table`` is None for images in folders; ``images`` are (N,) of H x W x 1 uint8, ``label`` (N,) codes in the order
    of fer2013.csv. ``recoded``: the user's codes mean other classes, so that labels are compared even for an official
    file.
    """
    files = _recognise_files(table) if table is not None and table.kind == "csv" and len(table.names) == 1 else []
    if files and not recoded:
        return Identity(files, [])
    return Identity(files, compare_with_official(images, label, split, ordered=table is not None))


def _recognise_files(table: FaceTable) -> list[str]:
    """Return the official files that a csv is, and the archive that contains it."""
    (name,) = table.names
    with open_csv(table.files, name, to_end=True) as (stream, *_):
        checksums = [find_checksum(stream)]
    if (path := table.files.on_disk(name)) is not None:
        with path.open("rb") as packed:
            checksums.append(find_checksum(packed))
    return list(dict.fromkeys(file for file in checksums if file is not None))
