"""The checks on printed numbers, one by one: what must be found, and the arithmetic behind it."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from fer_claims_audit.check import check_claims
from fer_claims_audit.findings import KINDS, Finding, Remark, Unchecked
from fer_claims_audit.granularity import reachable, reachable_sizes
from fer_claims_audit.multiclass import Window, nearest_matrix
from fer_claims_audit.rate_bounds import accuracy_range, specificity_range
from fer_claims_audit.runs import least_deviation
from fer_claims_audit.signed_ranks import exact_p, normal_p, tied_p
from scipy.stats import norm

from fer_plugins.analysis.claims import Claim, Claims, KnownCounts, is_count, read_printed
from fer_plugins.runtime.errors import InputError

TEST = (491, 55, 528, 879, 594, 416, 626)  # FER2013 PrivateTest


def claim(metric, written, **fields):
    given = {"model": "Net", "dataset": "Set", "split": "test", "source": "Table 1"} | fields
    return Claim(metric=metric, value=float(written), written=str(written), **given)


def check(*claims, counts=(), role="proposed"):
    models = ({"name": "Net", "role": role, "params": None},)
    return check_claims(Claims(None, {"id": "p", "title": "P"}, models, claims, counts))


def kinds(*claims, counts=()):
    return [outcome.kind for outcome in check(*claims, counts=counts)[0]]


def known(**sizes):
    return (KnownCounts("Set", "test", sizes, "release"),)


# rounding


@pytest.mark.parametrize(
    ("metric", "written", "step", "low", "high"),
    [
        ("accuracy", "0.8289", None, "0.82885", "0.82895"),
        ("accuracy", "0.80", None, "0.795", "0.805"),
        ("accuracy", "0.8", None, "0.75", "0.85"),
        ("accuracy", "1.00", None, "0.995", "1"),
        ("f1", "0.00", None, "0", "0.005"),
        ("anova_p", "1.34e-08", None, "0.00000001335", "0.00000001345"),
        ("n_images", "3589", None, "3589", "3589"),
        ("n_images", "34000", 1000.0, "33500", "34500"),
        ("train_time_s", "199.2", 0.6, "198.9", "199.5"),
        ("epoch_time_s", "18", None, "17.5", "18.5"),
        ("wilcoxon_p", "0.000", None, "-0.0005", "0.0005"),
    ],
)
def test_what_a_printed_number_means(metric, written, step, low, high):
    printed = read_printed(claim(metric, written, step=step))
    assert (printed.low, printed.high) == (Fraction(low), Fraction(high))


# ranges from class counts


def test_published_ranges():
    low, high = accuracy_range(TEST, (Fraction("0.9418"),) * 2)
    assert (float(low), float(high)) == pytest.approx((0.9002, 0.9938), abs=5e-5)
    low, high = specificity_range(TEST, (Fraction("0.8289"),) * 2)
    assert (float(low), float(high)) == pytest.approx((0.9676, 0.9752), abs=5e-5)


def all_matrices(sizes):
    """Every confusion matrix with these row sums."""
    rows = [
        [row for row in itertools.product(range(size + 1), repeat=len(sizes)) if sum(row) == size] for size in sizes
    ]
    return [np.array(matrix) for matrix in itertools.product(*rows)]


MATRICES = all_matrices((3, 1, 2))


def macro(matrix):
    """Return accuracy, macro recall and macro specificity as exact fractions."""
    sizes, total = matrix.sum(1).tolist(), int(matrix.sum())
    hits, predicted = np.diag(matrix).tolist(), matrix.sum(0).tolist()
    recalls = [Fraction(hit, size) for hit, size in zip(hits, sizes, strict=True)]
    specificities = [1 - Fraction(m - hit, total - size) for m, hit, size in zip(predicted, hits, sizes, strict=True)]
    return Fraction(sum(hits), total), sum(recalls) / 3, sum(specificities) / 3


def test_no_matrix_lies_outside_the_ranges_and_some_reach_their_ends():
    for matrix in MATRICES:
        accuracy, recall, specificity = macro(matrix)
        low, high = accuracy_range((3, 1, 2), (recall, recall))
        assert low <= accuracy <= high
        low, high = specificity_range((3, 1, 2), (accuracy, accuracy))
        assert low <= specificity <= high
    assert any(accuracy_range((3, 1, 2), (macro(m)[1],) * 2)[0] == macro(m)[0] < 1 for m in MATRICES)
    assert any(specificity_range((3, 1, 2), (macro(m)[0],) * 2)[0] == macro(m)[2] < 1 for m in MATRICES)


def test_the_programme_finds_a_matrix_exactly_where_enumeration_finds_one():
    counts = dict(zip("abc", (3, 1, 2), strict=True))
    real = {macro(matrix) for matrix in MATRICES}
    random = np.random.default_rng(0)
    grid = [sorted({rates[k] for rates in real}) for k in range(3)]
    answers = set()
    for _ in range(150):
        wanted = tuple(grid[k][random.integers(len(grid[k]))] for k in range(3))
        names = ("accuracy", "macro_recall", "macro_specificity")
        windows = [Window(name, rate, rate, name) for name, rate in zip(names, wanted, strict=True)]
        miss = nearest_matrix(counts, windows)
        assert (miss.images == 0) == (wanted in real), wanted
        assert miss.images == 0 or miss.certificate
        answers.add(miss.images == 0)
    assert answers == {True, False}


def test_the_programme_on_rows_against_enumeration():
    counts = dict(zip("abc", (3, 1, 2), strict=True))
    ratios = sorted({Fraction(above, below) for below in range(1, 7) for above in range(below + 1)})
    random = np.random.default_rng(1)
    answers = []
    for _ in range(150):
        a, b = (ratios[random.integers(len(ratios))] for _ in range(2))
        recall = Fraction(int(random.integers(3)), 2)
        rows = (("precision", a, "a"), ("f1", b, "b"), ("recall", recall, "c"))
        windows = [Window(metric, rate, rate, metric, name) for metric, rate, name in rows]
        exists = any(
            matrix[0, 0] == a * matrix[:, 0].sum()
            and 2 * matrix[1, 1] == b * (1 + matrix[:, 1].sum())
            and matrix[2, 2] == recall * 2
            for matrix in MATRICES
        )
        answers.append((nearest_matrix(counts, windows).images == 0) == exists)
    assert all(answers)


def test_the_certificate_of_fractions_adds_up_to_a_contradiction():
    windows = [
        Window("accuracy", Fraction("0.82885"), Fraction("0.82895"), "accuracy 0.8289"),
        Window("macro_recall", Fraction("0.94175"), Fraction("0.94185"), "macro recall 0.9418"),
    ]
    miss = nearest_matrix(dict(zip("abcdefg", TEST, strict=True)), windows)
    # 7 x (1 - (0.94175 - t/3589)) x 879 errors at most, and at least 3589 x (1 - 0.82895) - t: t = 94.12 images
    assert miss.images == pytest.approx(94.12, abs=0.01)
    assert "accuracy 0.8289: at most 0.82895" in miss.certificate[0]
    assert "macro recall 0.9418: at least 0.94175" in miss.certificate[0]


# single checks, each on the smallest report that breaks it and on one that does not


def test_accuracy_and_recall():
    counts = known(a=90, b=10)
    assert kinds(claim("accuracy", "0.50"), claim("recall", "0.90"), counts=counts) == ["accuracy and recall"]
    assert kinds(claim("accuracy", "0.90"), claim("recall", "0.90"), counts=counts) == []
    assert kinds(claim("accuracy", "0.50"), claim("macro_recall", "0.50"), counts=counts) == []


def test_means_that_only_whole_images_exclude():
    counts = known(a=2, b=2)
    assert kinds(claim("accuracy", "0.750"), claim("macro_recall", "0.748"), counts=counts) != []
    three = known(a=3, b=2, c=2)
    # right answers d_a/3 + d_b/2 + d_c/2 = 3 x 0.61 +- 0.015: 1.833 = 1/3 + 3/2 is near, 1.83 is between
    findings = check(claim("accuracy", "0.571"), claim("macro_recall", "0.600"), counts=three)[0]
    assert [outcome.kind for outcome in findings] == ["joint rates"]
    assert "integer programme" in " ".join(findings[0].certificate)


def test_without_class_counts_it_says_so_in_one_line():
    findings, remarks, unchecked = check(claim("accuracy", "0.50"), claim("recall", "0.90"))
    assert (findings, remarks) == ([], [])
    assert any("no class counts" in outcome.missing for outcome in unchecked)


def test_class_counts_that_are_printed_come_before_others():
    sizes = [claim("n_images", str(n), class_name=name) for name, n in (("a", 500), ("b", 500))]
    accuracy, recall = claim("accuracy", "0.60"), claim("macro_recall", "0.75")
    assert kinds(accuracy, recall, *sizes, counts=known(a=900, b=100)) == ["accuracy and recall"]
    assert kinds(accuracy, recall, counts=known(a=900, b=100)) == []


def test_a_split_that_is_not_stated_must_fail_on_every_known_one():
    rates = [claim(name, value, split="not_stated") for name, value in (("accuracy", "0.60"), ("macro_recall", "0.75"))]
    even, uneven = known(a=5000, b=5000)[0], known(a=9000, b=1000)[0]
    assert "accuracy and recall" in kinds(*rates, counts=(even,))
    assert kinds(*rates, counts=(even, uneven)) == []


def test_the_release_of_fer2013_is_known():
    rates = [
        claim(name, value, dataset="FER-2013")
        for name, value in (("accuracy", "0.8289"), ("macro_recall", "0.9418"))
    ]  # fmt: skip
    (outcome,) = check(*rates)[0]
    assert outcome.bound == "accuracy >= 0.90014"
    assert "FER2013 release, test" in outcome.certificate[0]


def test_mean_f1():
    rates = claim("precision", "0.90"), claim("recall", "0.80")
    assert kinds(*rates, claim("f1", "0.87")) == ["mean F1"]
    findings, remarks, _ = check(*rates, claim("f1", "0.86"))
    assert findings == []
    assert "possible only if last digits were cut off" in remarks[0].text
    assert kinds(*rates, claim("f1", "0.85")) == []
    assert kinds(*(claim(f"macro_{rate.metric}", rate.written) for rate in (*rates, claim("f1", "0.87")))) == [
        "mean F1"
    ]


def test_two_names_of_one_formula():
    assert kinds(claim("recall", "0.90"), claim("gar", "0.92")) == ["one formula, two values"]
    assert kinds(claim("recall", "0.904"), claim("sensitivity", "0.90")) == []
    for metric in ("micro_f1", "weighted_recall"):
        for dataset, found in (("FER2013", ["one formula, two values"]), ("Set", [])):  # a set may have several labels
            rates = [claim(name, value, dataset=dataset) for name, value in (("accuracy", "0.90"), (metric, "0.92"))]
            assert kinds(*rates) == found
        assert kinds(*rates, claim("n_images", "9", class_name="a"), claim("n_images", "9")) != []


def test_rows():
    def row(name, precision, recall):
        return claim("precision", precision, class_name=name), claim("recall", recall, class_name=name)

    counts = known(a=50, b=50)
    assert kinds(*row("a", "0.50", "1.00"), *row("b", "0.50", "1.00"), counts=counts) == ["rows"]
    assert kinds(*row("a", "0.80", "0.80"), *row("b", "0.80", "0.80"), counts=counts) == []
    rows = *row("a", "0.80", "0.80"), *row("b", "0.80", "0.80")
    assert kinds(*rows, claim("accuracy", "0.82"), counts=counts) == ["rows"]
    assert kinds(*rows, claim("macro_recall", "0.82"), counts=counts) == ["means of rows"]
    assert kinds(*rows, claim("weighted_precision", "0.82"), counts=counts) == ["means of rows"]


def test_rows_that_only_the_programme_excludes():
    rows = [
        claim(metric, value, class_name=name)
        for name, values in (("a", ("0.500", "0.500")), ("b", ("1.000", "0.100")), ("c", ("1.000", "0.100")))
        for metric, value in zip(("precision", "recall"), values, strict=True)
    ]
    (outcome,) = check(*rows, counts=known(a=10, b=10, c=10))[0]
    assert outcome.kind == "rows"


def test_recall_of_a_class_is_a_whole_number_of_its_images():
    rows = claim("recall", "0.55", class_name="a"), claim("recall", "0.50", class_name="b")
    assert kinds(*rows, counts=known(a=10, b=10)) == ["granularity"]


def test_confusion_matrix():
    matrix = Claim("Net", "Set", "test", "confusion_matrix", [[3, 1], [0, 4]], "Table 2", classes=("a", "b"))
    assert kinds(matrix, claim("accuracy", "0.875"), claim("recall", "0.75", class_name="a")) == []
    assert kinds(matrix, claim("accuracy", "0.885")) == ["confusion matrix"]
    assert kinds(matrix, claim("precision", "0.75", class_name="b")) == ["confusion matrix"]
    findings, remarks, _ = check(matrix, claim("f1", "0.88", class_name="b"))  # 8/9 = 0.888...
    assert findings == []
    assert "cut off, not rounded" in remarks[0].text


def test_granularity():
    size = claim("n_images", "121")
    assert kinds(size, claim("accuracy", "0.9587")) == []
    assert kinds(size, claim("accuracy", "0.9588")) == ["granularity"]
    assert reachable_sizes(Fraction("0.95865"), Fraction("0.95875"), 213) == [121]
    assert reachable(Fraction("0.82885"), Fraction("0.82895"), 3589)
    for written in ("0.5811", "0.5646", "0.7142"):
        assert kinds(claim("accuracy", written, dataset="FER2013")) == ["granularity"]


def test_sums():
    rows = [claim("n_images", str(n), class_name=name) for name, n in (("a", 5), ("b", 6))]
    assert kinds(*rows, claim("n_images", "11")) == []
    assert kinds(*rows, claim("n_images", "10")) == ["sums"]
    assert kinds(*rows, claim("n_images", "12"), claim("classes", "2")) == ["sums"]
    assert kinds(*rows, claim("n_images", "12")) == []  # a third class may be left out
    assert kinds(rows[0], claim("n_images", "12")) == []  # a list of some classes
    parts = claim("n_images", "8", split="train"), claim("n_images", "3")
    assert kinds(*parts, claim("n_images", "10", split="all")) == ["sums"]
    assert kinds(*parts, claim("n_images", "12", split="all")) == []  # there may be a third part
    assert kinds(claim("n_correct", "9"), claim("n_images", "10"), claim("accuracy", "0.90")) == []
    assert kinds(claim("n_correct", "9"), claim("n_images", "10"), claim("accuracy", "0.80")) == ["sums"]


def test_printed_twice():
    assert kinds(claim("accuracy", "0.98"), claim("accuracy", "0.9832", source="Table 2")) == []
    assert kinds(claim("accuracy", "0.98"), claim("accuracy", "0.9732", source="Table 2")) == ["printed twice"]
    assert kinds(claim("accuracy", "0.98", epoch=1), claim("accuracy", "0.97", epoch=2)) == []


def test_loss():
    assert kinds(claim("accuracy", "0.75"), claim("loss", "0.005")) == ["loss"]
    assert kinds(claim("accuracy", "0.75"), claim("loss", "0.18")) == []


def test_derived_numbers_are_not_checked():
    assert kinds(claim("accuracy", "0.98"), claim("accuracy", "0.50", source="derived from Table 2")) == []


def test_least_spread():
    assert least_deviation(Fraction("0.99512"), Fraction("0.99512"), 66, 15) == pytest.approx(0.0073, abs=5e-5)
    assert least_deviation(Fraction("0.5"), Fraction("0.5"), 10, 15) == 0


def test_exact_p_of_signed_ranks():
    assert exact_p(5, Fraction(0)) == pytest.approx(0.0625)
    assert exact_p(11, Fraction(9)) == pytest.approx(0.032, abs=5e-4)
    assert exact_p(495, Fraction(332)) is None


def chance_report(right, *extra):
    """A table at chance level, or of a good network, on 1,000 images of three classes."""
    sizes = {"a": 500, "b": 300, "c": 200}
    rows = []
    for name, size in sizes.items():
        rate = f"{right + (1 - right) * size / 1000:.2f}"
        rows += [claim("precision", rate, class_name=name), claim("recall", rate, class_name=name)]
    accuracy = f"{right + (1 - right) * 0.38:.2f}"
    return check(*rows, claim("accuracy", accuracy), *extra, counts=known(**sizes))


def test_chance():
    better = claim("accuracy", "0.90", source="text")
    assert [outcome.kind for outcome in chance_report(0.0, better)[0]] == ["chance", "printed twice"]
    assert "at chance level" in chance_report(0.0)[1][0].text
    assert chance_report(0.6) == ([], [], [])


def test_every_kind_that_is_said_is_explained():
    assert all(kind and meaning for kind, meaning in KINDS.items())
    findings, remarks, unchecked = check(claim("recall", "0.90"), claim("gar", "0.92"))
    assert all(isinstance(outcome, Finding) and outcome.certificate and outcome.bound for outcome in findings)
    assert all(isinstance(outcome, Remark | Unchecked) for outcome in (*remarks, *unchecked))


METRICS = (
    "accuracy recall precision f1 specificity gar far macro_recall macro_f1 weighted_recall micro_f1 macro_specificity "
    "n_images n_correct n_images_augmented params epochs epoch_time_s train_time_s loss accuracy_mean accuracy_sd "
    "ci95_halfwidth n_runs anova_ss_between_row anova_ss_within_row anova_ss_total_row anova_df_between "
    "anova_df_within anova_df_total anova_ms anova_f anova_p anova_p_below wilcoxon_n wilcoxon_w wilcoxon_p "
    "wilcoxon_rank_sum_positive wilcoxon_rank_sum_negative wilcoxon_signed_rank_sum wilcoxon_significant_at_0.01"
).split()
NO_RATES = ("-1", "3", "100", "7", "28709", "1e9", "2.5", "-0.1", "0", "1", "0.5", "1e-3")


@pytest.mark.parametrize("seed", range(4))
def test_nonsense_is_answered_without_an_exception(seed):
    random = np.random.default_rng(seed)
    for _ in range(20):
        claims = []
        for _ in range(random.integers(20, 150)):
            metric = str(random.choice(METRICS))
            rate = metric.split("_")[-1] in ("accuracy", "recall", "precision", "f1", "specificity", "gar", "far")
            written = str(random.choice(("0", "1", "0.5", "0.00", "1.00", "0.123456", "0.9") if rate else NO_RATES))
            if is_count(metric):
                written = written.removeprefix("-")  # refused, see below
            fields = {
                "split": str(random.choice(("test", "test", "test", "train", "all", "not_stated"))),
                "class_name": random.choice((None, None, "a", "b")),
                "source": str(random.choice(("Table 1", "Table 2", "derived x"))),
                "epoch": random.choice((None, None, None, 1)),
            }
            claims.append(claim(metric, written, **fields))
        sizes = dict(zip("ab", random.integers(0, 5, size=2).tolist(), strict=True))
        for outcome in check(*claims, counts=known(**sizes))[0]:
            assert outcome.kind in KINDS
            assert outcome.certificate


@pytest.mark.parametrize("metric", ["n_images", "n_runs", "epochs", "anova_df_within", "wilcoxon_rank_sum_positive"])
def test_a_count_below_0_is_refused_in_one_line(metric):
    with pytest.raises(InputError, match=f"{metric} counts, and must not be below 0"):
        check(claim(metric, "-5"))


@pytest.mark.parametrize("level", ["five", "nan", "1e-400", "5"])
def test_a_level_that_is_none_is_refused_in_one_line(level):
    with pytest.raises(InputError, match="must be a level between 0 and 1"):
        check(claim("wilcoxon_n", "10"), claim(f"wilcoxon_significant_at_{level}", "1"))


def test_absurd_numbers_are_answered_at_once():
    assert read_printed(claim("loss", "1.0e-999999999")).value == 0
    runs = (claim("accuracy_mean", "0.95"), claim("accuracy_sd", "0.01"), claim("n_runs", "1e200"))
    assert kinds(*runs, claim("ci95_halfwidth", "0.01")) == ["spread over runs"]


def anova(within, f):
    degrees = (claim("anova_df_between", "2"), claim("anova_df_within", "10"), claim("anova_df_total", "12"))
    sums = (claim("anova_ss_between_row", "5.00"), claim("anova_ss_total_row", "5.00"))
    return kinds(*degrees, *sums, claim("anova_ss_within_row", within), claim("anova_f", f))


def test_anova_with_nothing_within_the_groups():
    assert anova("0.00", "9000.00") == []
    assert anova("0.00", "3.00") == ["ANOVA"]
    assert anova("-0.50", "3.00") == ["ANOVA", "ANOVA"]  # neither the sum nor F


def test_the_normal_approximation_of_signed_ranks_is_no_contradiction():
    def signed(size, w, p):
        return kinds(claim("wilcoxon_n", size), claim("wilcoxon_w", w), claim("wilcoxon_p", p))

    z = (33 - 9) / (11 * 12 * 23 / 24) ** 0.5
    corrected = (33 - 9.5) / (11 * 12 * 23 / 24) ** 0.5
    assert normal_p(11, Fraction(9)) == pytest.approx([2 * norm.sf(z), 2 * norm.sf(corrected)])
    assert tied_p(11, Fraction(9)) == pytest.approx(2 * norm.sf((33 - 9) / (11 * 12 * 23 / 24 - 1320 / 48) ** 0.5))
    assert signed("11", "9", "0.032") == signed("11", "9", "0.0329") == signed("11", "9", "0.037") == []
    assert signed("11", "9", "0.050") == ["p value"]
    five = claim("wilcoxon_n", "5")
    findings, remarks, _ = check(five, claim("wilcoxon_significant_at_0.05", "1"))
    assert not findings
    assert "by the normal approximation (0.0253); two-sided exact p >= 0.0625" in remarks[0].text
    assert kinds(claim("wilcoxon_n", "4"), claim("wilcoxon_significant_at_0.01", "1")) == ["p value"]
    assert kinds(claim("wilcoxon_n", "7"), claim("wilcoxon_significant_at_0.01", "1")) == []  # one-sided 1/128
    assert kinds(five, claim("wilcoxon_significant_at_0.01", "1")) == ["p value"]


def test_class_counts_on_which_the_paper_disagrees_with_itself_must_all_fail():
    means = (claim("accuracy", "0.7000", source="Table 2"), claim("macro_recall", "0.7000"))
    few, many = known(a=3, b=4)[0], known(a=3000, b=4400)[0]
    assert kinds(*means, counts=[few]) == ["joint rates", "granularity"]
    assert kinds(*means, counts=[few, many]) == []


def test_a_confusion_matrix_that_says_nothing_is_not_checked():
    for rows, classes, why in (([[0, 0], [0, 0]], ("a", "b"), "no image"), ([[1, 2], [3, 4]], ("a", "a"), "twice")):
        matrix = Claim("Net", "Set", "test", "confusion_matrix", rows, "Table 1", classes=classes)
        findings, _, unchecked = check(matrix, claim("recall", "0.5", class_name="a"), claim("accuracy", "0.5"))
        assert not findings
        assert any(why in outcome.missing for outcome in unchecked)


def test_a_test_split_of_one_class_is_not_held_against_chance():
    """Whoever names the one class is always right: chance is 1, and kappa has no value."""
    rows = [claim(metric, "1.00", class_name="a") for metric in ("precision", "recall")]
    rows += [claim(metric, "0.00", class_name="b") for metric in ("precision", "recall")]
    findings, remarks, _ = check(*rows, claim("accuracy", "1.00"), counts=known(a=20, b=0))
    assert (findings, [remark for remark in remarks if "chance" in remark.text]) == ([], [])
