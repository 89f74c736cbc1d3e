"""``fer report RUN...``: one page about a finished run, or several with their comparison."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, cast

import click

from fer_plugins.commands.output_file import check_output_file
from fer_plugins.commands.usage import Name, refuse, verb
from fer_plugins.runtime.errors import InputError


@verb()
@click.argument("runs", nargs=-1, required=True, type=click.Path(), metavar="RUN...")
@click.option(
    "--format", "form", type=Name(["html", "md", "pdf"]), default="html", help="Output format; default: html."
)
@click.option(
    "--out",
    type=click.Path(),
    metavar="FILE",
    help="Default: report.html in RUN; for several runs or a kept record, here.",
)
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
@click.option("--images", is_flag=True, help="Embed images of the dataset; check that its licence allows it.")
@click.option(
    "--data.root", "root", type=click.Path(), metavar="PATH", help="With --images: current path of the dataset."
)
def report(runs: tuple[str, ...], *, form: str, out: str | None, force: bool, images: bool, root: str | None) -> None:
    """Write a report on a run: scores, copies, claims, errors, protocol, cost.

    For several runs, their comparison comes first. The page is one self-contained file; nothing is measured again.
    """
    if root is not None and not images:
        refuse("--data.root belongs to --images; add it, or leave --data.root out")
    if form == "md" and images:
        refuse("--images: Markdown holds no images; give --format html, or leave --images out")
    path = _place(runs, form, out, force=force)
    printer = ""
    if form == "pdf":
        from fer_html_report.pdf import need_printer

        printer = need_printer()
    try:
        import matplotlib.figure  # noqa: F401  # missing, or too broken to be imported
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise InputError("matplotlib is not installed; pip install matplotlib") from None
    from fer_html_report.errors import read_images
    from fer_html_report.page import build, write
    from fer_plugins.runs.read_runs import read_runs
    from fer_plugins.runtime.whole_file import whole_file

    finished = read_runs(runs)
    pictures = [read_images(run, root) if images else None for run in finished]
    chapters = build(finished, pictures)
    text = write(chapters, "html" if form == "pdf" else cast(Literal["html", "md"], form), unfolded=form == "pdf")
    content = text.encode()
    if form == "pdf":
        from fer_html_report.pdf import print_page

        content = print_page(text, printer)
    with whole_file(path) as unfinished:
        unfinished.write_bytes(content)
    print(path)


def _place(runs: tuple[str, ...], form: str, out: str | None, *, force: bool) -> Path:
    """Return the output file, checked before anything is read."""
    from fer_plugins.runs.kept_record import SUMS

    if out is not None:
        path = Path(out)
    else:
        own = len(runs) == 1 and os.path.isdir(runs[0]) and not os.path.isfile(Path(runs[0], SUMS))
        path = Path(runs[0] if own else ".", f"report.{form}")
    check_output_file(path, force=force)
    return path
