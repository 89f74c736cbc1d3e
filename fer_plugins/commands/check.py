"""``fer check``: checks that the components of a distribution fulfil the contract."""

from __future__ import annotations

import click

from fer_plugins.commands.settings import Installed
from fer_plugins.commands.usage import WholeNumber, verb


@verb()
@click.argument("name", type=Installed(), metavar="NAME")
@click.option("--root", type=click.Path(), metavar="DATA", help="Path of the data that a dataset plug-in reads.")
@click.option("--image-size", type=WholeNumber(1), help="Side of the images in pixels; default: the recipe's.")
def check(name: str, *, root: str | None, image_size: int | None) -> int:
    """Check that a plug-in, or every component of a distribution, meets the contract.

    NAME is one that fer list prints. The exit code is 1 if something is broken.
    """
    from fer_plugins.testing.installed import check_installed

    return check_installed(name, root, image_size)
