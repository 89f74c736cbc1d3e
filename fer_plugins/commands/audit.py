"""``fer data audit``: what in a dataset, or between two, makes results too good."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fer_plugins.commands.dataset import NamedDataset, dataset_verb
from fer_plugins.runtime.errors import InputError

if TYPE_CHECKING:
    from fer_plugins.data.images import LoadedImages

JSON_FILE, SHEET_FILE = "audit.json", "contact_sheet.html"


@dataset_verb("audit", "data", "protocol")
@click.option("--against", nargs=2, metavar="NAME2 ROOT2", help="A second dataset; ROOT2 none: it has no files.")
@click.option("--out", type=click.Path(), metavar="FOLDER", help="Write audit.json and pictures of what was found.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def audit(given: NamedDataset, *, against: tuple[str, str] | None, out: str | None, as_json: bool) -> None:
    """Look for what makes results too good: copies, two labels, shared subjects.

    Exact and near copies within and between the splits: those of --protocol, or of the release, where it has any.
    """
    import numpy as np

    from fer_plugins.data.audit.contact_sheet import draw_sheet
    from fer_plugins.data.audit.groups import find_groups
    from fer_plugins.data.audit.report import as_values, print_findings
    from fer_plugins.data.near_groups import keep_near_groups
    from fer_plugins.runs.record import write_atomically
    from fer_plugins.runs.result_table import result_console
    from fer_plugins.training.build import cache_folder

    folder = _check_folder(out)
    protocol = given.build_protocol()
    started = time.perf_counter()
    loaded = _load(given)
    splits, said = _split(loaded, protocol, given)
    images, table, labels = loaded.images, loaded.table, np.array(loaded.classes)[loaded.table.label]
    title, notes = given.name, list(loaded.notes)
    if against is not None:
        name, root = against
        other = _load(NamedDataset(name, None if root == "none" else root))
        images, table, labels = _join(loaded, other)
        notes += other.notes
        label = name if name != given.name else f"{name} (second)"
        title = f"{given.name} and {label}"
        rows = np.arange(len(loaded.table), len(table))
        splits = [{**parts, label: rows} for parts in splits or [{given.name: np.arange(len(loaded.table))}]]
        said = f"{said}, {label} as a part" if given.protocol or len(splits[0]) > 2 else "the two datasets"
    seconds = {"reading": time.perf_counter() - started}
    started = time.perf_counter()
    found = find_groups(images, table, labels, splits)
    seconds["searching"] = time.perf_counter() - started
    if against is None:  # every later run on these images then knows them
        keep_near_groups(found.component, loaded.table, cache_folder(None))
    values: dict[str, Any] = {
        "dataset": title,
        "root": given.root,
        "protocol": said,
        "notes": notes,
        "seconds": {name: round(taken, 2) for name, taken in seconds.items()},
        **as_values(found, table.source, labels),
    }
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        parts = np.full(len(table), "", dtype="U64")
        for name, rows in splits[0].items() if splits else ():
            parts[rows] = name
        write_atomically(
            folder / SHEET_FILE, draw_sheet(found, images, table.source, labels, parts, f"Audit of {title}")
        )
        write_atomically(folder / JSON_FILE, json.dumps(values, indent=1) + "\n")
    if as_json:
        print(json.dumps(values, indent=1))
        return
    print_findings(result_console(), values)
    if folder is not None:
        print(f"written to {folder}: {JSON_FILE}, {SHEET_FILE}")


def _check_folder(given: str | None) -> Path | None:
    """Return the folder to write to, before any work is done; makes nothing."""
    if given is None:
        return None
    out = Path(given).expanduser()
    above = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    if not above.is_dir():
        raise InputError(f"--out {given}: {above} is a file; give a folder")
    for name in (JSON_FILE, SHEET_FILE):
        if (out / name).exists():
            raise InputError(f"--out {given}: {name} is there already; give another folder")
    return out


def _load(given: NamedDataset) -> LoadedImages:
    from fer_plugins.data.images import load_images
    from fer_plugins.training.build import cache_folder

    # A copy that differs from the release is to be looked at, not refused; its notes say in what it differs.
    dataset = given.build({"check": "warn"})
    try:
        return load_images(dataset, name=given.name, image_size=48, channels=1, cache=cache_folder(None), memory_gb=1.0)
    except InputError:
        raise
    except (ValueError, OSError) as error:  # what a dataset plug-in refuses
        raise InputError(f"dataset {given.name}: {' '.join(str(error).split())}") from error


def _split(loaded: LoadedImages, protocol: Any, given: NamedDataset) -> tuple[list[Any], str]:
    """Return the parts of every fold, name -> rows, and what to call the split."""
    import numpy as np

    from fer_plugins.contract import SPLITS
    from fer_plugins.data.protocols.official import split_folds

    if protocol is not None and given.protocol is not None:
        folds = split_folds(loaded.table, protocol)
        return [fold._asdict() for fold in folds], f"protocol {given.protocol['name']}"
    split = loaded.table.split
    if split is None or len(np.unique(split)) < 2:
        return [], "no split"
    return [{name: np.flatnonzero(split == name) for name in SPLITS}], "the release's split"


def _join(one: LoadedImages, other: LoadedImages) -> tuple[Any, Any, Any]:
    """Return images, table and label names of both; sources are told apart by "first:" and "second:".

    Subjects, sequences and splits of the second are not comparable with those of the first, and are left blank or made
    its own.
    """
    import numpy as np

    from fer_plugins.data.table import SampleTable

    labels = np.concatenate([np.array(loaded.classes)[loaded.table.label] for loaded in (one, other)])
    columns: dict[str, Any] = {}
    for name in ("subject", "sequence", "parent"):
        first = getattr(one.table, name)
        if first is not None:
            own = np.char.add("second dataset: ", other.table.source)
            columns[name] = np.concatenate([first, own])
    assert one.table.digest is not None
    assert other.table.digest is not None
    table = SampleTable(
        label=np.unique(labels, return_inverse=True)[1],
        source=np.concatenate([np.char.add("1: ", one.table.source), np.char.add("2: ", other.table.source)]),
        digest=np.concatenate([one.table.digest, other.table.digest]),
        **columns,
    )
    return np.concatenate([one.images, other.images]), table, labels
