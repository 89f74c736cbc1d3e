"""``fer check``: does what a distribution offers keep the contract?"""

from __future__ import annotations

import click

from fer_plugins.commands.settings import Installed
from fer_plugins.commands.usage import WholeNumber, verb


@verb()
@click.argument("name", type=Installed(), metavar="NAME")
@click.option("--root", type=click.Path(), metavar="DATA", help="What a dataset is to read.")
@click.option("--image-size", type=WholeNumber(1), help="In pixels; default: as the recipe says.")
def check(name: str, *, root: str | None, image_size: int | None) -> int:
    """Check whether a plug-in, or all of a distribution, keeps the contract.

    NAME as in fer list. The exit code is 1 where something is broken.
    """
    from fer_plugins.testing.installed import check_installed

    return check_installed(name, root, image_size)
