"""Random honest reports in the forms in which people print them, for testing that there are no false accusations."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fer_plugins.analysis.claims import Claim, Claims, released_counts

_CLASSES = ("Angry", "disgust", "fear", "Happiness", "sad", "surprise", "neutral", "contempt")
_RATES = ("precision", "recall", "f1")


def random_report(random: np.random.Generator) -> Claims:
    """Return the printed numbers of a random classifier; all numbers are correct, in one of these forms.

    Fractions with 2 to 5 digits or percentages with 0 to 2, rounded or truncated; the shortest text of a float64 or
    float32; supports of all classes, of some, or none; per-class rows of all classes or some; macro, weighted and micro
    averages; a matrix of counts, or of percentages of its rows or of all images; rows and averages in one table or two;
    one label per image, or several.
    """
    if random.random() < 0.15:
        return _several_labels(random)
    dataset = random.choice(["FER2013", "RAF-DB", "private"], p=[0.3, 0.15, 0.55])
    sizes = [*released_counts(str(dataset)).get("test", {}).values()]
    count = len(sizes) or int(random.integers(2, 9))
    if not sizes:
        sizes = random.integers(1, int(random.choice([8, 30, 60, 500, 3000])), size=count).tolist()
        if random.random() < 0.1:
            sizes[int(random.integers(count))] = 0  # a class that does not occur in the test set
    if not sum(sizes):
        sizes[0] = 5
    rows = random.dirichlet(np.full(count, random.choice([0.1, 1.0, 10.0])), size=count)
    keep = random.random(count) * random.choice([0.0, 0.5, 1.0])
    rows = (1 - keep)[:, None] * rows + np.diag(keep)
    matrix = np.array([random.multinomial(size, row) for size, row in zip(sizes, rows, strict=True)])
    names = list(released_counts(str(dataset)).get("test", {})) or list(_CLASSES[:count])
    form = _Form(random, str(dataset))
    _add_rates(form, matrix, names, random)
    if random.random() < 0.25:
        _add_matrix(form, matrix, names, random)
    if random.random() < 0.2:
        form.add("n_correct", Fraction(int(np.trace(matrix))), count=True)
    return form.claims()


class _Form:
    """One way to print numbers."""

    def __init__(self, random: np.random.Generator, dataset: str) -> None:
        self.kind = str(random.choice(["fraction", "percent", "float64", "float32"]))
        self.digits = int(random.integers(2, 6))
        if self.kind == "percent":
            self.digits = int(random.integers(2, 5))
        self.cut = bool(random.random() < 0.4) and self.kind in ("fraction", "percent")
        self.dataset, self.listed = dataset, list[Claim]()
        self.headline_source = str(random.choice(["Table 1", "abstract"]))

    def write(self, rate: Fraction) -> str:
        if self.kind == "float64":
            return repr(rate.numerator / rate.denominator)
        if self.kind == "float32":
            return repr(float(np.float32(rate.numerator) / np.float32(rate.denominator)))
        scale = 10**self.digits
        digits = math.floor(rate * scale) if self.cut else round(rate * scale)
        return f"{digits / scale:.{self.digits}f}"

    def add(self, metric: str, rate: Fraction, name: str | None = None, *, count: bool = False) -> None:
        written = str(int(rate)) if count else self.write(rate)
        source = "Table 1" if name else self.headline_source
        self.listed.append(
            Claim("Net", self.dataset, "test", metric, float(written), source, class_name=name, written=written)
        )

    def claims(self) -> Claims:
        models = ({"name": "Net", "role": "proposed", "params": None},)
        return Claims(Path("honest.yaml"), {"id": "honest", "title": "An honest report"}, models, tuple(self.listed))


def _share(above: int, below: int) -> Fraction:
    return Fraction(int(above), int(below)) if below else Fraction(0)


def _class_rates(right: list[int], support: list[int], predicted: list[int]) -> dict[str, list[Fraction]]:
    return {
        "precision": [_share(d, m) for d, m in zip(right, predicted, strict=True)],
        "recall": [_share(d, n) for d, n in zip(right, support, strict=True)],
        "f1": [_share(2 * d, n + m) for d, n, m in zip(right, support, predicted, strict=True)],
    }


def _add_rates(form: _Form, matrix: npt.NDArray[np.int64], names: list[str], random: np.random.Generator) -> None:
    support, predicted, right = matrix.sum(1).tolist(), matrix.sum(0).tolist(), np.diag(matrix).tolist()
    rates = _class_rates(right, support, predicted)
    accuracy = Fraction(int(sum(right)), int(sum(support)))
    form.add("accuracy", accuracy)
    if form.dataset == "private" and random.random() < 0.7:
        listed = range(len(names)) if random.random() < 0.5 else random.permutation(len(names))[: len(names) // 2 + 1]
        for k in sorted(listed):
            form.add("n_images", Fraction(support[k]), names[k], count=True)
        if random.random() < 0.6:
            form.add("n_images", Fraction(int(sum(support))), count=True)
    shown = [metric for metric in _RATES if random.random() < 0.7]
    rows = range(len(names)) if random.random() < 0.6 else random.permutation(len(names))[: random.integers(len(names))]
    for metric in shown:
        for k in sorted(rows):
            form.add(metric, rates[metric][k], names[k])
        present = [k for k in range(len(names)) if support[k] + predicted[k] or random.random() < 0.5]
        if random.random() < 0.6:
            form.add(f"macro_{metric}", sum((rates[metric][k] for k in present), Fraction(0)) / max(len(present), 1))
        if random.random() < 0.4:
            weighted = sum((rate * size for rate, size in zip(rates[metric], support, strict=True)), Fraction(0))
            form.add(f"weighted_{metric}", weighted / int(sum(support)))
        if random.random() < 0.2:
            form.add(f"micro_{metric}", accuracy)


def _add_matrix(form: _Form, matrix: npt.NDArray[np.int64], names: list[str], random: np.random.Generator) -> None:
    counts = [[int(cell) for cell in row] for row in matrix]
    if random.random() < 0.5:
        cells = tuple(tuple(map(str, row)) for row in counts)
        value: list[list[float]] = [list(row) for row in counts]
    else:
        digits = int(random.integers(0, 3))
        cut = random.random() < 0.3
        of_all = sum(map(sum, counts)) if random.random() < 0.4 else 0
        lines = [[_share(100 * cell * 10**digits, of_all or sum(row)) for cell in row] for row in counts]
        rounded = [[math.floor(cell) if cut else round(cell) for cell in row] for row in lines]
        cells = tuple(tuple(f"{cell / 10**digits:.{digits}f}" for cell in row) for row in rounded)
        value = [[float(cell) for cell in row] for row in cells]
    form.listed.append(
        Claim("Net", form.dataset, "test", "confusion_matrix", value, "Fig. 1", classes=tuple(names), cells=cells)
    )


def _several_labels(random: np.random.Generator) -> Claims:
    """Return a report on images with several labels each, with subset accuracy, averaged as in scikit-learn."""
    images, count = int(random.integers(30, 1500)), int(random.integers(2, 8))
    true = random.random((images, count)) < random.random(count)
    guess = np.where(random.random((images, count)) < 0.8, true, ~true)
    right, support, predicted = ([int(number) for number in table.sum(0)] for table in (true & guess, true, guess))
    rates = _class_rates(right, support, predicted)
    form = _Form(random, "private")
    for metric in _RATES:
        for k, name in enumerate(_CLASSES[:count]):
            form.add(metric, rates[metric][k], name)
        form.add(f"macro_{metric}", sum(rates[metric], Fraction(0)) / count)
        weighted = sum((rate * size for rate, size in zip(rates[metric], support, strict=True)), Fraction(0))
        form.add(f"weighted_{metric}", weighted / max(sum(support), 1))
    form.add("micro_precision", _share(sum(right), sum(predicted)))
    form.add("micro_recall", _share(sum(right), sum(support)))
    form.add("micro_f1", _share(2 * sum(right), sum(support) + sum(predicted)))
    form.add("accuracy", Fraction(int((true == guess).all(1).sum()), images))
    for name, size in zip(_CLASSES, support, strict=False):
        form.add("n_images", Fraction(size), name, count=True)
    if random.random() < 0.5:
        form.add("n_images", Fraction(images), count=True)
    return form.claims()
