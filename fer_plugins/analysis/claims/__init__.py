"""What papers claim. For plug-ins too: everything that this module names. No torch."""

from fer_plugins.analysis.claims.claim import Claim, Claims, KnownCounts
from fer_plugins.analysis.claims.find import find_claims
from fer_plugins.analysis.claims.foreign_files import FORMS, Subject, read_foreign
from fer_plugins.analysis.claims.matrix_form import Shares, read_shares
from fer_plugins.analysis.claims.printed import RATES, Printed, is_count, read_printed, title
from fer_plugins.analysis.claims.read_file import read_claims
from fer_plugins.analysis.claims.releases import (
    SPLIT_NAMES,
    dataset_key,
    known_datasets,
    released_counts,
    released_selections,
)
from fer_plugins.analysis.claims.vocabulary import SPLITS, canonical_metric, canonical_split, suggest

__all__ = [
    "FORMS",
    "RATES",
    "SPLITS",
    "SPLIT_NAMES",
    "Claim",
    "Claims",
    "KnownCounts",
    "Printed",
    "Shares",
    "Subject",
    "canonical_metric",
    "canonical_split",
    "dataset_key",
    "find_claims",
    "is_count",
    "known_datasets",
    "read_claims",
    "read_foreign",
    "read_printed",
    "read_shares",
    "released_counts",
    "released_selections",
    "suggest",
    "title",
]
