"""No false alarm: reports computed from real counts, rounded in any honest way, hold no contradiction."""

from fractions import Fraction

import numpy as np
import pytest
from fer_claims_audit.check import audit, check_claims
from scipy.stats import f_oneway, norm, rankdata, wilcoxon
from sklearn.metrics import cohen_kappa_score, precision_recall_fscore_support

from benchmarks.random_reports import random_report
from fer_plugins.analysis.claims import Claim, Claims, KnownCounts

CLASSES = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt")


class Report:
    """Claims of one model, written with one number of digits."""

    def __init__(self, split="test", digits=4, percent=False):
        self.split, self.digits, self.percent = split, digits, percent
        self.claims = []

    def write(self, number):
        """Print a rate and read it back as a claims file would hold it."""
        if not self.percent:
            return f"{number:.{self.digits}f}"
        shown = f"{100 * number:.{self.digits - 2}f}"
        return f"{float(Fraction(shown) / 100):.{self.digits}f}"

    def add(self, metric, number, *, written=None, **fields):
        text = written if written is not None else self.write(number)
        self.claims.append(
            Claim(
                model="Net", dataset="Set", split=self.split, metric=metric, value=float(text), source="Table 1",
                written=text, **fields,
            )
        )  # fmt: skip

    def findings(self, counts=()):
        models = ({"name": "Net", "role": "proposed", "params": None},)
        return check_claims(Claims(None, {"id": "p", "title": "P"}, models, tuple(self.claims), tuple(counts)))[0]


def random_matrix(random):
    """Return a confusion matrix of a good, a bad or a guessing network on even or uneven classes."""
    classes = int(random.integers(2, 9))
    sizes = random.integers(1, random.choice([8, 60, 500, 3000]), size=classes)
    if random.random() < 0.3:
        sizes[0] *= 10
    rows = random.dirichlet(np.full(classes, random.choice([0.1, 1.0, 10.0])), size=classes)
    keep = random.random(classes) * random.choice([0.0, 0.5, 1.0])
    rows = (1 - keep)[:, None] * rows + np.diag(keep)
    return np.array([random.multinomial(size, row) for size, row in zip(sizes, rows, strict=True)])


def per_class(matrix):
    """Return precision, recall and F1 of each class by scikit-learn, specificity by hand."""
    true, predicted = np.indices(matrix.shape)
    precision, recall, f1, _ = precision_recall_fscore_support(
        true.ravel(), predicted.ravel(), sample_weight=matrix.ravel(), zero_division=0
    )
    false = matrix.sum(0) - np.diag(matrix)
    specificity = 1 - false / (matrix.sum() - matrix.sum(1))
    return {"precision": precision, "recall": recall, "f1": f1, "specificity": specificity}


def average(by_class, matrix, kind):
    weights = matrix.sum(1) if kind == "weighted" else None
    return {metric: np.average(values, weights=weights) for metric, values in by_class.items()}


def honest_report(random):
    """Return a random report of random extent, and class counts from elsewhere."""
    matrix = random_matrix(random)
    names = CLASSES[: len(matrix)]
    report = Report(
        split=random.choice(["test", "validation", "not_stated"]),
        digits=int(random.integers(2, 5)),
        percent=random.random() < 0.5,
    )
    counts = ()
    if random.random() < 0.5:
        for name, size in zip(names, matrix.sum(1), strict=True):
            report.add("n_images", size, written=str(size), class_name=name)
        report.add("n_images", 0, written=str(matrix.sum()))
    elif random.random() < 0.8:
        sizes = dict(zip(names, matrix.sum(1).tolist(), strict=True))
        counts = [KnownCounts("Set", report.split, sizes, "release")]
    accuracy = np.trace(matrix) / matrix.sum()
    report.add("accuracy", accuracy)
    by_class = per_class(matrix)
    unstated = average(by_class, matrix, random.choice(["macro", "weighted"]))
    for metric, value in unstated.items():
        report.add(metric, value)
    report.add("gar", unstated["recall"])
    report.add("far", 1 - unstated["specificity"])
    for kind in ("macro", "weighted"):
        for metric, value in average(by_class, matrix, kind).items():
            report.add(f"{kind}_{metric}", value)
    if random.random() < 0.7:
        for metric, values in by_class.items():
            for name, value in zip(names, values, strict=True):
                report.add(metric, value, class_name=name)
    if random.random() < 0.3:
        true, predicted = np.indices(matrix.shape)
        kappa = cohen_kappa_score(true.ravel(), predicted.ravel(), sample_weight=matrix.ravel())
        if np.isfinite(kappa):
            report.add("kappa", kappa, written=f"{kappa:.3f}")
        report.claims.append(
            Claim("Net", "Set", report.split, "confusion_matrix", matrix.tolist(), "Table 2", classes=names)
        )
    if random.random() < 0.5:
        for name, hits in zip(names, np.diag(matrix), strict=True):
            report.add("n_correct", hits, written=str(hits), class_name=name)
        report.add("n_correct", 0, written=str(np.trace(matrix)))
    if random.random() < 0.5:
        report.add("loss", (1 - accuracy) * random.uniform(0.7, 5) + 0.01, written=None)
    return report, counts


