"""``fer export RUN --format onnx|torch|hub``: a run as a file that runs elsewhere, checked against the run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from fer_plugins.commands.usage import Name, WholeNumber, refuse, verb

FORMATS = ("onnx", "torch", "hub")
CALIBRATION = 512  # training images
LEAST_CALIBRATION = 64  # so that each class comes in


@verb()
@click.argument("run", type=click.Path(), metavar="RUN")
@click.option("--format", "form", type=Name(FORMATS), required=True, help="See below.")
@click.option("--quantize", type=Name(("int8",)), help="Also model.int8.onnx, static, and what it costs.")
@click.option(
    "--calibration", type=WholeNumber(LEAST_CALIBRATION), metavar="N", help="Training images for it; default 512."
)
@click.option("--out", type=click.Path(), metavar="FOLDER", help="Default: export/FORMAT in the run's folder.")
@click.option("--synthetic", type=WholeNumber(1), metavar="N", help="Check on N synthetic faces; no data needed.")
@click.option("--data.root", "data_root", metavar="PATH", help="Where the run's dataset lies now.")
@click.option("--licence", metavar="ID", help="Of the weights, for the model card: apache-2.0, cc-by-nc-4.0, ...")
@click.option("--data-licence", metavar="TEXT", help="Terms of the pictures, for the model card.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def export(run: str, *, form: str, quantize: str | None, out: str | None, as_json: bool, **options: Any) -> None:
    """Write a run as ONNX, as torch.export archive, or as Hugging Face folder.

    onnx: model.onnx, bytes in, probabilities out, any number of images. torch: model.pt2, the same as torch.export
    archive. hub: model.safetensors, config.json and a model card, which fer predict loads.

    Each is compared with the run on all images of the validation split: the same class for each, and no probability
    further away than 1e-4, else nothing is written and the exit code is 1. Where the data are not there, 256 synthetic
    faces take their place.
    """
    needs = {"onnx": ("quantize", "calibration"), "hub": ("licence", "data_licence")}
    values = {**options, "quantize": quantize}
    for needed_format, names in needs.items():
        for name in names:
            if values[name] is not None and form != needed_format:
                refuse(f"--{name.replace('_', '-')} is for --format {needed_format}; leave it out")
    if quantize is None and options["calibration"] is not None:
        refuse("--calibration is for --quantize int8; leave it out")
    if options["synthetic"] is not None:
        for name, value in (("--quantize", quantize), ("--data.root", options["data_root"])):
            if value is not None:
                refuse(f"{name} needs the run's images; leave --synthetic out")
        if options["synthetic"] > 10_000:
            refuse(f"--synthetic {options['synthetic']}: at most 10000 faces are drawn; give fewer")
    from fer_model_export.export_run import Request, export_run
    from fer_model_export.printed_report import print_report

    options["calibration"] = options["calibration"] or CALIBRATION
    request = Request(format=form, folder=Path(out) if out else None, quantize=quantize is not None, **options)
    report = export_run(run, request, lambda text: print(f"fer export: {text}", file=sys.stderr, flush=True))
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        print_report(report)
