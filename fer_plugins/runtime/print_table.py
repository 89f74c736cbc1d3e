"""Prints tables without breaking rows: if the terminal is too narrow, the columns are printed in several blocks."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

_ENDLESS = 10_000  # characters: wider than any table


def titled_table(title: str, *columns: str | Column, numbers: Iterable[str] = ()) -> Table:
    """Return a table in the common style: a bold title on the left, dim headings with a line below them.

    Args:
        title: Title of the table.
        *columns: Columns, or headings of text columns.
        numbers: Headings of the right-aligned columns that follow.
    """
    return Table(
        *columns,
        *map(number_column, numbers),
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )


def number_column(heading: str, *, dim: bool = False) -> Column:
    """Return a right-aligned column; ``dim`` makes it less prominent than others."""
    return Column(heading, justify="right", style="dim" if dim else "")


def print_table(console: Console, table: Table, keys: int = 1) -> None:
    """Print a table, with its title on a separate line above it.

    If the table is too wide, the space between its columns is reduced first; then it is printed in several blocks, one
    below the other, each starting with the key columns. Columns keep their order, so the most important ones should
    follow the keys directly. A cell is only wrapped if it alone is wider than the console.

    Args:
        console: Console to print to, such as ``result_console()``.
        table: Table to print; only its title and padding are modified.
        keys: Number of leading columns that identify a row; they are repeated in each block.
    """
    title, table.title = table.title, None
    if title:
        console.print(Text(title, style=table.title_style or "bold") if isinstance(title, str) else title)
    if natural_width(console, table) > console.width:
        table.padding = (0, 1, 0, 0)
        table.pad_edge = False
    for block in _blocks(console, table, keys):
        console.print(block)


def natural_width(console: Console, table: Table) -> int:
    """Return the width of a table in characters if no cell is wrapped."""
    options = console.options.update(max_width=_ENDLESS, width=_ENDLESS)
    return table.__rich_measure__(console, options).maximum


def _blocks(console: Console, table: Table, keys: int) -> list[Table]:
    """Split the columns after the key columns into as few blocks as the width allows."""
    first, rest = table.columns[:keys], table.columns[keys:]
    blocks: list[list[Column]] = [[]]
    for column in rest:
        widened = _with_columns(table, [*first, *blocks[-1], column])
        if blocks[-1] and natural_width(console, widened) > console.width:
            blocks.append([column])
        else:
            blocks[-1].append(column)
    return [_with_columns(table, [*first, *block]) for block in blocks]


def _with_columns(table: Table, columns: list[Column]) -> Table:
    part = copy.copy(table)
    part.columns = [dataclasses.replace(column, _index=number) for number, column in enumerate(columns)]
    return part
