"""Saves a dashboard in a project of W&B, as the user who is logged in."""

from __future__ import annotations

from typing import Any

import wandb

from fer_plugins.runtime.errors import InputError, one_line
from fer_trackers.dashboard import Dashboard


def find_entity(entity: str | None) -> str:
    """Return the user or team to save for: the one that is given, or that of the login.

    Raises:
        InputError: there is no login, or W&B is not reachable.
    """
    if not wandb.login(prompt=False, verify=False):
        raise InputError(
            "--publish: no W&B login; run `wandb login`, set WANDB_API_KEY, or leave --publish out, which writes a file"
        )
    if entity is not None:
        return entity
    default = _ask(lambda: wandb.Api().default_entity)
    if not default:
        raise InputError("--publish: your W&B login has no default entity; add --entity NAME")
    return str(default)


def save(dashboard: Dashboard) -> list[str]:
    """Save workspace and report as new views; return their addresses.

    Raises:
        InputError: W&B refuses or is not reachable.
    """
    return [_ask(lambda view=view: view.save().url) for view in dashboard]


def _ask(request: Any) -> Any:
    try:
        return request()
    except Exception as error:  # whatever W&B's client raises: network, rights, a project that is not there
        reason = one_line(error)
        raise InputError(
            f"--publish: W&B answers with an error ({reason}); check the network, --entity and --project, or leave "
            "--publish out, which writes a file"
        ) from None
