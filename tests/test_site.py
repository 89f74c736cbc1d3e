"""The documentation site: it builds without a warning, its links lead somewhere, nothing comes from elsewhere."""

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import click
import pytest
from support import ROOT

from fer_plugins.commands.installed_verbs import fer_verbs

pytest.importorskip("mkdocs", reason="builds the site: pip install 'fer-plugins[docs]'")
pytest.importorskip("mkdocstrings", reason="builds the site: pip install 'fer-plugins[docs]'")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Pages with the widest tables, the longest lines of code and names, and pictures.
WIDE = (
    "alternatives.html",
    "cli.html",
    "api/contract.html",
    "gallery.html",
    "papers.html",
    "plugins/aa_dcn.html",
    "results.html",
)
# The names of plug-ins in tables of which the browser puts the end on a line of its own.
BROKEN_NAMES = r"""[...document.querySelectorAll("table td > code")]
    .filter(code => /^\w+$/.test(code.textContent) && code.getClientRects().length > 1).map(code => code.textContent)"""
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site with warnings as errors and return its folder."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


class Page(HTMLParser):
    """What a page has anchors for, links to, and loads."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loaded = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids |= {values[key] for key in ("id", "name") if values.get(key)}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") not in ("canonical", "prev", "next"):
            self.loaded.append(values.get("href", ""))
        elif values.get("src"):
            self.loaded.append(values["src"])


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html") if path.name != "404.html"}


def test_every_link_and_anchor_leads_somewhere(pages):
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.exists():
                broken.append((path.name, link))
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
                broken.append((path.name, link))
    assert not broken


def test_nothing_is_loaded_from_elsewhere(site, pages):
    """Neither a script nor a style, font or picture: the site is read without a network."""
    elsewhere = {address for page in pages.values() for address in page.loaded if re.match(r"(https?:)?//", address)}
    for path in site.rglob("*.css"):
        elsewhere |= set(re.findall(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')]+)", path.read_text()))
    assert not elsewhere


def test_every_page_can_be_found_by_the_search(site, pages):
    index = json.loads((site / "search" / "search_index.json").read_text())
    indexed = {entry["location"].partition("#")[0] or "index.html" for entry in index["docs"]}
    assert {path.relative_to(site).as_posix() for path in pages} == indexed
    assert (site / "search" / "search_index.js").exists()  # a page from the disk may not read the JSON


def test_every_command_and_plug_in_has_its_place(site):
    text = (site / "cli.html").read_text()
    context = click.Context(fer_verbs, info_name="fer")
    for verb in fer_verbs.list_commands(context):
        assert f"<code>fer {verb}</code>" in text
    for readme in (ROOT / "plugins").glob("*/README.md"):
        assert (site / "plugins" / f"{readme.parent.name}.html").is_file()


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed: apt install chromium")
def test_in_a_browser_from_the_disk(site):
    """No page is too wide, no name in a table broken, at two widths; the search finds a page; no address is asked."""
    playwright = pytest.importorskip("playwright.sync_api", reason="drives the browser: pip install playwright")
    faults = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        for width in (1280, 390):
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.set_default_timeout(60_000)  # milliseconds: other tests may hold the cores
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("request", lambda request: request.url.startswith("http") and faults.append(request.url))
            for name in WIDE:
                page.goto((site / name).as_uri(), wait_until="domcontentloaded")
                if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    faults.append(f"{name} is wider than {width} pixels")
                faults.extend(f"{name}: {word} is broken at {width} pixels" for word in page.evaluate(BROKEN_NAMES))
        page.goto((site / "index.html").as_uri())
        page.set_viewport_size({"width": 1280, "height": 900})
        page.locator("input.md-search__input").click()
        page.keyboard.type("copies", delay=50)
        playwright.expect(page.locator(".md-search-result__link").first).to_be_visible()
        browser.close()
    assert not faults
