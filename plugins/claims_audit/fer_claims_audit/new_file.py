"""``fer claims new``: writes a claims file with comments, to be filled in."""

from __future__ import annotations

from pathlib import Path

from fer_plugins.runtime.errors import InputError

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
