"""``fer predict RUN PATH...``: predict the expression of every face in pictures, videos and camera streams."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fer_plugins.commands.usage import Name, WholeNumber, refuse, verb

FORMATS = {".csv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json"}  # by extension of --out


@verb()
@click.argument("run", type=click.Path(), metavar="RUN|CHECKPOINT")
@click.argument("paths", nargs=-1, type=click.Path(allow_dash=True), metavar="[PATH...]")
@click.option("--camera", type=WholeNumber(0), help="Read frames of this camera (from 0) instead of files.")
@click.option("--detector", metavar="NAME", help="Face detector (see fer list and below).")
@click.option("--largest", is_flag=True, help="Only the largest face of a picture, as in training on photographs.")
@click.option("--calibrate", is_flag=True, help="Scale probabilities by a temperature fitted on validation.")
@click.option("--every", type=WholeNumber(1), default=1, help="Use every N-th frame of a video or camera; default 1.")
@click.option("--frames", type=WholeNumber(1), help="Stop after N frames of a video or camera.")
@click.option(
    "--format",
    "form",
    type=Name(("table", "csv", "json")),
    help="Output format; default: by the extension of --out, else table.",
)
@click.option("--out", type=click.Path(), metavar="FILE", help="Output file; default: standard output.")
@click.option(
    "--annotate", type=click.Path(), metavar="FOLDER", help="Write copies with boxes and classes to this folder."
)
@click.option("--device", metavar="NAME", help="cpu or cuda; default: CUDA if available and allowed by the run.")
def predict(
    run: str,
    paths: tuple[str, ...],
    *,
    camera: int | None,
    detector: str | None,
    largest: bool,
    calibrate: bool,
    every: int,
    frames: int | None,
    form: str | None,
    out: str | None,
    annotate: str | None,
    device: str | None,
) -> int:
    """Predict the expression of faces in pictures, videos or a camera stream.

    PATH is a picture, a video, a folder, a quoted glob, or - to read names from standard input. The default detector is
    the one that cropped the training images. For a run trained on faces that were cropped beforehand, a picture of at
    most 128 pixels a side (or the network's input size) counts as one face, and larger ones are searched with lbp.

    Faces are flagged as small (less than half the network's input), blurred (variance of the Laplacian at 48 x 48 below
    100), uncertain (probability below 0.5) or no_face. The exit code is 1 if some files could not be read, 2 if none.
    """
    if (camera is None) == (not paths):
        refuse("give pictures, or --camera 0" if camera is None else "--camera: leave the paths out")
    form = form or (FORMATS.get(Path(out).suffix.lower()) if out else "table")
    if form is None:
        refuse(f"--out {out}: its ending is neither .csv nor .json nor .jsonl; add --format csv, json or table")
    from fer_image_files.archives.file_set import make_printable

    from fer_face_prediction.predict_files import Outputs, predict_files, search_faces
    from fer_face_prediction.predictor import Predictor
    from fer_face_prediction.sources import check_outputs, find_files, is_video

    files = find_files(paths, sys.stdin)
    if camera is None and not any(map(is_video, files)):
        for name, value in (("--every", every > 1), ("--frames", frames is not None)):
            if value:
                refuse(f"{name} counts frames, and no video is given; leave it out")
    outputs = Outputs(form, Path(out) if out else None, Path(annotate) if annotate else None)
    check_outputs(outputs.file, outputs.folder, files)
    predictor = Predictor.load(run, calibrate=calibrate, device=device)
    search, sentence = search_faces(detector, predictor.preprocessing, largest=largest)

    def say(text: str) -> None:
        print(f"fer predict: {make_printable(text)}", file=sys.stderr, flush=True)

    for warning in predictor.warnings:
        say(f"warning: {warning}")
    say(sentence)
    if calibrate:
        say(f"calibrated: temperature {predictor.temperature:.4g}, fitted on the validation split")
    counts = predict_files(
        predictor, search, outputs, files=files, camera=camera, every=every, frames=frames, say=say
    )  # fmt: skip
    say(counts.describe())
    if out:
        say(f"written: {out}")
    if annotate:
        say(f"annotated: {counts.annotated:,} in {annotate}")
    return 1 if counts.unreadable else 0
