"""``fer robustness RUN``, also ``fer evaluate RUN``: evaluate a finished run's checkpoint beyond accuracy."""

from __future__ import annotations

import json
from typing import Any

import click

from fer_plugins.commands.usage import Name, Names, WholeNumber, verb

# Repeated here, so that an unknown name is rejected without importing torch; a test keeps them equal.
CHOICES = {
    "suite": ("shift", "corruption", "occlusion", "calibration"),
    "tta": ("flip", "five_crop", "ten_crop"),
    "saliency": ("gradient", "smoothgrad", "occlusion", "grad_cam", "explain"),
    "split": ("test", "val", "train"),
}


@verb()
@click.argument("run", type=click.Path(), metavar="RUN")
@click.option("--suite", type=Names(CHOICES["suite"]), multiple=True, help="Perturbations; default: all four.")
@click.option("--tta", type=Names(CHOICES["tta"]), multiple=True, help="Test-time augmentation.")
@click.option("--saliency", type=Names(CHOICES["saliency"]), multiple=True, help="Saliency maps.")
@click.option("--split", "--part", type=Name(CHOICES["split"]), help="Split to evaluate; default: test.")
@click.option("--limit", type=WholeNumber(1), help="Only the first N samples.")
@click.option("--seed", type=WholeNumber(0), default=0, help="Seed of the perturbations; default 0.")
@click.option("--out", type=click.Path(), metavar="FOLDER", help="Folder for evaluation.json; default: the run.")
@click.option("--json", "as_json", is_flag=True, help="Print evaluation.json.")
def robustness(run: str, *, out: str | None, as_json: bool, **options: Any) -> None:
    """Evaluate a run beyond accuracy: shifts, noise, occlusion, calibration.

    Test-time augmentation and saliency maps are computed on request. Separate several names by commas, or repeat the
    option.
    """
    chosen = {name: tuple(dict.fromkeys(sum(options[name], ()))) for name in ("suite", "tta", "saliency")}
    from fer_plugins.analysis.opened_run import head_of
    from fer_plugins.runs.result_table import result_console
    from fer_robustness_tests.evaluation import SUITES, Request, evaluate_run
    from fer_robustness_tests.report import print_evaluation

    request = Request(
        suites=chosen["suite"] if any(chosen.values()) else SUITES,
        tta=chosen["tta"],
        saliency=chosen["saliency"],
        split=options["split"],
        limit=options["limit"],
        seed=options["seed"],
    )
    say = (lambda text: None) if as_json else (lambda text: print(text, flush=True))
    evaluation = evaluate_run(run, request, out=out, say=say)
    if as_json:
        print(json.dumps(evaluation, indent=2))
    else:
        print_evaluation(result_console(), evaluation, head_of(run))
