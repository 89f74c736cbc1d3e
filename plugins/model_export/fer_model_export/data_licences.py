"""Under which terms the pictures of the known datasets are given out: what a model card must say of them."""

from __future__ import annotations

# In short, as the datasets are known in the field; not quoted, and not checked against today's pages.
TERMS = {
    "fer2013": "FER-2013 was given out for the ICML 2013 challenge on Kaggle, under the rules of that challenge. Its "
    "pictures were found by a web search: they belong to their owners, and no open licence covers them.",
    "ferplus": "The FER+ votes are under the MIT licence (Microsoft). The pictures are those of FER-2013: found by a "
    "web search, they belong to their owners, and no open licence covers them.",
    "ckplus": "CK+ is given out by its authors on a signed agreement, for research that is not commercial.",
    "jaffe": "JAFFE is given out by its authors on request, for research that is not commercial.",
    "rafdb": "RAF-DB is given out by its authors on request, for research that is not commercial.",
    "ferg": "FERG-DB is given out by its authors on request, for research that is not commercial.",
    "affectnet": "AffectNet is given out by its authors on a signed agreement, for research that is not commercial.",
    "synthetic": "The faces were drawn by fer-plugins (Apache-2.0) and show nobody.",
}
UNKNOWN = "Not stated: fer-plugins does not know the terms of these pictures. State them before you publish this model."


def terms_of(dataset: str) -> str:
    """Return the terms of a dataset by its name in ``fer list``."""
    return TERMS.get(dataset, UNKNOWN)
