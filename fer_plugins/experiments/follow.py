"""``python -m fer_plugins.experiments.follow``: a process that helps another one with training, and writes nothing.

Process 0 runs the command. The others wait for its messages, build data, network and trainer from the same
configuration, and take part in training and scoring.

Arguments: the port of process 0's store on this machine, the number of this process, the number of processes.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from fer_plugins import config
from fer_plugins.config.tolerance import tolerate_damage
from fer_plugins.experiments.processes import TIMEOUT, backend, join_launched, receive
from fer_plugins.experiments.quiet import quiet
from fer_plugins.experiments.scoring import score_pass, scored_splits
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError, RunError
from fer_plugins.runtime.launched import launched
from fer_plugins.runtime.process import let_threads_wait
from fer_plugins.runtime.ranks import gather, taking_part
from fer_plugins.training.build import build_data, build_module, build_trainer, fit
from fer_plugins.training.checkpoints import read_checkpoint
from fer_plugins.training.progress import EpochLog, ResultConsole
from fer_plugins.training.tracking import Tracker


def follow_launched() -> int:
    """Join the processes that srun or torchrun has started, and follow process 0; return the exit code."""
    join_launched()
    return follow()


def follow() -> int:
    """Take part in every training that process 0 starts, until it sends that there are no more; return the exit code.

    The process group must already exist.
    """
    for number in (signal.SIGINT, signal.SIGUSR1):  # process 0 receives them as well, and ends this process
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    try:
        while (task := receive()) is not None:
            take_part(task)
    except Exception as error:
        if os.environ.get("FER_DEBUG") == "1":
            traceback.print_exc()
        own = isinstance(error, InputError | RunError)
        text = " ".join((str(error) if own else f"{type(error).__name__}: {error}").split())
        if (place := launched()) is not None:
            print(
                f"fer-run: process {place.rank}: {text if own else f'it has lost the others ({text[:200]})'}",
                file=sys.stderr,
            )
        else:  # print the time too: if several processes end, the first one is the cause and the others lost it
            print(time.time(), text, file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    return 0


def take_part(task: Mapping[str, Any]) -> None:
    """Train and score like process 0, without output."""
    settings = config.read_config(task["config"])
    settings = replace(settings, trainer=replace(settings.trainer, progress="none", profiler="none"))
    record = Record(Path(task["folder"]), config=task["config"])
    torch.set_num_threads(task["threads"])
    with quiet(settings):
        data = build_data(settings)
        module = build_module(settings, data)
        with taking_part():
            gather((data.fingerprint, data.split_hash))
            trainer = build_trainer(settings, record, EpochLog(Tracker(), ResultConsole(settings)))
            fit(trainer, module, data, task["resume_from"] and Path(task["resume_from"]))
            module.load_state_dict(read_checkpoint(record.checkpoints / "best.ckpt")["state_dict"])
            for split in scored_splits(settings):
                score_pass(split, trainer, module, data)


def join(port: int, number: int, count: int) -> None:
    """Join process 0, whose store listens at ``port`` of this machine, as process ``number`` of ``count``."""
    store = TCPStore("127.0.0.1", port, count, is_master=False, timeout=TIMEOUT)
    store.set(f"ready{number}", "1")
    dist.init_process_group(backend(), store=store, rank=number, world_size=count, timeout=TIMEOUT)


if __name__ == "__main__":
    let_threads_wait()
    tolerate_damage()
    join(*map(int, sys.argv[1:]))
    code = follow()
    sys.stderr.flush()
    os._exit(code)  # skips the clean-up, which is not needed and would take seconds
