"""Measures the coverage of the 95 % intervals, and how often paired tests reject equally good networks.

Test sets are simulated: Gaussian logits, FER-2013's class distribution, fixed or random class counts, several
accuracies and patterns of errors; and CK+'s structure (118 subjects, 327 sequences of three frames). Rows are printed
as soon as they are computed.

    $ python benchmarks/coverage.py                      # under 5 minutes on one core
    $ python benchmarks/coverage.py --simulations 1000 --only intervals --json coverage.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from fer_run_comparison.comparison import join_variances
from scipy.stats import ttest_ind

from fer_plugins.metrics.cluster_scores import score_clusters
from fer_plugins.metrics.clusters import find_clusters, matrix_scores
from fer_plugins.metrics.confusion import macro_scores
from fer_plugins.metrics.evidence import Evidence
from fer_plugins.metrics.installed import all_metrics
from fer_plugins.metrics.intervals import matrix_intervals
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.resampling import draw_matrices, percentiles
from fer_plugins.metrics.scores import score
from fer_plugins.metrics.table import PAIRED

Values = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

COUNTS = np.array([491, 55, 528, 879, 594, 416, 626])  # FER-2013's test split: anger, disgust, fear, happy, ...
CLASSES = ["anger", "disgust", "fear", "happy", "sadness", "surprise", "neutral"]
RAREST = 1
SIZES = {200: 60, 981: 25, 3589: 8}  # number of images -> default number of simulations
ALPHA = 0.05


class Pattern(NamedTuple):
    """A network: how much the true class's logit exceeds the others, per class, and which classes it avoids."""

    accuracy: float
    skill: tuple[float, ...] = (1.0,) * 7  # per class, relative to one another
    bias: tuple[float, ...] = (0.0,) * 7  # added to the logit of each class
    temperature: float = 1.5  # factor on the logits: 1 is nearly calibrated, more is overconfident


UNEVEN = (1.0, 0.9, 0.6, 1.7, 0.8, 1.4, 1.0)
PATTERNS = {
    "uneven 0.55": Pattern(0.55, UNEVEN),
    "even 0.70": Pattern(0.70),
    "rare class missed 0.70": Pattern(0.70, UNEVEN, (0.0, -1.5, 0.0, 0.0, 0.0, 0.0, 0.0)),
    "uneven 0.90": Pattern(0.90, UNEVEN, temperature=2.5),
    "even 0.97": Pattern(0.97, temperature=2.5),
}


def find_skill(pattern: Pattern) -> Values:
    """Return how much to raise the true logit of each class for the network to reach the pattern's accuracy: (7,)."""
    noise = np.random.default_rng(0).normal(size=(20_000, 7)) + pattern.bias
    low, high = 0.0, 12.0
    for _ in range(20):
        middle = (low + high) / 2
        recall = [((noise + middle * pattern.skill[k] * (np.arange(7) == k)).argmax(1) == k).mean() for k in range(7)]
        low, high = (middle, high) if recall @ (COUNTS / COUNTS.sum()) < pattern.accuracy else (low, middle)
    return middle * np.array(pattern.skill)


def answer(noise: Values, label: Labels, pattern: Pattern, skill: Values) -> Predictions:
    """Return the predictions of a network with this noise in its logits, (N, 7)."""
    rows = np.arange(len(label))
    logits = noise + pattern.bias
    logits[rows, label] += skill[label]
    logits = pattern.temperature * (logits - logits.max(1, keepdims=True))
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    predicted = log_p.argmax(1)
    return Predictions(rows, label, predicted, np.exp(log_p), -log_p[rows, label], int((predicted == label).sum()))


def allocate(size: int) -> Labels:
    """Return FER-2013's class counts scaled to ``size`` images, (7,), by the largest remainder method."""
    exact = COUNTS / COUNTS.sum() * size
    counts = exact.astype(np.int64)
    counts[np.argsort(counts - exact)[: size - counts.sum()]] += 1
    return counts


def draw_labels(size: int, fixed: bool, random: np.random.Generator) -> Labels:
    """Return the labels of a test set in which every class occurs."""
    if fixed:
        return np.repeat(np.arange(7), allocate(size))
    while True:
        label = random.choice(7, size=size, p=COUNTS / COUNTS.sum())
        if len(np.unique(label)) == 7:
            return np.sort(label)


def all_scores(evidence: Evidence) -> Iterator[tuple[str, float | None, Any]]:
    """Yield (name, value, function that returns the interval); also as "NAME of the rarest class"."""
    for name, entry in all_metrics().items():
        yield name, entry.compute(evidence), lambda entry=entry: entry.interval(evidence)
        if entry.of_class and entry.class_intervals:
            value = entry.of_class(evidence)[RAREST]
            yield (
                f"{name} of the rarest class",
                value,
                lambda entry=entry: entry.class_intervals(evidence)[RAREST],
            )