@pytest.mark.parametrize("seed", range(10))
def test_a_hundred_honest_reports_hold_no_contradiction(seed):
    random = np.random.default_rng(seed)
    for _ in range(100):
        report, counts = honest_report(random)
        assert report.findings(counts) == []


def test_honest_tests_of_significance_hold_no_contradiction():
    random = np.random.default_rng(0)
    for _ in range(100):
        groups = [random.normal(random.random(), 1, size=random.integers(5, 60)) for _ in range(random.integers(2, 8))]
        everything = np.concatenate(groups)
        between = sum(len(values) * (values.mean() - everything.mean()) ** 2 for values in groups)
        within = sum(((values - values.mean()) ** 2).sum() for values in groups)
        df = len(groups) - 1, len(everything) - len(groups)
        test = f_oneway(*groups)
        report = Report(digits=3)
        for name, value, degrees in (
            ("between", between, df[0]), ("within", within, df[1]), ("total", between + within, sum(df))
        ):  # fmt: skip
            report.add(f"anova_ss_{name}_row", value)
            report.add(f"anova_df_{name}", 0, written=str(degrees))
        report.add("anova_ms", between / df[0])
        report.add("anova_f", test.statistic)
        report.add("anova_p", test.pvalue)
        report.add("n_images", 0, written=str(len(everything)))
        differences = random.normal(0.4, 1, size=random.integers(5, 40))
        ranks = np.argsort(np.argsort(abs(differences))) + 1
        test = wilcoxon(differences, method="exact")
        for name, value in (
            ("n", len(ranks)), ("rank_sum_positive", ranks[differences > 0].sum()),
            ("rank_sum_negative", ranks[differences < 0].sum()), ("w", int(test.statistic)),
        ):  # fmt: skip
            report.add(f"wilcoxon_{name}", 0, written=str(value))
        report.add("wilcoxon_p", test.pvalue)
        report.add("wilcoxon_significant_at_0.05", 0, written=str(int(test.pvalue < 0.05)))
        assert report.findings() == []


def test_honest_runs_hold_no_contradiction():
    random = np.random.default_rng(0)
    for _ in range(200):
        size, runs = int(random.integers(20, 4000)), int(random.integers(3, 20))
        rates = random.binomial(size, random.uniform(0.3, 1), size=runs) / size
        report = Report(digits=int(random.integers(3, 6)))
        report.add("accuracy_mean", rates.mean())
        report.add("accuracy_sd", rates.std(ddof=1))
        report.add("ci95_halfwidth", norm.ppf(0.975) * rates.std(ddof=1) / np.sqrt(runs))
        report.add("accuracy", rates[0])
        report.add("n_runs", 0, written=str(runs))
        report.add("n_images", 0, written=str(size))
        assert report.findings() == []


def test_a_random_part_whose_split_is_not_stated_holds_no_contradiction():
    """The class shares of a part that was drawn at random are not those of the whole."""
    random = np.random.default_rng(0)
    for _ in range(200):
        images = random.integers(20, random.choice([40, 300]), size=random.integers(2, 8))
        sizes = random.multivariate_hypergeometric(images, int(np.ceil(images.sum() * random.uniform(0.1, 0.5))))
        if not sizes.all():
            continue
        hits = random.binomial(sizes, random.dirichlet(np.ones(len(sizes))) ** 0.2)
        wrong = [
            random.multinomial(size - hit, np.insert(np.full(len(sizes) - 1, 1 / (len(sizes) - 1)), k, 0))
            for k, (size, hit) in enumerate(zip(sizes, hits, strict=True))
        ]
        matrix = np.array(wrong) + np.diag(hits)
        report = Report(split="not_stated", digits=4)
        report.add("accuracy", hits.sum() / sizes.sum())
        for metric, value in average(per_class(matrix), matrix, random.choice(["macro", "weighted"])).items():
            report.add(metric, value)
        counts = dict(zip(CLASSES, images.tolist(), strict=False))
        assert report.findings([KnownCounts("Set", "all", counts, "release")]) == []


