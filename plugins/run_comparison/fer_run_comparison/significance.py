"""Significance tests: Holm's correction, one-way ANOVA, Wilcoxon's signed ranks, with their assumptions checked.

All tests are scipy's and statsmodels'. This module adds what a reader needs to judge them: the number of values, the
smallest possible p with so few values, and whether the assumptions hold.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.oneway import anova_oneway

from fer_plugins.runtime.errors import InputError

ALPHA = 0.05
_EXACT_UP_TO = 13  # differences: 2^13 sign patterns are enumerated, with ties; above, scipy chooses


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Holm (1979), which controls the family-wise error rate under any dependence.

    >>> holm([0.01, 0.04])
    [0.02, 0.04]
    """
    return [float(p) for p in multipletests(p_values, method="holm")[1]] if len(p_values) else []


def one_way_anova(groups: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Test whether the means of several groups of independent values are equal: one-way ANOVA (Fisher 1925).

    F = (SS_between / (K - 1)) / (SS_within / (N - K)). Assumes independent values, normal within each group, with equal
    variances. Normality is checked by Shapiro and Wilk's test of the residuals (groups of at least 3), the variances by
    Brown and Forsythe's. Welch's ANOVA (1951), which does not assume equal variances, is reported too; use it if the
    variances differ.

    Args:
        groups: name -> values; at least two groups of at least two values.

    Returns:
        ``f, p``, ``df_``, ``ss_`` and ``ms_between`` and ``_within``, ``eta_squared`` (SS_between / SS_total, the
        fraction of the variance), ``welch`` {f, p, df_between, df_within} or None if a group does not vary, ``checks``,
        ``groups``, ``values``. ``f`` and ``p`` are None if no group varies.

    Raises:
        InputError: there are fewer than two groups, or a group has fewer than two values.
    """
    if len(groups) < 2:
        raise InputError(f"ANOVA compares at least two models, not {len(groups)}")
    for name, values in groups.items():
        if len(values) < 2:
            raise InputError(f"ANOVA needs at least two trainings of {name}, not {len(values)}: use other seeds")
    data = [np.asarray(values, dtype=np.float64) for values in groups.values()]
    together = np.concatenate(data)
    within = float(sum(((values_of_group - values_of_group.mean()) ** 2).sum() for values_of_group in data))
    between = float(
        sum(len(values_of_group) * (values_of_group.mean() - together.mean()) ** 2 for values_of_group in data)
    )
    result: dict[str, Any] = {
        "f": None,
        "p": None,
        "df_between": len(data) - 1,
        "df_within": len(together) - len(data),
        "ss_between": between,
        "ss_within": within,
        "ms_between": between / (len(data) - 1),
        "ms_within": within / (len(together) - len(data)),
        "eta_squared": None,
        "welch": None,
        "checks": _check_groups(data),
        "groups": len(data),
        "values": len(together),
    }
    if all(np.ptp(values_of_group) == 0 for values_of_group in data):
        return result
    # Not scipy's f_oneway: for equal means its sums can be -1e-17, and p NaN.
    test = anova_oneway(data, use_var="equal")
    result |= {"f": float(test.statistic), "p": float(test.pvalue), "eta_squared": between / (between + within)}
    if all(np.ptp(values_of_group) > 0 for values_of_group in data):
        welch = anova_oneway(data, use_var="unequal")
        result["welch"] = {
            "f": float(welch.statistic),
            "p": float(welch.pvalue),
            "df_between": float(welch.df[0]),
            "df_within": float(welch.df[1]),
        }
    return result


def signed_rank(first: Sequence[float], second: Sequence[float]) -> dict[str, Any]:
    """Test paired values for a shift: Wilcoxon's signed-rank test (Wilcoxon 1945), two-sided.

    Assumes independent pairs and differences that are symmetric about their median; pairs without a difference are left
    out. For up to 13 differences p is exact, ties included (all 2^n signs are enumerated); with n differences p cannot
    be below 2 / 2^n, so five pairs never reach 0.05. The rank sums add up to n (n + 1) / 2.

    Args:
        first: (N,) values of the first model.
        second: (N,) values of the second model, in the same order (same seed, same class).

    Returns:
        ``n`` (number of nonzero differences), ``zeros``, ``rank_sum_positive`` (second above first),
        ``rank_sum_negative``, ``w`` (the smaller), ``p`` (None without a difference), ``exact``, ``smallest_p``
        (possible at this n), ``checks``.

    Raises:
        InputError: the two have different lengths.
    """
    if len(first) != len(second):
        raise InputError(f"Wilcoxon's test pairs values: {len(first)} and {len(second)} do not pair")
    # Scores are fractions k/n: equal differences must be equal numbers, or ties are missed.
    differences = np.round(np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64), 12)
    moved = differences[differences != 0]
    n = len(moved)
    ranks = stats.rankdata(np.abs(moved))
    positive, negative = float(ranks[moved > 0].sum()), float(ranks[moved < 0].sum())
    result: dict[str, Any] = {
        "n": n,
        "zeros": len(differences) - n,
        "rank_sum_positive": positive,
        "rank_sum_negative": negative,
        "w": min(positive, negative),
        "p": None,
        "exact": False,
        "smallest_p": min(1.0, 2.0 ** (1 - n)),
        "checks": _check_differences(differences),
    }
    if n:
        few = n <= _EXACT_UP_TO
        ties = len(np.unique(ranks)) < n
        if few:
            method = stats.PermutationMethod(n_resamples=2**_EXACT_UP_TO) if n > 1 else "exact"
        else:
            method = "approx" if ties else "auto"
        test = stats.wilcoxon(moved, method=method)
        result |= {"p": float(test.pvalue), "exact": few or (not ties and n <= 50)}
    return result


def _check_groups(data: Sequence[npt.NDArray[np.float64]]) -> list[str]:
    checks = []
    least = min(map(len, data))
    if least < 5:
        checks.append(f"only {least} values in a group: too few to see a departure from the assumptions")
    residuals = np.concatenate([values - values.mean() for values in data])
    if np.ptp(residuals) == 0:
        return [*checks, "no value differs from its group's mean: nothing to test"]
    if least >= 3 and len(residuals) <= 5000:  # residuals of pairs mirror each other, and are never normal
        checks.append(f"normality of the residuals (Shapiro-Wilk): {_verdict(stats.shapiro(residuals).pvalue)}")
    if least < 3:  # both values of a pair have the same distance from their median, whatever the variance
        return [*checks, "equal variances: cannot be tested on groups of two"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all values equally far from the medians: p is NaN
        equal = float(stats.levene(*data, center="median").pvalue)
    if np.isfinite(equal):
        checks.append(f"equal variances (Brown-Forsythe): {_verdict(equal)}")
    return checks


def _check_differences(differences: npt.NDArray[np.float64]) -> list[str]:
    n = int((differences != 0).sum())
    checks = []
    if 2.0 ** (1 - n) >= ALPHA:
        checks.append(
            f"{n} difference{'' if n == 1 else 's'}: no result could reach p < {ALPHA}, at least 6 are needed"
        )
    if n < 8:
        checks.append("symmetry of the differences is assumed (too few values to test it)")
    elif np.ptp(differences) > 0:
        skew = float(stats.skewtest(differences).pvalue)
        checks.append(f"symmetry of the differences (test of skewness): {_verdict(skew)}")
    return checks


def _verdict(p: float) -> str:
    return f"p {p:.3g}, {'doubtful' if p < ALPHA else 'no evidence against it'}"
