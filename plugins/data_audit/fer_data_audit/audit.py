"""``fer data audit``: what in a dataset, or between two, makes results too good."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fer_data_audit.named_dataset import NamedDataset, dataset_verb
from fer_plugins.runtime.errors import InputError

if TYPE_CHECKING:
    from fer_plugins.data.images import LoadedImages

JSON_FILE, SHEET_FILE = "audit.json", "contact_sheet.html"


@dataset_verb("audit", "data", "protocol")
@click.option("--against", nargs=2, metavar="NAME2 ROOT2", help="A second dataset; ROOT2 none: it has no files.")
@click.option("--out", type=click.Path(), metavar="FOLDER", help="Write audit.json and pictures of what was found.")
@click.option("--export", type=click.Path(), metavar="PATH", help="Write PATH.csv and PATH.json: the list of copies.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def audit(
    dataset: NamedDataset, *, against: tuple[str, str] | None, out: str | None, export: str | None, as_json: bool
) -> None:
    """Look for what makes results too good: copies, two labels, shared subjects.

    Exact and near copies within and between the splits: those of --protocol, or of the release, where it has any. The
    exported list names every copy by row number and digest, without an image, for --protocol official_deduplicated and
    for other programs.
    """
    import numpy as np

    from fer_data_audit.contact_sheet import draw_sheet
    from fer_data_audit.exported_list import as_csv, list_copies
    from fer_data_audit.exported_list import as_json as list_as_json
    from fer_data_audit.groups import find_groups
    from fer_data_audit.report import as_values, print_findings
    from fer_plugins.data.copies.near_groups import search_near_copies
    from fer_plugins.runs.record import write_atomically
    from fer_plugins.runs.result_table import result_console
    from fer_plugins.training.build import cache_folder

    folder, lists = _check_folder(out), _check_export(export, against)
    protocol = dataset.build_protocol()
    started = time.perf_counter()
    loaded, dataset_title = _load(dataset)
    splits, split_name = _split(loaded, protocol, dataset)
    images, table, labels = loaded.images, loaded.table, np.array(loaded.classes)[loaded.table.label]
    title, notes = dataset.name, list(loaded.notes)
    if against is not None:
        name, root = against
        second, _ = _load(NamedDataset(name, None if root == "none" else root))
        images, table, labels = _join(loaded, second)
        notes += second.notes
        label = name if name != dataset.name else f"{name} (second)"
        title = f"{dataset.name} and {label}"
        rows = np.arange(len(loaded.table), len(table))
        splits = [{**fold, label: rows} for fold in splits or [{dataset.name: np.arange(len(loaded.table))}]]
        split_name = (
            f"{split_name}, {label} as a split" if dataset.protocol or len(splits[0]) > 2 else "the two datasets"
        )
    seconds = {"reading": time.perf_counter() - started}
    started = time.perf_counter()
    pairs = search_near_copies(images, table, cache_folder(None))
    findings = find_groups(pairs, table, labels, splits)
    seconds["searching"] = time.perf_counter() - started
    values: dict[str, Any] = {
        "dataset": title,
        "root": dataset.root,
        "protocol": split_name,
        "notes": notes,
        "seconds": {name: round(duration, 2) for name, duration in seconds.items()},
        **as_values(findings, table.source, labels),
    }
    written = []
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        split_of = np.full(len(table), "", dtype="U64")
        for name, rows in splits[0].items() if splits else ():
            split_of[rows] = name
        sheet = draw_sheet(findings, images, table.source, labels, split_of, f"Audit of {title}")
        write_atomically(folder / SHEET_FILE, sheet)
        write_atomically(folder / JSON_FILE, json.dumps(values, indent=1) + "\n")
        written.append(f"{folder}: {JSON_FILE}, {SHEET_FILE}")
    if lists:
        copies = list_copies(table, pairs.components(), dataset_title)
        for path, write in zip(lists, (as_csv, list_as_json), strict=True):
            write_atomically(path, write(copies))
            written.append(f"{path}: {len(copies.row):,} images in {copies.group.max(initial=0):,} groups")
    if as_json:
        print(json.dumps(values, indent=1))
        return
    print_findings(result_console(), values)
    for line in written:
        print(f"written to {line}")


def _check_export(target: str | None, against: tuple[str, str] | None) -> list[Path]:
    """Return the two files to write, before any work is done; [] for none."""
    if target is None:
        return []
    if against is not None:
        raise InputError("--export lists the copies of one dataset; leave --against out")
    path = Path(target).expanduser()
    path = path.with_suffix("") if path.suffix in (".csv", ".json") else path
    if not path.name or not path.absolute().parent.is_dir():
        raise InputError(f"--export {target}: lies in no folder that is there; give another place")
    files = [path.with_name(f"{path.name}{ending}") for ending in (".csv", ".json")]
    for file in files:
        if file.exists():
            raise InputError(f"--export {target}: {file} is there already; give another name")
    return files


def _check_folder(target: str | None) -> Path | None:
    """Return the folder to write to, before any work is done; makes nothing."""
    if target is None:
        return None
    out = Path(target).expanduser()
    above = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    if not above.is_dir():
        raise InputError(f"--out {target}: {above} is a file; give a folder")
    for name in (JSON_FILE, SHEET_FILE):
        if (out / name).exists():
            raise InputError(f"--out {target}: {name} is there already; give another folder")
    return out


def _load(named: NamedDataset) -> tuple[LoadedImages, str]:
    """Return the images of a dataset, and its name in papers."""
    from fer_plugins.data.images import load_images
    from fer_plugins.training.build import cache_folder

    # A copy that differs from the release is to be looked at, not refused; its notes say in what it differs.
    dataset = named.build({"check": "warn"})
    cache = cache_folder(None)
    try:
        loaded = load_images(dataset, name=named.name, image_size=48, channels=1, cache=cache, memory_gb=1.0)
        return loaded, getattr(dataset, "title", named.name)
    except InputError:
        raise
    except (ValueError, OSError) as error:  # what a dataset plug-in refuses
        raise InputError(f"dataset {named.name}: {' '.join(str(error).split())}") from error


def _split(loaded: LoadedImages, protocol: Any, named: NamedDataset) -> tuple[list[Any], str]:
    """Return the splits of every fold, name -> rows, and what to call the split."""
    import numpy as np

    from fer_plugins.contract import SPLITS
    from fer_plugins.data.copies.near_groups import add_near_groups
    from fer_plugins.data.protocols.official import split_folds
    from fer_plugins.training.build import cache_folder

    if protocol is not None and named.protocol is not None:
        table = add_near_groups(loaded.images, loaded.table, protocol, "auto", cache_folder(None))
        folds = split_folds(table, protocol)
        return [fold._asdict() for fold in folds], f"protocol {named.protocol['name']}"
    split = loaded.table.split
    if split is None or len(np.unique(split)) < 2:
        return [], "no split"
    return [{name: np.flatnonzero(split == name) for name in SPLITS}], "the release's split"


def _join(loaded: LoadedImages, second: LoadedImages) -> tuple[Any, Any, Any]:
    """Return images, table and label names of both; sources are told apart by "first:" and "second:".

    Subjects, sequences and splits of the second are not comparable with those of the first, and are left blank or made
    its own.
    """
    import numpy as np

    from fer_plugins.data.table import SampleTable

    labels = np.concatenate([np.array(both.classes)[both.table.label] for both in (loaded, second)])
    columns: dict[str, Any] = {}
    for name in ("subject", "sequence", "parent"):
        first = getattr(loaded.table, name)
        if first is not None:
            own = np.char.add("second dataset: ", second.table.source)
            columns[name] = np.concatenate([first, own])
    assert loaded.table.digest is not None
    assert second.table.digest is not None
    table = SampleTable(
        label=np.unique(labels, return_inverse=True)[1],
        source=np.concatenate([np.char.add("1: ", loaded.table.source), np.char.add("2: ", second.table.source)]),
        digest=np.concatenate([loaded.table.digest, second.table.digest]),
        **columns,
    )
    return np.concatenate([loaded.images, second.images]), table, labels
