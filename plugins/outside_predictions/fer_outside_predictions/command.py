"""``fer score PREDICTIONS``: score predictions made by other code as a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fer_plugins.commands.settings import Installed, SettingsVerb
from fer_plugins.commands.usage import Name, WholeNumber, refuse


@click.command(cls=SettingsVerb, sections=("data", "protocol"))
@click.argument("predictions", type=click.Path(), metavar="PREDICTIONS")
@click.option("--split", type=Name(("test", "val")), default="test", help="Split that was predicted; default: test.")
@click.option("--classes", metavar="NAME,NAME,...", help="Order of the columns, if the file does not name them.")
@click.option("--values", type=Name(("probabilities", "logits")), help="What the columns hold; default: detected.")
@click.option(
    "--match", type=Name(("order", "name", "digest")), help="How rows are matched; default: by the column in the file."
)
@click.option("--name", metavar="NAME", help="Name of the network; default: the file's name.")
@click.option("--claims", type=Installed("architecture"), help="Plug-in whose paper's claims are compared.")
@click.option("--seed", type=WholeNumber(0), help="Seed of the training, to tell runs of one network apart.")
@click.option("--fold", type=WholeNumber(0), help="Fold of the protocol, from 0.")
@click.option("--out", type=click.Path(), default="runs", metavar="FOLDER", help="Folder for the run; default: runs.")
def score(
    predictions: str,
    *,
    split: str,
    classes: str | None,
    name: str | None,
    out: str,
    flags: dict[str, Any],
    **options: Any,
) -> None:
    """Score the predictions of any other code, as a run trained elsewhere.

    PREDICTIONS is a .csv, .jsonl, .npz or .npy file of probabilities or logits, with one row per image and one column
    per class. Rows are matched with the images of the split by a column "source" (file name) or "digest", else by their
    order. fer compare, table, verify and figures accept the resulting run, and say that it was trained elsewhere.
    """
    if "data" not in flags:
        refuse("the labels are the dataset's: add --data NAME, as in --data fer2013 --data.root PATH")
    order = None if classes is None else [word.strip() for word in classes.split(",")]
    if name is not None and not name.strip():
        refuse("--name is empty; give the network a name")
    from fer_outside_predictions.pairing import Request
    from fer_outside_predictions.scored_run import score_file

    request = Request(Path(predictions), flags, split, order, name=name, output=out, **options)
    score_file(request, lambda text: print(text, flush=True))
