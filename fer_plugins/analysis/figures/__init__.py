"""Figures of a run, drawn with matplotlib for one column of a paper."""

from __future__ import annotations

from fer_plugins.config.requirement import install_command
from fer_plugins.runtime.errors import InputError


def require_matplotlib() -> None:
    """Import matplotlib before anything is read.

    Raises:
        InputError: it is not installed; any other exception if it is installed but cannot be imported.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise InputError(f"matplotlib is not installed; {install_command('matplotlib')}") from None
