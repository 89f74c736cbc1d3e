"""What papers claim. For plug-ins too: everything that this module names. No torch."""

from fer_plugins.analysis.claims.claim import SPLITS, Claim, Claims, KnownCounts
from fer_plugins.analysis.claims.find import find_claims
from fer_plugins.analysis.claims.printed import RATES, Printed, is_count, read_printed, title
from fer_plugins.analysis.claims.read_file import read_claims
from fer_plugins.analysis.claims.releases import dataset_key, released_counts

__all__ = [
    "RATES",
    "SPLITS",
    "Claim",
    "Claims",
    "KnownCounts",
    "Printed",
    "dataset_key",
    "find_claims",
    "is_count",
    "read_claims",
    "read_printed",
    "released_counts",
    "title",
]
