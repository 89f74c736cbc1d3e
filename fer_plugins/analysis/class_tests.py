"""Tests of the classes of one run: are they equally hard, and do their recalls lie above a median?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from fer_plugins.analysis.significance import one_way_anova, signed_rank

ANOVA_NOTE = (
    "can say: classes are unequally hard; cannot say that the model is good or better than another. Correct "
    "predictions are 0 or 1: neither normal nor of one variance; read the chi-square test"
)
WILCOXON_NOTE = (
    "can say: the recalls of the classes lie above or below the median; cannot say that the model is better than "
    "another (fer compare RUN RUN), nor by how much. A few classes are few values, and are no sample of classes"
)


def errors_by_class(
    true: npt.NDArray[np.int64],
    right: npt.NDArray[np.bool_],
    classes: Sequence[str],
    median: float | None = None,
) -> dict[str, Any]:
    """Test whether the classes of one run are equally hard: the ANOVA and the Wilcoxon test of papers, and chi-square.

    Papers print a one-way ANOVA grouped by true class, with K - 1 and N - K degrees of freedom (Table 18 of the paper
    on anti-aliased networks, whose dependent variable is not named; read here as correct or not of each image). These
    are 0 or 1, never normal, and their variance p (1 - p) differs between classes, so the assumptions fail by
    construction; with many images F is still roughly right. The chi-square test of the K x 2 counts needs neither; it
    is exact enough where every expected count is 5 or more. Either says that classes are unequally hard, nothing about
    the model's quality.

    The Wilcoxon test of one model (Table 19 there, whose pairing is not named) is read as the one-sample test of the
    recalls of the classes against a hypothetical median.

    Args:
        true: (N,) true classes.
        right: (N,) whether the prediction was right.
        classes: K names; those without an image are left out.
        median: hypothetical median of the recalls, 0 to 1; None: chance, 1/K of the classes that have images.

    Returns:
        ``anova`` (see ``one_way_anova``; None where a class has one image), ``chi_square`` {statistic, df, p,
        smallest_expected} (None where every prediction was correct or none), ``wilcoxon`` (``signed_rank`` of the
        recalls, and ``median``), ``shares`` {class: correct / images}.
    """
    hits = {name: right[true == k].astype(np.float64) for k, name in enumerate(classes) if (true == k).any()}
    result: dict[str, Any] = {
        "anova": None,
        "chi_square": None,
        "wilcoxon": None,
        "shares": {name: float(values.mean()) for name, values in hits.items()},
    }
    if len(hits) < 2:
        return result
    median = 1 / len(hits) if median is None else median
    result["wilcoxon"] = {"median": median, **signed_rank([median] * len(hits), list(result["shares"].values()))}
    result["wilcoxon"]["checks"].append(WILCOXON_NOTE)
    if min(map(len, hits.values())) >= 2:
        result["anova"] = one_way_anova(hits)
        result["anova"]["checks"] = [ANOVA_NOTE]
    counts = np.array([[values.sum(), len(values) - values.sum()] for values in hits.values()])
    if counts.sum(0).min() > 0:
        test = stats.chi2_contingency(counts, correction=False)
        least = float(test.expected_freq.min())
        result["chi_square"] = {
            "statistic": float(test.statistic),
            "df": int(test.dof),
            "p": float(test.pvalue),
            "smallest_expected": least,
        }
    return result
