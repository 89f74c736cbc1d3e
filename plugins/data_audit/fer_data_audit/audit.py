"""``fer data audit``: find what inflates results in a dataset, or between two."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fer_data_audit.named_dataset import NamedDataset, dataset_verb
from fer_plugins.runtime.errors import InputError

if TYPE_CHECKING:
    from fer_data_audit.audited_images import AuditedImages
    from fer_data_audit.groups import Findings
    from fer_plugins.data.copies.near_copies import NearCopies

JSON_FILE, SHEET_FILE = "audit.json", "contact_sheet.html"


@dataset_verb("audit", "data", "protocol")
@click.option(
    "--against",
    nargs=2,
    metavar="NAME2 ROOT2",
    help="Second dataset to compare with; ROOT2 is none for one without files.",
)
@click.option("--out", type=click.Path(), metavar="FOLDER", help="Write audit.json and pictures of the findings.")
@click.option("--export", type=click.Path(), metavar="PATH", help="Write the list of copies as PATH.csv and PATH.json.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def audit(
    dataset: NamedDataset, *, against: tuple[str, str] | None, out: str | None, export: str | None, as_json: bool
) -> None:
    """Search for what inflates results: copies, contradicting labels, shared subjects.

    Finds exact and near copies within and between the splits of --protocol, or of the release if it has any. The
    exported list identifies every copy by row number and digest, without images, for --protocol official_deduplicated
    and for other programs.
    """
    from fer_data_audit.audited_images import read_audited
    from fer_data_audit.groups import find_groups
    from fer_data_audit.report import as_values, print_findings
    from fer_plugins.data.copies.near_groups import search_near_copies
    from fer_plugins.runs.result_table import result_console
    from fer_plugins.training.build import cache_folder

    folder, lists = _check_folder(out), _check_export(export, against)
    started = time.perf_counter()
    audited = read_audited(dataset, against)
    read = time.perf_counter()
    pairs = search_near_copies(audited.images, audited.table, cache_folder(None))
    findings = find_groups(pairs, audited.table, audited.labels, audited.splits)
    values: dict[str, Any] = {
        "dataset": audited.name,
        "root": dataset.root,
        "protocol": audited.split_name,
        "notes": audited.notes,
        "seconds": {"reading": round(read - started, 2), "searching": round(time.perf_counter() - read, 2)},
        **as_values(findings, audited.table.source, audited.labels),
    }
    written = [] if folder is None else _write_folder(folder, audited, findings, values)
    written += _write_lists(lists, audited, pairs)
    if as_json:
        print(json.dumps(values, indent=1))
        return
    print_findings(result_console(), values)
    for line in written:
        print(f"written to {line}")


def _write_folder(folder: Path, audited: AuditedImages, findings: Findings, values: dict[str, Any]) -> list[str]:
    """Write audit.json and the contact sheet; return lines that say where."""
    from fer_data_audit.contact_sheet import draw_sheet
    from fer_plugins.runs.record import write_atomically

    folder.mkdir(parents=True, exist_ok=True)
    title, sources = f"Audit of {audited.name}", audited.table.source
    sheet = draw_sheet(findings, audited.images, sources, audited.labels, audited.first_split(), title)
    write_atomically(folder / SHEET_FILE, sheet)
    write_atomically(folder / JSON_FILE, json.dumps(values, indent=1) + "\n")
    return [f"{folder}: {JSON_FILE}, {SHEET_FILE}"]


def _write_lists(lists: list[Path], audited: AuditedImages, pairs: NearCopies) -> list[str]:
    """Write the list of copies as csv and JSON; return lines that say where. ``lists`` are the two files, or none."""
    from fer_data_audit.exported_list import as_csv, as_json, list_copies
    from fer_plugins.runs.record import write_atomically

    if not lists:
        return []
    copies = list_copies(audited.table, pairs.components(), audited.title)
    for path, write in zip(lists, (as_csv, as_json), strict=True):
        write_atomically(path, write(copies))
    size = f"{len(copies.row):,} images in {copies.group.max(initial=0):,} groups"
    return [f"{path}: {size}" for path in lists]


def _check_export(target: str | None, against: tuple[str, str] | None) -> list[Path]:
    """Return the two output files, checked before any work is done; [] for none."""
    if target is None:
        return []
    if against is not None:
        raise InputError("--export lists the copies of one dataset; leave --against out")
    path = Path(target).expanduser()
    path = path.with_suffix("") if path.suffix in (".csv", ".json") else path
    if not path.name or not path.absolute().parent.is_dir():
        raise InputError(f"--export {target}: its folder does not exist; give another place")
    files = [path.with_name(f"{path.name}{ending}") for ending in (".csv", ".json")]
    for file in files:
        if file.exists():
            raise InputError(f"--export {target}: {file} already exists; give another name")
    return files


def _check_folder(target: str | None) -> Path | None:
    """Return the output folder, checked before any work is done; creates nothing."""
    if target is None:
        return None
    out = Path(target).expanduser()
    above = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    if not above.is_dir():
        raise InputError(f"--out {target}: {above} is a file; give a folder")
    for name in (JSON_FILE, SHEET_FILE):
        if (out / name).exists():
            raise InputError(f"--out {target}: {name} already exists; give another folder")
    return out
