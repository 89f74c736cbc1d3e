"""Analysis of variance, signed ranks, Holm and the tests of one run's classes, against scipy and sums by hand."""

import itertools

import numpy as np
import pytest
from fer_run_comparison.class_tests import errors_by_class
from fer_run_comparison.significance import holm, one_way_anova, signed_rank
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fer_plugins.runtime.errors import InputError

VALUES = st.lists(st.integers(0, 3589).map(lambda hits: hits / 3589), min_size=2, max_size=15)


@given(st.lists(VALUES, min_size=2, max_size=5).filter(lambda groups: all(np.ptp(one) > 0 for one in groups)))
@settings(deadline=None)
def test_anova_by_hand(groups):
    found = one_way_anova({str(place): values for place, values in enumerate(groups)})
    everything = [value for values in groups for value in values]
    grand = np.mean(everything)
    between = sum(len(values) * (np.mean(values) - grand) ** 2 for values in groups)
    within = sum((value - np.mean(values)) ** 2 for values in groups for value in values)
    df = (len(groups) - 1, len(everything) - len(groups))
    assert (found["df_between"], found["df_within"]) == df
    assert found["f"] == pytest.approx((between / df[0]) / (within / df[1]), rel=1e-6, abs=1e-9)
    assert found["p"] == pytest.approx(stats.f.sf(found["f"], *df), abs=1e-9)
    assert found["ss_between"] + found["ss_within"] == pytest.approx(np.var(everything) * len(everything))
    assert 0 <= found["eta_squared"] <= 1


def test_two_groups_of_anova_are_the_t_test_and_of_welchs_anova_welchs_test():
    first, second = [0.70, 0.72, 0.71, 0.69], [0.74, 0.70, 0.78]
    found = one_way_anova({"a": first, "b": second})
    assert found["p"] == pytest.approx(stats.ttest_ind(first, second).pvalue)
    assert found["welch"]["p"] == pytest.approx(stats.ttest_ind(first, second, equal_var=False).pvalue)


def test_what_anova_assumes_is_said_and_looked_at():
    random = np.random.default_rng(0)
    fine = one_way_anova({name: random.normal(0.7, 0.01, 12).tolist() for name in "abc"})["checks"]
    assert fine[0].startswith("normality")
    assert all("no evidence against it" in check for check in fine)
    groups = {"a": random.normal(0.7, 0.001, 12).tolist(), "b": random.normal(0.7, 0.05, 12).tolist()}
    unequal = one_way_anova(groups)["checks"]
    assert any(check.startswith("equal variances") and "doubtful" in check for check in unequal)
    skewed = one_way_anova({name: (random.exponential(1, 20) ** 3).tolist() for name in "ab"})["checks"]
    assert any(check.startswith("normality") and "doubtful" in check for check in skewed)
    few = one_way_anova({"a": [0.70, 0.71], "b": [0.72, 0.74]})
    assert any("only 2 values in a group: too few" in check for check in few["checks"])
    assert any("cannot be tested on groups of two" in check for check in few["checks"])
    flat = one_way_anova({"a": [0.7, 0.7], "b": [0.8, 0.8]})
    assert flat["f"] is None
    assert "nothing to test" in flat["checks"][-1]
    with pytest.raises(InputError, match="at least two models, not 1"):
        one_way_anova({"a": [1.0, 2.0]})
    with pytest.raises(InputError, match="at least two trainings of b, not 1: use other seeds"):
        one_way_anova({"a": [1.0, 2.0], "b": [1.0]})


