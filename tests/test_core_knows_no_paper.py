"""The core knows no paper: no file of it holds the name, an author or the DOI of an installed paper, however spelt."""

import functools
import re

import pytest
import yaml
from support import ROOT

PAPERS = sorted((ROOT / "plugins").glob("*/*/paper.yaml"))
CORE = {
    str(path.relative_to(ROOT)): f"{path.name}\n{path.read_bytes().decode('utf-8', 'replace')}".lower()
    for path in sorted((ROOT / "fer_plugins").rglob("*"))
    if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".npz"
}


def terms_of(paper):
    """Return what would name a paper: its folder, architectures, own models, title, DOI, authors' surnames."""
    described = yaml.safe_load(paper.read_text())
    identity, claims = described["paper"], yaml.safe_load(paper.with_name("claims.yaml").read_text())
    authors = [name.split()[-1] for name in identity.get("authors") or []]
    own = [model["name"] for model in claims["models"] if model["role"] == "proposed"]
    names = [paper.parent.parent.name, *described["architectures"], *own]
    return {term for term in (*names, *authors, identity["title"], identity.get("doi")) if term}


@functools.cache
def pattern_of(term):
    """Return what finds a term as a word of its own, in any case, its pieces joined by anything that is no letter.

    >>> bool(pattern_of("aa_dcn").search("the AA-DCN paper")), bool(pattern_of("dcn").search("AADCN"))
    (True, False)
    """
    return re.compile(r"(?<![a-z\d])" + r"[^a-z\d]*".join(pieces_of(term)) + r"(?![a-z\d])")


def pieces_of(term):
    return re.findall(r"[a-z]+|\d+", term.lower())


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: path.parent.parent.name)
def test_the_core_knows_no_paper(paper):
    mentions = [
        f"{path}: {term}"
        for term in terms_of(paper)
        for path, text in CORE.items()
        if all(piece in text for piece in pieces_of(term)) and pattern_of(term).search(text)
    ]
    assert not mentions


@pytest.mark.parametrize("text", ["AA-DCN", "aa_dcn", "Aa Dcn", "aadcn", "x (AA.DCN)", "AaDcn.", "aa\n    dcn"])
def test_a_name_is_found_however_it_is_spelt(text):
    assert pattern_of("aa_dcn").search(text.lower())
    assert not pattern_of("aa_dcn").search("aa_dcns")


def test_a_doi_is_found_in_an_address():
    assert pattern_of("10.1038/s41598-024-79167-8").search("https://doi.org/10.1038/s41598-024-79167-8.")
