"""The settings of W&B under which a run is silent and nothing of the machine is captured."""

from __future__ import annotations

import os
from typing import Any


def quiet_settings(wandb: Any) -> Any:
    """Return W&B settings that capture nothing of the machine and say nothing; unknown ones are left out.

    What the user has set by a variable of W&B's own (WANDB_CONSOLE, WANDB_SILENT, WANDB_DISABLE_GIT, ...) stays his.
    """
    wanted = {
        "console": "off",
        "silent": True,
        "disable_code": True,
        "disable_git": True,
        "disable_job_creation": True,
        "save_code": False,
        "host": "",
        "symlink": False,
        "x_disable_meta": True,
        "x_disable_machine_info": True,
        "x_disable_stats": True,
        "x_save_requirements": False,
        "x_transaction_log_flush_interval": 2.0,  # seconds of an offline run that a kill may lose
    }
    known = wandb.Settings.model_fields
    variables = {name: f"WANDB_{name.removeprefix('x')}".upper() for name in wanted}  # x_NAME is set by WANDB__NAME
    ours = {name for name in wanted if name in known and variables[name] not in os.environ}
    return wandb.Settings(**{name: value for name, value in wanted.items() if name in ours})
