"""Figures of a run as inline SVG: unique ids, no external resources, one drawing for light and dark mode."""

from __future__ import annotations

import io
import itertools
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from markupsafe import Markup

from fer_html_report.blocks import Chart, Charts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_LONG = re.compile(r"-?\d+\.\d{3,}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_numbers = itertools.count(1)  # no two charts of a page share an id


def draw(make: Callable[[], Figure | None], caption: str, text: str) -> Chart | None:
    """Draw a figure for a page; None if there is nothing to draw.

    Args:
        make: function that draws the figure, with matplotlib configured as for every figure.
        caption: caption below the figure.
        text: description for screen readers.
    """
    from fer_plugins.analysis.figures.style import drawing

    with drawing(), warnings.catch_warnings():
        figure = make()
        if figure is None:
            return None
        content = io.BytesIO()
        warnings.simplefilter("ignore", UserWarning)  # from the layout, if a class name has many words
        figure.savefig(content, format="svg", transparent=True, metadata={"Date": None})
    return Chart(caption, text, Markup(inline(content.getvalue(), caption, text)))


def inline(svg: bytes, title: str, text: str) -> str:
    """Return a matplotlib figure as an ``svg`` element for a page.

    Title and description are for screen readers; coordinates have two decimals; ids are unique to this chart, and
    unreferenced ids are removed. The serializer escapes text.
    """
    prefix = f"chart{next(_numbers)}"
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.rpartition("}")[2] in ("metadata", "style"):
                parent.remove(child)
    used = {name for element in root.iter() for value in element.attrib.values() for name in _references(value)}
    for element in root.iter():
        for key, value in list(element.attrib.items()):
            element.set(key, _rewrite(key, value, prefix))
        if (own := element.attrib.pop("id", None)) is not None and own in used:
            element.set("id", f"{prefix}-{own}")
    del root.attrib["width"], root.attrib["height"]
    root.attrib.pop("version", None)
    root.attrib |= {"role": "img", "aria-labelledby": f"{prefix}-title {prefix}-text"}
    for place, (tag, content) in enumerate((("title", title), ("desc", text))):
        element = ElementTree.Element(f"{{{_SVG}}}{tag}", {"id": f"{prefix}-{'text' if place else 'title'}"})
        element.text = content
        root.insert(place, element)
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    return re.sub(r">\s+<", "><", ElementTree.tostring(root, encoding="unicode"))


def _references(value: str) -> list[str]:
    return [value[1:]] if value.startswith("#") else _REFERENCE.findall(value)


def _rewrite(key: str, value: str, prefix: str) -> str:
    if key == f"{{{_XLINK}}}href" and value.startswith("#"):
        return f"#{prefix}-{value[1:]}"
    value = _REFERENCE.sub(rf"url(#{prefix}-\1)", value)
    if key in ("d", "transform", "points", "x", "y"):
        return " ".join(_LONG.sub(lambda number: f"{float(number[0]):.2f}", value).split())
    return value.replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif") if key == "style" else value


def side_by_side(*charts: Chart | None) -> Charts:
    """Return the charts that were drawn as one block."""
    return Charts([chart for chart in charts if chart is not None])
