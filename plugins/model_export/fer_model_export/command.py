"""``fer export RUN --format onnx|torch|hub``: export a run to files for other programs, checked against the run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from fer_plugins.commands.usage import Name, WholeNumber, refuse, verb

FORMATS = ("onnx", "torch", "hub")
CALIBRATION = 512  # training images
LEAST_CALIBRATION = 64  # so that every class occurs


@verb()
@click.argument("run", type=click.Path(), metavar="RUN")
@click.option("--format", "form", type=Name(FORMATS), required=True, help="See below.")
@click.option(
    "--quantize", type=Name(("int8",)), help="Also write model.int8.onnx (static); report size, time, accuracy."
)
@click.option(
    "--calibration",
    type=WholeNumber(LEAST_CALIBRATION),
    metavar="N",
    help="Training images for its calibration; default 512.",
)
@click.option(
    "--out", type=click.Path(), metavar="FOLDER", help="Output folder; default: export/FORMAT in the run's folder."
)
@click.option(
    "--synthetic", type=WholeNumber(1), metavar="N", help="Check on N synthetic faces instead of the dataset."
)
@click.option("--data.root", "data_root", metavar="PATH", help="Current path of the run's dataset.")
@click.option("--licence", metavar="ID", help="Licence of the weights in the model card: apache-2.0, ...")
@click.option("--data-licence", metavar="TEXT", help="Terms of the training images in the model card.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def export(run: str, *, form: str, quantize: str | None, out: str | None, as_json: bool, **options: Any) -> None:
    """Export a run as ONNX, torch.export archive or Hugging Face folder.

    onnx: model.onnx, from uint8 images to probabilities, for any batch size. torch: model.pt2, the same as a
    torch.export archive. hub: model.safetensors, config.json and a model card; fer predict loads it.

    Every export is compared with the run on all validation images. If a class differs, or a probability by more than
    1e-4, nothing is written and the exit code is 1. Without the data, 256 synthetic faces are used.
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