def enumerate_signs(differences):
    """The two-sided p of the signed-rank test, by every assignment of signs."""
    moved = [one for one in differences if one]
    ranks = stats.rankdata(np.abs(moved))
    middle = ranks.sum() / 2
    seen = abs(ranks[np.array(moved) > 0].sum() - middle)
    sums = [
        sum(r for r, s in zip(ranks, signs, strict=True) if s) for signs in itertools.product((0, 1), repeat=len(moved))
    ]
    return np.mean([abs(one - middle) >= seen - 1e-9 for one in sums])


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=9).filter(any))
@settings(deadline=None, max_examples=40)
def test_wilcoxon_by_enumeration_with_ties_and_zeros(differences):
    second = [0.7 + one / 1000 for one in differences]
    found = signed_rank([0.7] * len(second), second)
    n = sum(one != 0 for one in differences)
    assert (found["n"], found["zeros"]) == (n, len(differences) - n)
    assert found["rank_sum_positive"] + found["rank_sum_negative"] == n * (n + 1) / 2
    assert found["w"] == min(found["rank_sum_positive"], found["rank_sum_negative"])
    assert found["exact"]
    assert found["p"] == pytest.approx(enumerate_signs(differences), abs=1e-12)
    assert found["p"] >= found["smallest_p"] - 1e-12


def test_wilcoxon_of_the_sizes_that_papers_print():
    # Table 19 prints 5, 18 and 495 values: rank sums must total 15, 171 and 122,760, and n = 5 cannot reach 0.05.
    random = np.random.default_rng(1)
    for n, total in ((5, 15), (18, 171), (495, 122_760)):
        shifted = random.normal(0.3, 1, n)
        found = signed_rank(np.zeros(n), shifted)
        assert found["rank_sum_positive"] + found["rank_sum_negative"] == total
        assert found["p"] == pytest.approx(stats.wilcoxon(shifted).pvalue)
        assert found["exact"] == (n <= 50)
    five = signed_rank([0] * 5, [1, 2, 3, 4, 5])
    assert five["p"] == five["smallest_p"] == 0.0625
    assert any("no result could reach p < 0.05" in check for check in five["checks"])
    assert signed_rank([0.5, 0.6], [0.5, 0.6])["p"] is None
    with pytest.raises(InputError, match="2 and 1 do not pair"):
        signed_rank([0.5, 0.6], [0.5])


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_the_anova_of_a_paper_has_its_degrees_of_freedom_and_the_right_test_stands_beside():
    random = np.random.default_rng(6)
    true = random.integers(0, 7, 930)
    right = random.random(930) < np.linspace(0.6, 0.9, 7)[true]
    found = errors_by_class(true, right, list("abcdefg"))
    assert (found["anova"]["df_between"], found["anova"]["df_within"]) == (6, 923)  # Table 18, JAFFE
    expected = stats.f_oneway(*(right[true == k].astype(float) for k in range(7)))
    assert found["anova"]["f"] == pytest.approx(expected.statistic)
    counts = np.array([[(right & (true == k)).sum(), (~right & (true == k)).sum()] for k in range(7)])
    guess = counts.sum(1, keepdims=True) * counts.sum(0) / counts.sum()
    assert found["chi_square"]["statistic"] == pytest.approx(((counts - guess) ** 2 / guess).sum())
    assert found["chi_square"]["df"] == 6
    assert "neither normal nor of equal variance" in found["anova"]["checks"][0]
    anova = found["anova"]
    assert anova["ms_between"] / anova["ms_within"] == pytest.approx(anova["f"])
    assert anova["ss_between"] + anova["ss_within"] == pytest.approx(((right - right.mean()) ** 2).sum())
    ranks, recalls = found["wilcoxon"], np.array(list(found["shares"].values()))
    assert ranks["median"] == pytest.approx(1 / 7)
    assert (ranks["n"], ranks["w"], ranks["rank_sum_positive"]) == (7, 0, 28)  # every recall is above chance
    assert ranks["p"] == pytest.approx(stats.wilcoxon(recalls - 1 / 7).pvalue) == pytest.approx(2 / 2**7)
    assert errors_by_class(true, right, list("abcdefg"), 0.75)["wilcoxon"]["rank_sum_negative"] > 0
    assert errors_by_class(true, np.ones(930, dtype=bool), list("abcdefg"))["chi_square"] is None
    assert errors_by_class(np.zeros(9, dtype=int), right[:9], ["a", "b"])["anova"] is None
