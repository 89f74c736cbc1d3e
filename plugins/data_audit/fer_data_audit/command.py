"""``fer data``: inspect a dataset before training on it."""

from __future__ import annotations

import click

from fer_data_audit.audit import audit
from fer_data_audit.check import check
from fer_data_audit.split import split
from fer_plugins.commands.usage import Verbs


@click.group(cls=Verbs)
def data() -> None:
    """Inspect a dataset before training on it: check, split, audit."""


for _command in (check, split, audit):
    data.add_command(_command)
