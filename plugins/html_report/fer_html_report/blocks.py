"""The elements of a page: sections of paragraphs, facts, tables and charts; the templates render each kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from markupsafe import Markup


@dataclass(frozen=True)
class Paragraph:
    """A few sentences; the tone "gap" says why something is missing on the page."""

    kind: ClassVar[str] = "paragraph"
    text: str
    tone: Literal["", "note", "gap", "warning"] = ""


@dataclass(frozen=True)
class Facts:
    """Pairs of a term and its value."""

    kind: ClassVar[str] = "facts"
    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """A table whose first column names the row."""

    kind: ClassVar[str] = "table"
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: frozenset[int] = frozenset()  # columns of text; all others are numbers, right-aligned
    note: str = ""


@dataclass(frozen=True)
class Chart:
    """A figure as inline SVG, with a description."""

    caption: str
    text: str  # description for screen readers
    svg: Markup


@dataclass(frozen=True)
class Charts:
    """Figures side by side."""

    kind: ClassVar[str] = "charts"
    charts: Sequence[Chart]


@dataclass(frozen=True)
class Picture:
    """An image of the dataset."""

    caption: str
    text: str
    source: str  # data URI


@dataclass(frozen=True)
class Pictures:
    """Images side by side."""

    kind: ClassVar[str] = "pictures"
    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Code:
    """Shell commands, or the content of a file."""

    kind: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True)
class Fold:
    """Blocks that are collapsed until opened."""

    kind: ClassVar[str] = "fold"
    title: str
    blocks: Sequence[Block]


Block = Paragraph | Facts | Table | Charts | Pictures | Code | Fold


@dataclass(frozen=True)
class Section:
    """A heading and the blocks below it."""

    name: str  # part of its anchor: "scores"
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Headline:
    """A score in large type."""

    label: str
    value: str
    interval: str = ""


@dataclass(frozen=True)
class Chapter:
    """One run, or the comparison of several."""

    name: str  # part of the anchors: "run1"
    title: str
    lead: str = ""
    alarms: Sequence[str] = ()  # reasons why it is not a result
    headlines: Sequence[Headline] = ()
    sections: Sequence[Section] = field(default_factory=tuple)
