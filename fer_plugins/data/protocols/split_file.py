"""Split files: the folds of a protocol on a dataset, to be stored, shared and reused.

A split file is a JSON file with the hash of every sample's pixels, so that it fits every copy of the same images,
however it is packed, and no other images.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fer_plugins.config.installed_commands import fer_command
from fer_plugins.contract import SPLITS, Fold
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError, RunError
from fer_plugins.runtime.whole_file import whole_file

DRAWS_NOTHING = ("file",)  # protocols on which the seed has no effect

FORMAT = "fer-plugins split 1"


def write_split(
    path: Path,
    table: SampleTable,
    classes: Sequence[str],
    folds: Sequence[Fold],
    *,
    dataset: str,
    protocol: Mapping[str, Any],
    flaw: str | None,
) -> None:
    """Write ``folds``, rows of ``table``, to a new file ``path``; no partial file is left behind.

    ``table`` must have ``digest``; ``dataset`` is its name in papers, ``protocol`` a name with options, and ``flaw``
    says why the protocol's scores must not be trusted.

    Raises:
        InputError: The file already exists or cannot be written.
    """
    assert table.digest is not None
    content = {
        "format": FORMAT,
        "dataset": dataset,
        "fingerprint": table.fingerprint(classes),
        "classes": list(classes),
        "protocol": dict(protocol),
        "flaw": flaw,
        "samples": [
            [source, digest, int(label)]
            for source, digest, label in zip(table.source, table.digest, table.label, strict=True)
        ],
        "folds": [
            {
                "split_hash": table.split_hash(fold._asdict(), classes),
                **{name: rows.tolist() for name, rows in fold._asdict().items()},
            }
            for fold in folds
        ],
    }
    try:
        if path.exists():
            raise InputError(f"{path}: exists already; remove it, or give --out another name")
        with whole_file(path) as unfinished:
            unfinished.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")
    except (OSError, RunError) as error:
        cause = error.cause if isinstance(error, RunError) else error.strerror
        raise InputError(f"{path}: cannot be written ({cause}); give --out another place") from error


def read_split(path: str | Path) -> dict[str, Any]:
    """Read and check a split file; raises InputError if it is missing or was not written by ``fer data split``."""
    try:
        content = json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"protocol.file: {path} cannot be read ({error.strerror}); make it with {fer_command('data split')}"
        ) from None
    except ValueError:
        raise InputError(f"protocol.file: {path} is not JSON; make it with {fer_command('data split')}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        remedy = f"make it with {fer_command('data split')}"
        raise InputError(f"protocol.file: {path} is not a split file of this version; {remedy}")
    try:
        size, classes = len(content["samples"]), len(content["classes"])
        rows = (row for fold in content["folds"] for split in SPLITS for row in fold[split])
        sound = (
            all(
                isinstance(digest, str) and isinstance(label, int) and 0 <= label < classes
                for _, digest, label in content["samples"]
            )
            and isinstance(content["dataset"], str)
            and isinstance(content["fingerprint"], str)
            and content["folds"]
            and all(isinstance(row, int) and 0 <= row < size for row in rows)
        )
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        remedy = f"make it again with {fer_command('data split')}"
        raise InputError(f"protocol.file: {path} was altered or is cut off; {remedy}")
    return content


def file(table: SampleTable, seed: int, *, file: str) -> list[Fold]:
    """Use the folds of a split file written by ``fer data split`` (of fer-data-audit). The seed has no effect.

    Samples are identified by their pixels and label, not by their file names, so the split of a zip file also fits the
    folder that it was extracted to.

    Args:
        table: the samples, with ``digest``.
        seed: has no effect.
        file: path of the split file.

    Raises:
        InputError: The file is not a split file, or was made for other data.
    """
    del seed
    content = read_split(file)
    assert table.digest is not None
    samples = content["samples"]
    if len(samples) != len(table):
        raise InputError(
            f"protocol.file: {file} splits {len(samples):,} images of {content['dataset']}, these data have "
            f"{len(table):,}; give the data that it was made on, all of them (no data.limit)"
        )
    places = defaultdict(list)
    for row in table.canonical_order().tolist():
        places[str(table.digest[row]), int(table.label[row])].append(row)
    # Identical images are assigned in the order of their names, which does not affect any hash.
    row = np.empty(len(samples), np.int64)
    for number in sorted(range(len(samples)), key=lambda number: str(samples[number][0])):
        source, digest, label = samples[number]
        rows = places.get((digest, label))
        if not rows:
            raise InputError(
                f"protocol.file: {file} does not fit: its image {source} ({content['classes'][label]}) is not among "
                f"these data; give the copy of {content['dataset']} that it was made on (fingerprint "
                f"{content['fingerprint']})"
            )
        row[number] = rows.pop(0)
    return [Fold(*(np.sort(row[fold[name]]) for name in SPLITS)) for fold in content["folds"]]


def _flaw(*, file: str, **_: Any) -> str | None:
    flaw: str | None = read_split(file).get("flaw")
    return flaw


file.flaw = _flaw  # type: ignore[attr-defined]
