"""The figures of a run as inline SVG: no address twice, nothing loaded, one drawing for light and dark."""

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
_numbers = itertools.count(1)  # no two charts of a page share an address


def draw(make: Callable[[], Figure | None], caption: str, text: str) -> Chart | None:
    """Draw a figure for a page; None where there is nothing to draw.

    Args:
        make: draws it, with matplotlib set as for every figure.
        caption: what stands below it.
        text: what it shows, for those who do not see it.
    """
    from fer_plugins.analysis.figures.style import drawing

    with drawing(), warnings.catch_warnings():
        figure = make()
        if figure is None:
            return None
        content = io.BytesIO()
        warnings.simplefilter("ignore", UserWarning)  # the layout gives up where a class has a name of many words
        figure.savefig(content, format="svg", transparent=True, metadata={"Date": None})
    return Chart(caption, text, Markup(inline(content.getvalue(), caption, text)))


def inline(svg: bytes, title: str, text: str) -> str:
    """Return a figure of matplotlib as an ``svg`` element for a page.

    Title and description are for a screen reader; coordinates have two decimals; addresses are those of this chart
    alone; what no one refers to has none. Text is escaped by the serializer.
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
