"""Prints a table so that no row of it breaks: where the terminal is too narrow, in blocks of columns."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

_ENDLESS = 10_000  # columns: wider than any table


def titled_table(title: str, *columns: str | Column, numbers: Iterable[str] = ()) -> Table:
    """Return a table of the usual look: a bold title at the left, dim headings with one line below them.

    Args:
        title: the title.
        *columns: columns, or headings of columns of text.
        numbers: headings of the columns behind them, which are aligned at the right.
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
    """Return a column that is aligned at the right; ``dim``: it stands back behind the others."""
    return Column(heading, justify="right", style="dim" if dim else "")


def print_table(console: Console, table: Table, keys: int = 1) -> None:
    """Print a table, its title above it as a line of its own.

    A table that is too wide loses the air between its columns first; then it is printed in blocks one below the other,
    each of which begins with the columns that say what a row is. Columns stay in their order, so what matters most
    belongs directly behind the keys. Only a cell that is wider than the console on its own is folded.

    Args:
        console: such as ``result_console()``.
        table: any table; changed in its title and padding only.
        keys: number of its first columns that name a row, repeated in each block.
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
    """Return the columns of the terminal that a table takes where no cell is folded."""
    options = console.options.update(max_width=_ENDLESS, width=_ENDLESS)
    return table.__rich_measure__(console, options).maximum


def _blocks(console: Console, table: Table, keys: int) -> list[Table]:
    """Split the columns behind the keys into as few blocks as the width allows."""
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
