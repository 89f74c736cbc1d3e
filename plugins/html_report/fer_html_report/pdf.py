"""A page as PDF, printed by an installed browser or WeasyPrint."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from fer_plugins.runtime.errors import InputError, RunError

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
_SECONDS = 120


def find_printer() -> str | None:
    """Return an installed browser, else "weasyprint", or None if neither is installed."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    return browser or ("weasyprint" if shutil.which("weasyprint") else None)


def need_printer() -> str:
    """Return the printer to use.

    Raises:
        InputError: no printer is installed.
    """
    printer = find_printer()
    if printer is None:
        raise InputError(
            "--format pdf needs Chromium, Chrome, Edge or WeasyPrint, none is installed; pip install weasyprint, or "
            "give --format html and print that page in a browser"
        )
    return printer


def print_page(html: str, printer: str) -> bytes:
    """Print a page to PDF.

    Raises:
        RunError: the printer fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        page, target = Path(folder, "report.html"), Path(folder, "report.pdf")
        page.write_text(html, encoding="utf-8")
        if printer == "weasyprint":
            command = [printer, str(page), str(target)]
        else:
            command = [
                printer, "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", f"--user-data-dir={folder}/profile",
                "--no-pdf-header-footer", f"--print-to-pdf={target}", page.as_uri(),
            ]  # fmt: skip
            if (
                hasattr(os, "geteuid") and os.geteuid() == 0
            ):  # Chromium's sandbox does not run as root; the page has no script
                command.insert(1, "--no-sandbox")
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RunError(f"{printer} did not print the page: {error}") from None
        if not target.is_file():
            reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise RunError(f"{printer} did not print the page: {reason}")
        return target.read_bytes()
