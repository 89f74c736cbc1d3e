"""What papers claim. All names exported here may also be used by plug-ins. Does not import torch."""

from fer_plugins.analysis.claims.claim import RATES, Claim, Claims, KnownCounts, Printed, is_count, read_printed, title
from fer_plugins.analysis.claims.collected import NO_SPLIT, Subject, agree
from fer_plugins.analysis.claims.foreign_files import FORMS, read_foreign
from fer_plugins.analysis.claims.read_file import find_claims, read_claims
from fer_plugins.analysis.claims.read_values import Shares, cells_of, read_shares
from fer_plugins.analysis.claims.vocabulary import (
    SPLIT_NAMES,
    SPLITS,
    canonical_metric,
    canonical_split,
    dataset_key,
    known_datasets,
    release_lacks,
    released_counts,
    released_selections,
    suggest,
)

__all__ = [
    "FORMS",
    "NO_SPLIT",
    "RATES",
    "SPLITS",
    "SPLIT_NAMES",
    "Claim",
    "Claims",
    "KnownCounts",
    "Printed",
    "Shares",
    "Subject",
    "agree",
    "canonical_metric",
    "canonical_split",
    "cells_of",
    "dataset_key",
    "find_claims",
    "is_count",
    "known_datasets",
    "read_claims",
    "read_foreign",
    "read_printed",
    "read_shares",
    "release_lacks",
    "released_counts",
    "released_selections",
    "suggest",
    "title",
]