def folds_report(random, averaged):
    """Report the means over random folds, and beside them what holds of all images."""
    classes, folds = int(random.integers(2, 6)), int(random.integers(2, 11))
    names = CLASSES[:classes]
    matrices = [
        random.multinomial(random.integers(10, 200), random.dirichlet(np.ones(classes**2))) for _ in range(folds)
    ]
    matrices = [matrix.reshape(classes, classes) for matrix in matrices]
    pooled = sum(matrices)
    report = Report(digits=int(random.integers(2, 5)), percent=random.random() < 0.5)
    rates = [per_class(matrix) for matrix in matrices]
    rates = [{metric: np.nan_to_num(values) for metric, values in rates_of_fold.items()} for rates_of_fold in rates]
    for metric in ("precision", "recall", "f1"):
        means = np.mean([rates_of_fold[metric] for rates_of_fold in rates], axis=0)
        for name, value in zip(names, means, strict=True):
            report.add(metric, value, class_name=name, averaged=averaged)
        report.add(f"macro_{metric}", means.mean(), averaged=averaged)
        weighted = np.mean([np.average(r[metric], weights=m.sum(1)) for r, m in zip(rates, matrices, strict=True)])
        report.add(f"weighted_{metric}", weighted, averaged=averaged)
    accuracies = [np.trace(matrix) / matrix.sum() for matrix in matrices]
    report.add("accuracy", np.mean(accuracies), averaged=averaged)
    report.add("accuracy_mean", np.mean(accuracies), averaged=averaged)
    report.add("accuracy_sd", np.std(accuracies, ddof=1), averaged=averaged)
    report.add("n_runs", 0, written=str(folds))
    for name, size, hits in zip(names, pooled.sum(1), np.diag(pooled), strict=True):
        report.add("n_images", 0, written=str(size), class_name=name)
        report.add("n_correct", 0, written=str(hits), class_name=name)
    report.add("n_images", 0, written=str(pooled.sum()))
    report.add("n_correct", 0, written=str(np.trace(pooled)))
    report.claims.append(Claim("Net", "Set", "test", "confusion_matrix", pooled.tolist(), "Table 2", classes=names))
    return report


def test_honest_means_over_folds_hold_no_contradiction():
    random = np.random.default_rng(0)
    for _ in range(200):
        assert folds_report(random, "folds").findings() == []


def test_the_same_means_taken_for_rates_of_all_images_do():
    random = np.random.default_rng(0)
    kinds = {finding.kind for _ in range(20) for finding in folds_report(random, None).findings()}
    assert {"confusion matrix", "granularity", "F1 of a class", "sums"} <= kinds


def test_honest_signed_ranks_with_ties_and_zeros_hold_no_contradiction():
    random = np.random.default_rng(0)
    for _ in range(300):
        steps = random.integers(-4, 8, size=random.integers(6, 30))
        zero_method, side = random.choice(["wilcox", "pratt"]), random.choice(["two-sided", "one-sided"])
        differences = steps[steps != 0] if zero_method == "wilcox" else steps
        if np.count_nonzero(differences) < 6:
            continue
        ranks = rankdata(abs(differences))
        positive, negative = ranks[differences > 0].sum(), ranks[differences < 0].sum()
        better = "greater" if positive > negative else "less"
        test = wilcoxon(
            differences, zero_method=zero_method, method="asymptotic", correction=bool(random.random() < 0.5),
            alternative=better if side == "one-sided" else side,
        )  # fmt: skip
        report = Report(digits=3)
        shown = {"rank_sum_positive": positive, "rank_sum_negative": negative}
        if zero_method == "wilcox":
            shown["w"] = min(positive, negative)
            report.add("wilcoxon_p", test.pvalue)
            report.add("wilcoxon_significant_at_0.05", 0, written=str(int(test.pvalue < 0.05)))
        for name, value in {"n": len(differences), **shown}.items():
            report.add(f"wilcoxon_{name}", 0, written=f"{value:g}")
        assert report.findings() == []


def test_nobody_is_accused_for_the_form_of_honest_numbers():
    """The first 300 of the reports of benchmarks/honest_reports.py."""
    statuses = set()
    for seed in range(300):
        outcome = audit(random_report(np.random.default_rng(seed)))
        assert outcome.findings == [], seed
        statuses |= {item.status for item in outcome.statuses}
        assert all(item.reason for item in outcome.statuses if item.status == "not checked")
    assert statuses == {"checked", "not checked"}
