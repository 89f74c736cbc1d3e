"""Tells official files by their checksums."""

from __future__ import annotations

import hashlib
from typing import IO, NamedTuple

from fer_plugins.data.audit.identity import Deviation, compare_with_official
from fer_plugins.data.datasets.fer2013_layouts import Layout, Samples, TableLayout
from fer_plugins.data.formats.tables.face_tables import CsvTable

# Of icml_face_data.csv and train.csv no checksum is published; their images are compared one by one.
CHECKSUMS = {
    "f8428a1edbd21e88f42c73edd2a14f95": "fer2013.csv, md5",
    "37cfd0407ab15d34487778f0097018e0eadf4f174408045aed9dd0a94b7de3f8": "fer2013.tar.gz, sha256",
    "9206e20d62f56475939f516847d61753e4860caeac9718b560129541b776fc2c": "fer2013new.csv, sha256",
}


class Identity(NamedTuple):
    """What a copy is."""

    files: list[str]  # official files that it is or holds, with their checksums; [] where none was recognised
    deviations: list[Deviation]  # in what its images, labels, splits and order differ from the official ones


def find_checksum(stream: IO[bytes]) -> str | None:
    """Return which official file a stream is, such as "fer2013.csv, md5 f84...", read to its end; None for none."""
    hashes = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    while block := stream.read(1 << 20):
        for hashed in hashes:
            hashed.update(block)
    digests = [hashed.hexdigest() for hashed in hashes]
    return next((f"{CHECKSUMS[digest]} {digest}" for digest in digests if digest in CHECKSUMS), None)


def identify_fer2013(layout: Layout, samples: Samples, *, recoded: bool) -> Identity:
    """Say which official file a copy of FER-2013 is, or else in what it differs.

    Args:
        layout: the copy.
        samples: all that was read from it.
        recoded: the user says that its codes mean other classes; then the labels are compared whatever the file is.
    """
    table = layout.table if isinstance(layout, TableLayout) else None
    files: list[str] = []
    if isinstance(table, CsvTable):
        with table.csv.opened(whole=True) as (stream, *_):
            files = [official] if (official := find_checksum(stream)) else []
        with table.csv.path.open("rb") as packed:
            if table.csv.packing == "tar" and (official := find_checksum(packed)):
                files.append(official)
    if files and not recoded:
        return Identity(files, [])
    return Identity(
        files, compare_with_official(samples.images, samples.label, samples.split, ordered=table is not None)
    )
