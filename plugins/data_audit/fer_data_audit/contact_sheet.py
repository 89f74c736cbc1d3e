"""A self-contained HTML page with the images that an audit found."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from fer_data_audit.groups import Findings

MOST = 300  # groups or pairs per section; the JSON has all
_MEMBERS = 8  # images per group
_STYLE = (
    "body{font:13px sans-serif;margin:2em}section{display:flex;flex-wrap:wrap;gap:12px}"
    "figure{margin:0;border:1px solid #ccc;padding:6px;max-width:420px}"
    "img{image-rendering:pixelated;width:96px;height:96px;margin-right:2px}figcaption{overflow-wrap:anywhere}"
    ".conflict{border-color:#c00}"
)


def draw_sheet(
    findings: Findings,
    images: npt.NDArray[np.uint8],
    sources: npt.NDArray[np.str_],
    labels: npt.NDArray[np.str_],
    splits: npt.NDArray[np.str_],
    title: str,
) -> str:
    """Return the page: near copies (least similar last), identical images, near-constant images.

    In each section, groups across splits and with different labels come first; the first image of a mirrored pair is
    shown mirrored. ``images`` are (N, S, S, C) uint8, C 1 or 3; ``labels`` and ``splits`` (N,) are the class and the
    split in the first fold ("" for none) of each image.
    """
    pairs = findings.pairs
    across = splits[pairs.first] != splits[pairs.second]
    mixed = labels[pairs.first] != labels[pairs.second]
    order = np.lexsort((pairs.difference, ~mixed, ~across))
    exact = sorted(findings.exact, key=lambda rows: (len(set(splits[rows])) == 1, len(set(labels[rows])) == 1))
    kinds = pairs.kinds()

    def caption(row: int) -> str:
        return html.escape(" ".join(filter(None, (str(labels[row]), str(splits[row]), str(sources[row])))))

    def near_figures() -> Iterator[str]:
        for i in order[:MOST]:
            first, second = int(pairs.first[i]), int(pairs.second[i])
            shown = [images[first][:, ::-1] if pairs.flipped[i] else images[first], images[second]]
            text = f"<b>{html.escape(kinds[i])}</b>, difference {pairs.difference[i]:.2f} px"
            yield _figure(shown, [text, caption(first), caption(second)], conflict=bool(mixed[i]))

    def exact_figures() -> Iterator[str]:
        for rows in exact[:MOST]:
            text = f"<b>{len(rows)} identical</b>" + (f", {_MEMBERS} named" if len(rows) > _MEMBERS else "")
            conflict = len(set(labels[rows])) > 1
            yield _figure([images[rows[0]]], [text, *map(caption, rows[:_MEMBERS])], conflict=conflict)

    def single_figures(rows: npt.NDArray[np.int64]) -> Iterator[str]:
        for row in rows[:MOST]:
            yield _figure([images[row]], [caption(row)], conflict=False)

    sections = [
        (f"Near copies: {len(pairs):,} pairs", near_figures()),
        (f"Identical pixels: {len(findings.exact):,} groups", exact_figures()),
        (f"Near-constant: {len(pairs.blank):,} images", single_figures(pairs.blank)),
    ]
    body = "".join(f"<h2>{heading}</h2><section>{''.join(figures)}</section>" for heading, figures in sections)
    note = f"At most {MOST} of each; different labels are framed red; across splits first."
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{html.escape(title)}</h1><p>{note}</p>{body}</html>\n"
    )


def _figure(shown: Sequence[npt.NDArray[Any]], lines: Sequence[str], *, conflict: bool) -> str:
    tag = '<figure class="conflict">' if conflict else "<figure>"
    return f"{tag}{''.join(map(_inline, shown))}<figcaption>{'<br>'.join(lines)}</figcaption></figure>"


def _inline(image: npt.NDArray[np.uint8]) -> str:
    stream = io.BytesIO()
    pixels = np.ascontiguousarray(image[..., 0] if image.shape[2] == 1 else image)
    Image.fromarray(pixels).save(stream, "PNG")
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}">'
