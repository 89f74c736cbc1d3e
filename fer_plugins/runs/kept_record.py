"""A finished run's record as kept in a repository: plain data without weights, and the checksums of its files.

A kept record consists of config.yaml, manifest.json, metrics.json, metrics.csv, predictions.csv.gz and SHA256SUMS.
Absolute paths are reduced to their last component, so that the record does not reveal anything about the machine and is
identical wherever it is made.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

import yaml

from fer_plugins.config import registry
from fer_plugins.runs.elsewhere import LABEL
from fer_plugins.runs.packed_predictions import read_predictions
from fer_plugins.runs.read_runs import FinishedRun, read_run
from fer_plugins.runs.record import check_output
from fer_plugins.runs.remarks import name_fault
from fer_plugins.runtime.errors import InputError, RunError

SUMS = "SHA256SUMS"
PREDICTIONS = "predictions.csv"
_FILES = ("config.yaml", "manifest.json", "metrics.json", "metrics.csv", PREDICTIONS)


def keep(run: str | Path, results: str | Path | None = None) -> Path:
    """Copy the record of a finished run into a folder of results.

    Args:
        run: the run's folder.
        results: the folder to put the record into; None: the folder ``results`` next to the plug-in's package.

    Returns:
        The record's folder, ``<results>/<plugin>-<dataset>-<protocol>-s<seed>``.

    Raises:
        InputError: the run is not finished, is not a valid result, is a demonstration or consists of several folds; a
            record of this name with other content exists; or no folder for it can be determined.
        RunError: the record cannot be written.
    """
    finished = read_run(run)
    manifest = finished.record.manifest
    if finished.faults:
        raise InputError(f"{run}: {name_fault(finished.faults[0])}; keep a sound run")
    if manifest.get("demonstration"):
        raise InputError(f"{run}: a demonstration on synthetic faces; keep a run on a dataset")
    if finished.is_folds:
        raise InputError(f"{run}: the folder of several folds; keep the folders of its folds one by one")
    folder = results_folder(finished) if results is None else Path(results)
    if results is not None:
        check_output(folder, "--to", "--to FOLDER")
    target = folder / record_name(finished)
    contents = _portable(Path(run))
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(contents.items()))
    if target.exists():
        if (target / SUMS).is_file() and (target / SUMS).read_text(encoding="utf-8") == sums:
            return target
        raise InputError(f"{target}: there is another record of this name; remove it first, or give --to FOLDER")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder) as temporary:
            unfinished = Path(temporary, target.name)
            unfinished.mkdir()
            for name, content in {**contents, SUMS: sums.encode()}.items():
                (unfinished / name).write_bytes(content)
            unfinished.chmod(0o755)
            unfinished.rename(target)
    except OSError as error:
        raise RunError(f"cannot write {target}: {error.strerror}") from error
    return target


def results_folder(run: FinishedRun) -> Path:
    """Return the folder ``results`` of the plug-in that was run.

    Raises:
        InputError: the plug-in is not installed from a checkout, or the network was trained elsewhere.
    """
    if run.elsewhere:
        raise InputError(f"{run.record.folder}: {LABEL}, so no plug-in has a place for it; give --to FOLDER")
    component = registry.find("architecture", run.record.config["model"]["name"])
    package = registry.package_file(component, "claims.yaml").parent
    if not (package.parent / "pyproject.toml").is_file():
        raise InputError(f"{component} is not installed from a checkout (pip install -e); give --to FOLDER")
    return package.parent / "results"


def record_name(run: FinishedRun) -> str:
    """Return ``<plugin>[.<recipe>]-<dataset>-<protocol>-s<seed>``."""
    config, manifest = run.record.config, run.record.manifest
    plugin = manifest["plugin"]["name"] + (f".{config['recipe']}" if config.get("recipe") else "")
    name = f"{plugin}-{config['data']['name']}-{manifest['protocol']['name']}-s{run.seed}"
    if fold := manifest["protocol"].get("fold"):
        name += f"-fold{fold}"
    return re.sub(r"[^\w.+-]+", "_", name)


def find_records(folders: list[Path]) -> list[Path]:
    """Return the kept records in or below the given folders, sorted."""
    return sorted({sums.parent for folder in folders for sums in folder.rglob(SUMS)})


@contextmanager
def opened(record: str | Path) -> Iterator[FinishedRun]:
    """Verify the checksums of a kept record and read it as a run.

    Raises:
        InputError: it is not a kept record, or a file in it is missing, changed or not listed.
    """
    folder = Path(record)
    contents = _checked(folder)
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary, folder.resolve().name)
        copy.mkdir()
        for name, content in contents.items():
            if name.endswith(".gz"):
                try:
                    name, content = name.removesuffix(".gz"), gzip.decompress(content)
                except (OSError, EOFError, zlib.error) as error:
                    raise InputError(f"{folder}: {name} is damaged ({error}); keep the run again") from None
            (copy / name).write_bytes(content)
        try:
            yield read_run(copy)
        except InputError as error:  # name the record, which the user knows, instead of its temporary copy
            raise InputError(str(error).replace(str(copy), str(folder)), key=error.key) from error


def _checked(folder: Path) -> dict[str, bytes]:
    """Return the files of a kept record, name -> content. Raises InputError: see ``opened``."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        listed = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except (OSError, ValueError):
        raise InputError(
            f"{folder}: no kept record: it has no readable {SUMS}; fer results add RUN makes one"
        ) from None
    present = {path.name for path in folder.iterdir()} - {SUMS}
    for name in sorted(present ^ set(listed)):
        fault = "is missing" if name in listed else f"is not listed in {SUMS}"
        raise InputError(f"{folder}: {name} {fault}; take the record as it was kept")
    try:
        contents = {name: (folder / name).read_bytes() for name in listed}
    except OSError as error:
        raise InputError(f"{folder}: {error.filename} cannot be read ({error.strerror}); keep the run again") from None
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != listed[name]:
            raise InputError(f"{folder}: {name} was changed after it was kept; take the record as it was kept")
    return contents


def _portable(run: Path) -> dict[str, bytes]:
    """Return the files of a run's record, name -> content, without local paths."""
    contents = {}
    for name in _FILES:
        if name == PREDICTIONS:  # already compressed if the run is itself a kept record
            contents[f"{name}.gz"] = gzip.compress(read_predictions(run), mtime=0)
            continue
        if not (run / name).is_file():
            continue
        text = (run / name).read_text(encoding="utf-8")
        if name == "config.yaml":
            text = yaml.safe_dump(_without_paths(yaml.safe_load(text)), sort_keys=False, allow_unicode=True)
        elif name == "manifest.json":
            text = json.dumps(_without_paths(json.loads(text)), indent=2) + "\n"
        contents[name] = text.encode()
    return contents


def _without_paths(value: Any) -> Any:
    """Return a nested value in which every absolute path is reduced to its last component."""
    if isinstance(value, dict):
        return {key: _without_paths(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_paths(inner) for inner in value]
    if not isinstance(value, str) or "\n" in value:
        return value
    flag, equals, path = value.partition("=") if value.startswith("--") else ("", "", value)  # --data.root=PATH
    return f"{flag}{equals}{PurePath(path).name}" if path.startswith(("/", "~")) else value