def _population(pattern: Pattern, skill: Values, counts: Labels = COUNTS) -> Predictions:
    """Return the predictions for a test set that is large enough for its scores to be the true ones."""
    label = np.repeat(np.arange(7), counts * (150_000 // counts.sum()))
    return answer(np.random.default_rng(9).normal(size=(len(label), 7)), label, pattern, skill)


def cover(size: int, fixed: bool, pattern: Pattern, simulations: int) -> dict[str, Any]:
    """Return score -> {"covered", "shown" (counts), "width" (mean), "truth"} for one kind of test set."""
    number = list(PATTERNS.values()).index(pattern)
    random, skill = np.random.default_rng([size, fixed, number]), find_skill(pattern)
    population = _population(pattern, skill, allocate(size) if fixed else COUNTS)
    truth = {name: value for name, value, _ in all_scores(Evidence(population, CLASSES))}
    rows: dict[str, Any] = {
        name: {"covered": 0, "shown": 0, "width": 0.0, "truth": value} for name, value in truth.items()
    }
    for seed in range(simulations):
        label = draw_labels(size, fixed, random)
        predictions = answer(random.normal(size=(size, 7)), label, pattern, skill)
        for name, value, interval in all_scores(Evidence(predictions, CLASSES, seed)):
            ends = None if value is None else interval()
            if ends is not None:
                rows[name]["shown"] += 1
                rows[name]["covered"] += ends["low"] - 1e-9 <= truth[name] <= ends["high"] + 1e-9
                rows[name]["width"] += ends["high"] - ends["low"]
    return {name: row | {"width": row["width"] / max(row["shown"], 1)} for name, row in rows.items()}


def print_intervals(wanted: int | None, sizes: list[int]) -> list[dict[str, Any]]:
    """Print the coverage of each interval, one block per kind of test set and network, as soon as it is computed."""
    table = []
    for size in sizes:
        for fixed in (True, False):
            for name, pattern in PATTERNS.items():
                simulations = wanted or SIZES[size]
                rows = cover(size, fixed, pattern, simulations)
                counts = "fixed" if fixed else "random"
                print(f"\n{size} images, class counts {counts}, {name}, {simulations} test sets: coverage (mean width)")
                cells = [
                    f"{metric} {row['covered'] / row['shown']:.3f} ({row['width']:.3f})"
                    if row["shown"]
                    else f"{metric} -"
                    for metric, row in rows.items()
                ]
                for start in range(0, len(cells), 3):
                    print("  " + "".join(f"{cell:45}" for cell in cells[start : start + 3]).rstrip(), flush=True)
                table.append({"images": size, "fixed": fixed, "pattern": name, "sets": simulations, "scores": rows})
    print_summary(table)
    return table


def print_summary(table: list[dict[str, Any]]) -> None:
    """Print the coverage over all patterns, and the fraction of test sets for which the interval was shown."""
    print("\nover all patterns: coverage where an interval is shown (share of test sets that have one)")
    kinds = list(dict.fromkeys((row["images"], row["fixed"]) for row in table))
    heads = " | ".join(f"{size} {'fixed' if fixed else 'random'}" for size, fixed in kinds)
    print(f"| score | {heads} |\n|{' --- |' * (len(kinds) + 1)}")
    for metric in table[0]["scores"]:
        cells = []
        for kind in kinds:
            rows = [row for row in table if (row["images"], row["fixed"]) == kind]
            covered, shown = (sum(row["scores"][metric][key] for row in rows) for key in ("covered", "shown"))
            share = shown / sum(row["sets"] for row in rows)
            cells.append(f"{covered / shown:.3f}" + (f" ({share:.2f})" if share < 0.995 else "") if shown else "-")
        print(f"| {metric} | {' | '.join(cells)} |", flush=True)


def print_matrices(wanted: int | None, sizes: list[int]) -> list[dict[str, Any]]:
    """Print the coverage for scores of the confusion matrix, compared with percentile bootstrap intervals."""
    table = []
    for size in sizes:
        for fixed in (True, False):
            held: dict[str, dict[str, list[float]]] = {}
            simulations = wanted or SIZES[size]
            for number, pattern in enumerate(PATTERNS.values()):
                random, skill = np.random.default_rng([size, fixed, number]), find_skill(pattern)
                label = np.repeat(np.arange(7), 20_000)
                large = answer(random.normal(size=(len(label), 7)), label, pattern, skill)
                rates = np.array([np.bincount(large.predicted[label == k], minlength=7) for k in range(7)]) / 20_000
                truth = matrix_scores((allocate(size) if fixed else COUNTS)[:, None] * rates)
                covered = {name: {"before": 0, "after": 0} for name in truth if name != "accuracy"}
                for seed in range(simulations):
                    images = np.bincount(draw_labels(size, fixed, random), minlength=7)
                    matrix = np.stack([random.multinomial(n, row) for n, row in zip(images, rates, strict=True)])
                    draws = {name: percentiles(x) for name, x in macro_scores(draw_matrices(matrix, seed, 500)).items()}
                    for name, interval in matrix_intervals(matrix).items():
                        ends = {"before": draws[name], "after": (interval["low"], interval["high"])}
                        for when, (low, high) in ends.items():
                            covered[name][when] += int(low - 1e-9 <= truth[name] <= high + 1e-9)
                for name, counts in covered.items():
                    for when, count in counts.items():
                        held.setdefault(name, {}).setdefault(when, []).append(count / simulations)
            print(f"\n{size} images, class counts {'fixed' if fixed else 'random'}, {simulations} test sets a network")
            for name, by_time in held.items():
                cells = [f"{when} {min(shares):.3f} to {max(shares):.3f}" for when, shares in by_time.items()]
                print(f"  {name:22} {', '.join(cells)}", flush=True)
            table.append({"images": size, "fixed": fixed, "sets": simulations, "covered": held})
    return table


def correlated(shape: tuple[int, int], groups: list[tuple[Labels, float]], random: np.random.Generator) -> Values:
    """Return standard normal noise with a common component in each group: (labels of groups, fraction of variance)."""
    noise = np.sqrt(1 - sum(share for _, share in groups)) * random.normal(size=shape)
    for home, share in groups:
        noise += np.sqrt(share) * random.normal(size=(home.max() + 1, shape[1]))[home]
    return noise


def print_errors(wanted: int | None, sizes: list[int]) -> list[dict[str, Any]]:
    """Print how often each paired test rejects two equally good networks at the 5 % level."""
    table = []
    for size in sizes:
        simulations = (wanted or SIZES[size]) * 4
        for name in ("uneven 0.55", "even 0.70", "uneven 0.90"):
            random, skill = np.random.default_rng(size), find_skill(PATTERNS[name])
            rejected = dict.fromkeys(PAIRED, 0)
            for _ in range(simulations):
                label = draw_labels(size, False, random)
                shared = random.normal(size=(size, 7))  # the same images are hard for both networks
                sides = [
                    answer(np.sqrt(0.6) * shared + np.sqrt(0.4) * random.normal(size=(size, 7)), label, *network)
                    for network in [(PATTERNS[name], skill)] * 2
                ]
                for metric, test in PAIRED.items():
                    rejected[metric] += test.compare(label, *(side.predicted for side in sides), 7)["p"] < ALPHA
            cells = ", ".join(f"{metric} {count / simulations:.3f}" for metric, count in rejected.items())
            print(f"equal pairs, {size} images, {name}: rejected at 5 %: {cells} ({simulations} pairs)", flush=True)
            table.append({"images": size, "pattern": name, "pairs": simulations, "rejected": rejected})
    return table


def draw_ck(random: np.random.Generator, subjects: int = 118, frames: int = 3) -> tuple[Labels, Labels, Labels]:
    """Return label, subject and sequence of a test set like CK+: one expression per sequence, similar frames."""
    shares = np.array([45, 18, 59, 25, 69, 28, 83]) / 327
    several = 1 + random.multinomial(round(subjects * 327 / 118) - subjects, np.full(subjects, 1 / subjects))
    of_subject = np.repeat(np.arange(subjects), several)
    label = random.choice(7, size=len(of_subject), p=shares)
    return tuple(np.repeat(column, frames) for column in (label, of_subject, np.arange(len(of_subject))))


def print_clusters(wanted: int | None, sizes: list[int]) -> list[dict[str, Any]]:
    """Print coverage and rejection rates for CK+'s structure, by image and by subject."""
    del sizes
    pattern, random, table = PATTERNS["even 0.70"], np.random.default_rng(0), []
    skill = find_skill(pattern)
    truth = {name: value for name, value, _ in all_scores(Evidence(_population(pattern, skill), CLASSES))}
    for subjects in (118, 30, 12):
        simulations = wanted or 60
        names = ("accuracy", "balanced_accuracy", "f1", "kappa", "auroc", "brier", "loss")
        held = {name: {"by image": [], "by subject": []} for name in names}
        rejected = {name: {"by image": 0, "by subject": 0} for name in PAIRED}
        for _ in range(simulations):
            label, subject, sequence = draw_ck(random, subjects)
            shared = correlated((len(label), 7), [(subject, 0.1), (sequence, 0.8)], random)
            sides = [
                answer(
                    np.sqrt(0.5) * shared
                    + np.sqrt(0.5) * correlated((len(label), 7), [(subject, 0.1), (sequence, 0.8)], random),
                    label, pattern, skill,
                )
                for _ in range(2)
            ]  # fmt: skip
            scores = score(sides[0], CLASSES)
            scores |= score_clusters(sides[0], CLASSES, subject.astype(str), sequence.astype(str))
            for name in names:
                for unit, ends in (("by image", scores["intervals"][name]), ("by subject", scores["by_subject"][name])):
                    held[name][unit] += [] if ends is None else [ends["low"] <= truth[name] <= ends["high"]]
            clusters = find_clusters(subject.astype(str), None)
            for name, test in PAIRED.items():
                predicted = [side.predicted for side in sides]
                rejected[name]["by image"] += test.compare(label, *predicted, 7)["p"] < ALPHA
                rejected[name]["by subject"] += test.by_cluster(label, *predicted, 7, clusters)["p"] < ALPHA
        print(f"\nCK+'s structure, {subjects} subjects, about {len(label)} images, {simulations} test sets")
        for name, units in held.items():
            cells = [
                f"{unit} {np.mean(hits):.3f} (of {len(hits)})" if hits else f"{unit} -" for unit, hits in units.items()
            ]
            print(f"  coverage of {name:20} {', '.join(cells)}")
        for name, units in rejected.items():
            cells = [f"{unit} {count / simulations:.3f}" for unit, count in units.items()]
            print(f"  equal pairs rejected, {name:11} {', '.join(cells)}", flush=True)
        held_counts = {
            name: {unit: [sum(map(int, hits)), len(hits)] for unit, hits in units.items()}
            for name, units in held.items()
        }
        table.append({"subjects": subjects, "sets": simulations, "covered": held_counts, "rejected": rejected})
    return table


def print_seeds(wanted: int | None, sizes: list[int]) -> list[dict[str, Any]]:
    """Print how often equally good models are declared different, by tests over seeds, over images, and over both."""
    table = []
    pattern = PATTERNS["even 0.70"]
    skill = find_skill(pattern)
    for size in [size for size in sizes if size < 3000] or sizes:
        for seeds in (3, 5):
            random, simulations = np.random.default_rng([size, seeds]), (wanted or 40) * 5
            rejected = {"images, one seed of each": 0, "Welch over seeds": 0, "seeds and images": 0}
            for _ in range(simulations):
                label = draw_labels(size, False, random)
                predicted, hits = [], []
                for _model in range(2):
                    # Components of the noise: the model's for each image, whatever the seed; the training's; the rest.
                    own = np.sqrt(0.3) * random.normal(size=(size, 7))
                    networks = [
                        answer(
                            own + np.sqrt(0.7) * random.normal(size=(size, 7)), label, pattern,
                            skill * (1 + 0.05 * random.normal()),
                        ).predicted
                        for _ in range(seeds)
                    ]  # fmt: skip
                    predicted.append(np.stack(networks))
                    hits.append((predicted[-1] == label).mean(1))
                rejected["images, one seed of each"] += (
                    PAIRED["accuracy"].compare(label, predicted[0][0], predicted[1][0], 7)["p"] < ALPHA
                )
                welch = ttest_ind(*hits, equal_var=False).pvalue
                rejected["Welch over seeds"] += welch < ALPHA
                rejected["seeds and images"] += join_variances("accuracy", label, *predicted, 7)["p"] < ALPHA
            cells = ", ".join(f"{name} {count / simulations:.3f}" for name, count in rejected.items())
            print(f"equal models, {seeds} seeds of each, {size} images: {cells} ({simulations} pairs)", flush=True)
            table.append({"images": size, "seeds": seeds, "pairs": simulations, "rejected": rejected})
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, help="test sets of each kind; default 60, 25, 8 by size")
    parser.add_argument("--images", type=int, action="append", choices=list(SIZES), help="one size only; may repeat")
    parser.add_argument("--only", choices=list(SECTIONS), action="append", help="one section only; may repeat")
    parser.add_argument("--json", type=Path, help="file to write the counts to as well")
    args = parser.parse_args()
    result = {}
    for name, section in SECTIONS.items():
        if not args.only or name in args.only:
            result[name] = section(args.simulations, args.images or list(SIZES))
            if args.json:
                args.json.write_text(json.dumps(result, indent=1, default=float) + "\n")


SECTIONS = {
    "matrices": print_matrices,
    "intervals": print_intervals,
    "errors": print_errors,
    "clusters": print_clusters,
    "seeds": print_seeds,
}

if __name__ == "__main__":
    main()
