"""``fer claims PLUGIN | FILE``: contradictions between printed numbers; ``fer claims new``: an empty claims file."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from fer_claims_audit.output import as_markdown, count_statuses, print_audit
from fer_plugins.analysis.claims import (
    SPLITS,
    Claims,
    Subject,
    canonical_split,
    find_claims,
    read_claims,
    read_foreign,
    suggest,
)
from fer_plugins.commands.usage import UsageError
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.plain_values import shell_word

if TYPE_CHECKING:
    from fer_claims_audit.check import Audit


_TEMPLATE = """\
# The numbers that a paper prints, as it prints them: 0.80 says more than 0.8, and 82.9 % is 0.829.
paper: {id: my_paper, title: "A paper"}  # further keys: authors, year, venue, doi, licence
models:  # every name that claims use; role: proposed, or baseline
  - {name: Net, role: proposed}
claims:
  # split: train, validation, test, validation_and_test, all or not_stated.
  # metric: accuracy, precision, recall, f1, specificity (macro_, weighted_ or micro_ before it where it is one),
  # n_images, n_correct, confusion_matrix, loss, accuracy_mean, accuracy_sd, n_runs and what docs/claims.md lists.
  - {model: Net, dataset: FER2013, split: test, metric: accuracy, value: 0.6913, source: "abstract"}
  # one class: its name as printed
  - {model: Net, dataset: FER2013, split: test, metric: recall, class: Happy, value: 0.89, source: "Table 2"}
  # a matrix: rows true, columns predicted; counts, shares or percentages
  # - {model: Net, dataset: FER2013, split: test, metric: confusion_matrix, classes: [Angry, Happy],
  #    value: [[90, 10], [5, 95]], source: "Fig. 3"}
  # images, where the dataset is not one whose release is known (FER2013, RAF-DB)
  # - {model: null, dataset: My set, split: test, metric: n_images, value: 1200, source: "Section 4"}
  # several runs of one model, and their mean
  # - {model: Net, dataset: FER2013, split: test, metric: accuracy, run: 1, value: 0.6890, source: "Table 5"}
  # - {model: Net, dataset: FER2013, split: test, metric: accuracy_mean, value: 0.6901, source: "Table 5"}
# counts:  # images per class from elsewhere
#   - {dataset: My set, split: test, source: "the release", counts: {anger: 500, happy: 700}}
# splits: {test: "a random tenth"}  # what a split of the paper really was, where that is not the release's
"""


def write_new(path: Path) -> None:
    """Write the template.

    Raises:
        InputError: the file exists, is not named as YAML, or cannot be written.
    """
    if path.suffix not in (".yaml", ".yml"):
        raise InputError(f"{path}: a claims file ends in .yaml; try {path.with_suffix('.yaml')}")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(_TEMPLATE)
    except FileExistsError:
        raise InputError(f"{path} exists; give another name: fer claims new FILE.yaml") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None


_CLAIM = ("model", "dataset", "split", "metric", "source")
_SUBJECT = ("--model", "--dataset", "--split")
_USAGE = (
    "fer claims PLUGIN | FILE [--dataset NAME] [--split NAME] [--model NAME] [--json | --markdown], or new [FILE.yaml]"
)


def claims(argv: list[str]) -> int:
    """Find contradictions among the numbers of a plug-in's paper, or of a file.

    Give a plug-in, or a file: YAML, the text of a classification_report, a confusion matrix (.csv), a table (.md, .tex)
    or a notebook (.ipynb).

    --model NAME, --dataset NAME, --split NAME: what the numbers of a file other than YAML belong to.

    --json, --markdown: output for programs, or for a review.

    "fer claims new [FILE.yaml]" writes a commented template.

    Returns:
        0, whether or not there are contradictions: they are the result.

    Raises:
        UsageError: unknown or missing arguments.
        InputError: the plug-in is unknown, the file does not exist, or the file is invalid.
    """
    names, options = _parse(argv)
    if names[:1] == ["new"] and len(names) <= 2 and not options:
        path = Path(names[1] if len(names) > 1 else "claims.yaml")
        write_new(path)
        print(f"{path}: fill in the paper's numbers, then: fer claims {shell_word(path)}")
        return 0
    if len(names) != 1:
        raise UsageError(f"expected one plug-in or file, got {len(names)}: {_USAGE}", "fer claims")
    if "--json" in options and "--markdown" in options:
        raise UsageError(f"--json and --markdown are two outputs; give one: {_USAGE}", "fer claims")
    read = _read(names[0], options)
    from fer_claims_audit.check import audit

    outcome = audit(read)
    if "--json" in options:
        print(json.dumps(_as_json(read, outcome), indent=2))
    elif "--markdown" in options:
        print(as_markdown(read, outcome))
    else:
        print_audit(read, outcome)
    return 0


def _parse(argv: list[str]) -> tuple[list[str], dict[str, str]]:
    """Split the arguments into names and options; --json and --markdown have no value."""
    names, options, remaining = list[str](), dict[str, str](), list(argv)
    while remaining:
        argument = remaining.pop(0)
        option, equals, value = argument.partition("=")
        if argument in ("--json", "--markdown"):
            options[argument] = ""
        elif option in _SUBJECT:
            if not equals and not remaining:
                raise UsageError(f"{option} needs a value: {_USAGE}", "fer claims")
            options[option] = value if equals else remaining.pop(0)
        elif argument.startswith("-"):
            raise UsageError(f"unknown option {argument!r}: {_USAGE}", "fer claims")
        else:
            names.append(argument)
    return names, options


def _read(name: str, options: dict[str, str]) -> Claims:
    path = find_claims(name)
    subject = {key.removeprefix("--"): value for key, value in options.items() if key in _SUBJECT}
    if path.suffix.lower() in (".yaml", ".yml"):
        if subject:
            named_options = ", ".join(f"--{key}" for key in subject)
            raise UsageError(
                f"{named_options} is for files that do not say it; {path.name} has its own keys: leave it out",
                "fer claims",
            )
        return read_claims(path)
    if "split" in subject:
        split = str(canonical_split(subject["split"]))
        if split not in SPLITS:
            raise UsageError(
                f"--split {split} must be one of {', '.join(SPLITS)}{suggest(split, SPLITS)}", "fer claims"
            )
        subject["split"] = split
    return read_foreign(path, Subject(**subject))


def _as_json(read: Claims, audit: Audit) -> dict[str, object]:
    return {
        "paper": read.paper,
        "file": str(read.path),
        "numbers": len(read.claims),
        "statuses": count_statuses(audit),
        "contradictions": [vars(finding) for finding in audit.findings],
        "by_kind": dict(Counter(finding.kind for finding in audit.findings)),
        "remarks": [vars(remark) for remark in audit.remarks],
        "not_checked": [vars(gap) for gap in audit.unchecked],
        "claims": [
            {
                **{key: getattr(item.claim, key) for key in _CLAIM}, "class": item.claim.class_name,
                "value": item.claim.written or item.claim.value, "status": item.status, "reason": item.reason or None,
            }
            for item in audit.statuses
        ],
    }  # fmt: skip
