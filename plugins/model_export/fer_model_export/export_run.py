"""The work of ``fer export``: write a format, check it against the network, and keep it only if they agree."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from fer_face_prediction.checkpoint_file import find_checkpoint, load_checkpoint, load_hub_folder

from fer_model_export import hub_files, parity
from fer_model_export.hub_files import check_folder, new_folder, write_hub_files
from fer_model_export.model_card import write_card
from fer_model_export.network_files import ArchivedNetwork, OnnxNetwork, export_program, write_archive, write_onnx
from fer_model_export.parity import synthetic_faces
from fer_model_export.quantization import measure, quantize
from fer_plugins import __version__
from fer_plugins.analysis.network import Network, Split
from fer_plugins.analysis.opened_run import OpenedRun, check_run, open_run, open_split, record_opening
from fer_plugins.data.preprocessing import Preprocessing
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runs.record import write_atomically
from fer_plugins.runs.remarks import list_warnings
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.module import FERModule

ONNX, INT8, ARCHIVE, REPORT = "model.onnx", "model.int8.onnx", "model.pt2", "export.json"
FILES = {"onnx": (ONNX, INT8, REPORT), "torch": (ARCHIVE, REPORT), "hub": hub_files.FILES}
FACES = 256  # number of synthetic ones if the run's data are missing

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Request:
    """The requested export."""

    format: str  # onnx, torch or hub
    folder: Path | None = None  # None: export/FORMAT in the run's folder
    quantize: bool = False  # also ONNX in 8 bits
    calibration: int = 512  # number of training images
    synthetic: int | None = None  # number of faces for the check; None: the validation split
    data_root: str | None = None  # current path of the run's dataset
    licence: str | None = None  # of the weights, in the model card
    data_licence: str | None = None  # of the pictures, in the model card


@dataclass(frozen=True)
class _Source:
    """A run that is ready to be exported."""

    run: FinishedRun
    module: FERModule
    preprocessing: Preprocessing
    opened: OpenedRun | None  # None: its data are missing, or not requested
    images: Split

    def metadata(self) -> dict[str, Any]:
        """Return the metadata of an exported file."""
        manifest = self.run.record.manifest
        return {
            "classes": list(self.preprocessing.classes),
            "preprocessing": self.preprocessing.as_dict(),
            "input": "uint8 (batch, channels, size, size), prepared as preprocessing says but for its range: bytes",
            "architecture": manifest["plugin"]["name"],
            "plugin": f"{manifest['plugin']['distribution']} {manifest['plugin']['version']}",
            "fer_plugins": __version__,
            "run": self.run.name,
            "dataset": self.run.title,
            "split_hash": " ".join(self.run.split_hash),
            "warnings": list_warnings(self.run.record),
        }


def export_run(folder: str | Path, request: Request, say: Say) -> dict[str, Any]:
    """Export a finished run.

    Returns:
        ``folder``, ``format``, ``files`` (name -> bytes), ``checked_on`` {split, images}, ``parity`` {images,
        same_class, largest_gap}; with ``quantize`` also ``int8`` as ``quantization.measure`` returns it.

    Raises:
        InputError: the run is not finished, its checkpoint or (if needed) its data do not exist, or the folder cannot
            be written.
        RunError: the network cannot be exported, or the export gives other probabilities; nothing is written then.
    """
    run = check_run(folder)
    target = request.folder or run.record.folder / "export" / request.format
    check_folder(target, FILES[request.format])
    source = _open(run, request, say)
    network = Network(source.module, precision=_precision(source.module, say))
    reference = parity.predict_all(parity.network_predictor(network), source.images)
    with new_folder(target) as unfinished:
        if request.format == "hub":
            report = _write_hub(source, unfinished, target.resolve().name, request, reference)
        else:
            report = _write_program(source, unfinished, request, reference)
        report["checked_on"] = {"split": source.images.name, "images": len(source.images)}
        report["files"] = {path.name: path.stat().st_size for path in sorted(unfinished.iterdir())}
        report = {"format": request.format, **report}
        if request.format != "hub":
            write_atomically(unfinished / REPORT, json.dumps(report, indent=2) + "\n")
    return {"folder": str(target), **report}


def _open(run: FinishedRun, request: Request, say: Say) -> _Source:
    trained = find_checkpoint(run.record.folder)
    module, preprocessing = load_checkpoint(trained.file)
    for warning in trained.warnings:
        say(f"warning: {warning}")
    if request.synthetic is not None:
        return _Source(run, module, preprocessing, None, synthetic_faces(request.synthetic, preprocessing))
    threads = torch.get_num_threads()
    try:
        opened = open_run(_with_root(run, request.data_root))
        if opened.data.selects_on_test:
            reason = "the comparison with an export: under this protocol the test split is the validation split too"
            record_opening(run.record, opened.data, "fer export", reason)
        images, _ = open_split(opened, "val", None, "an export")
    except InputError as error:
        if request.quantize or request.data_root is not None:
            raise
        say(f"warning: checked on {FACES} synthetic faces, since the run's data cannot be read ({error})")
        return _Source(run, module, preprocessing, None, synthetic_faces(FACES, preprocessing))
    finally:
        torch.set_num_threads(threads)
    return _Source(run, module, preprocessing, opened, images)


def _with_root(run: FinishedRun, root: str | None) -> FinishedRun:
    if root is None:
        return run
    config: Mapping[str, Any] = run.record.config
    moved = {**config, "data": {**config["data"], "root": root}}
    return replace(run, record=replace(run.record, config=moved))


def _precision(module: FERModule, say: Say) -> str:
    trained = module.config.trainer.precision
    if trained not in ("32-true", "64-true"):
        say(f"trained with precision {trained}; exported and compared in 32-true")
    return "64-true" if trained == "64-true" else "32-true"


def _write_program(source: _Source, folder: Path, request: Request, reference: parity.Probabilities) -> dict[str, Any]:
    preprocessing = source.preprocessing
    network = copy.deepcopy(source.module.network)
    program = export_program(network, preprocessing.channels, preprocessing.image_size)
    if request.format == "torch":
        write_archive(program, folder / ARCHIVE, source.metadata())
        predict = ArchivedNetwork(folder / ARCHIVE).probabilities
        return {"parity": vars(parity.check_parity(ARCHIVE, reference, predict, source.images))}
    write_onnx(program, folder / ONNX, source.metadata())
    predict = OnnxNetwork(folder / ONNX).probabilities
    report: dict[str, Any] = {"parity": vars(parity.check_parity(ONNX, reference, predict, source.images))}
    if source.opened is not None and request.quantize:
        training, _ = open_split(source.opened, "train", request.calibration, "an export")
        quantize(folder / ONNX, folder / INT8, training)
        probabilities = tuple(
            parity.predict_all(OnnxNetwork(folder / name).probabilities, source.images) for name in (ONNX, INT8)
        )
        measured = measure(folder / ONNX, folder / INT8, source.images, probabilities)
        report["int8"] = {"calibrated_on": {"split": "train", "images": len(training)}, **measured}
    return report


def _write_hub(
    source: _Source, folder: Path, name: str, request: Request, reference: parity.Probabilities
) -> dict[str, Any]:
    if request.folder is None:
        name = source.run.name
    card = write_card(source.run, name, request.licence, request.data_licence)
    write_hub_files(folder, source.module, source.preprocessing, source.run.record, card)
    module, _ = load_hub_folder(folder)
    network = Network(module, precision="64-true" if module.config.trainer.precision == "64-true" else "32-true")
    predict = parity.network_predictor(network)
    return {"parity": vars(parity.check_parity("the folder", reference, predict, source.images))}
