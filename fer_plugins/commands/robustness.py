"""``fer evaluate RUN``: shift consistency, corruptions, occlusion, calibration, test-time augmentation, saliency."""

from __future__ import annotations

import json
from typing import Any

from fer_plugins.config.registry import nearest
from fer_plugins.runtime.errors import InputError

USAGE = (
    "fer evaluate RUN [--suite SUITE]... [--tta WAY]... [--saliency METHOD]... [--part test|val] [--limit N] "
    "[--seed N] [--out FOLDER] [--json]"
)
# Written out here as well, so that a wrong word is refused without importing torch; a test holds them equal.
CHOICES = {
    "suite": ("shift", "corruption", "occlusion", "calibration"),
    "tta": ("flip", "five_crop", "ten_crop"),
    "saliency": ("gradient", "smoothgrad", "occlusion", "grad_cam", "explain"),
    "part": ("test", "val"),
}
_NUMBERS = {"limit": 1, "seed": 0}  # flag -> the least value


def evaluate(words: list[str]) -> int:
    """Evaluate a finished run, write evaluation.json, print tables or (``--json``) what the file holds.

    Without ``--suite``, ``--tta`` and ``--saliency``: all four suites. These flags may come several times, or hold
    names with commas between.

    Raises:
        InputError: a wrong word, or the run cannot be evaluated; see ``evaluate_run``.
    """
    folder, flags = parse(words)
    from fer_plugins.analysis.robustness.evaluation import SUITES, Request, evaluate_run
    from fer_plugins.analysis.robustness.opened_run import head_of
    from fer_plugins.analysis.robustness.report import print_evaluation
    from fer_plugins.runs.result_table import result_console

    suites = tuple(flags["suite"])
    request = Request(
        suites=suites if suites or flags["tta"] or flags["saliency"] else SUITES,
        tta=tuple(flags["tta"]),
        saliency=tuple(flags["saliency"]),
        part=flags["part"][-1] if flags["part"] else None,
        limit=flags.get("limit"),
        seed=flags.get("seed", 0),
    )
    quiet = "json" in flags
    say = (lambda text: None) if quiet else (lambda text: print(text, flush=True))
    found = evaluate_run(folder, request, out=flags.get("out"), say=say)
    if quiet:
        print(json.dumps(found, indent=2))
    else:
        print_evaluation(result_console(), found, head_of(folder))
    return 0


def parse(words: list[str]) -> tuple[str, dict[str, Any]]:
    """Sort the words: the run's folder, and flag -> value (a list of names for those of ``CHOICES``).

    Raises:
        InputError: no run or two, an unknown flag or name, or a number that is none.
    """
    places: list[str] = []
    flags: dict[str, Any] = {name: [] for name in CHOICES}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            places.append(word)
            continue
        name, equals, value = word.removeprefix("--").partition("=")
        if word.startswith("--") and name == "json" and not equals:
            flags["json"] = True
            continue
        known = [*CHOICES, *_NUMBERS, "out", "json"]
        if not word.startswith("--") or name not in known or name == "json":
            raise InputError(f"fer evaluate: unknown word {word!r}{nearest(name, known)}; {USAGE}")
        if not equals:
            if not rest or rest[0].startswith("--"):
                raise InputError(f"fer evaluate: --{name} needs a value; {USAGE}")
            value = rest.pop(0)
        if not value:
            raise InputError(f"fer evaluate: --{name} needs a value; {USAGE}")
        if name in CHOICES:
            flags[name] += [one for one in _choose(name, value) if one not in flags[name]]
        else:
            flags[name] = _read_number(name, value) if name in _NUMBERS else value
    if len(flags["part"]) > 1:
        raise InputError(f"--part: one of {' and '.join(flags['part'])}, at a time; run it twice, with another --out")
    if len(places) != 1:
        said = "RUN is missing" if not places else f"{len(places)} runs ({', '.join(places)}), one at a time"
        raise InputError(f"fer evaluate: {said}; {USAGE}")
    return places[0], flags


def _choose(name: str, value: str) -> list[str]:
    chosen = value.split(",")
    for one in chosen:
        if one not in CHOICES[name]:
            known = ", ".join(CHOICES[name])
            raise InputError(f"--{name}: unknown {one!r}{nearest(one, list(CHOICES[name]))}; known: {known}")
    return chosen


def _read_number(name: str, value: str) -> int:
    least = _NUMBERS[name]
    if not value.isdecimal() or int(value) < least:
        raise InputError(f"--{name} is {value}; give a whole number of at least {least}")
    return int(value)
