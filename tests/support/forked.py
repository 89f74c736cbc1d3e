"""The other processes of a training on several devices, as forks of a process that has loaded PyTorch.

That process has no threads. A fork of the test itself would inherit the locks that W&B's, TensorBoard's or pyarrow's
threads hold at that moment, and could wait for them for ever.
"""

import multiprocessing
import os
import sys
import tempfile
import traceback
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import torch

from fer_plugins.commands import main
from fer_plugins.commands.run import run as fer_run
from fer_plugins.commands.usage import invoke
from fer_plugins.experiments import follow, processes
from fer_plugins.training.progress import EpochLog

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["fer_plugins.experiments.follow", "fer_plugins.commands.run"])


def _fork(work, *, out=os.devnull, err, environment=()):
    """Start ``work``, a picklable function that returns an exit code, in a fork with this process's surroundings."""
    surroundings = (Path.cwd(), {**os.environ, **dict(environment)}, str(out), str(err))
    process = _CONTEXT.Process(target=_work, args=(work, *surroundings))
    process.start()
    return process


def _work(work, folder, environment, out, err):
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    code = 9
    try:
        code = work()
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class ForkedFollower(processes.Follower):
    """Does what ``python -m fer_plugins.experiments.follow`` does."""

    prepare = ()  # picklable functions that are called in the fork first

    def __init__(self, number, port, count):
        self.number = number
        self._messages = tempfile.NamedTemporaryFile("w+")
        work = partial(_follow, self.prepare, port, number, count)
        self._fork = _fork(work, err=self._messages.name, environment={"LOCAL_RANK": str(number)})
        self._process = SimpleNamespace(pid=self._fork.pid, poll=lambda: self._fork.exitcode, wait=self._wait)

    def _wait(self):
        self._fork.join()
        return self._fork.exitcode


def _follow(prepare, port, number, count):
    for change in prepare:
        change()
    follow.join(port, number, count)
    return follow.follow()


def start_task_of_srun(number, job, argv, folder):
    """Start ``fer-run`` as task ``number`` of a job; what it prints is in ``outN`` and ``errN`` of the folder."""
    environment = {**job, "SLURM_PROCID": str(number), "SLURM_LOCALID": str(number)}
    work = partial(main.call, "fer-run", _invoke, argv)
    return _fork(work, out=folder / f"out{number}", err=folder / f"err{number}", environment=environment)


def _invoke(argv):
    return invoke(fer_run, "fer-run", argv)


def note_dropout(folder, patch=setattr):
    """Let every dropout in training write which values of its first sample are zero into a file of the process."""
    real = torch.nn.Dropout.forward

    def forward(self, x):
        dropped = real(self, x)
        if self.training:
            with (folder / str(os.getpid())).open("a") as file:
                zeros = dropped[0].eq(0).nonzero()[:20].flatten().tolist()
                file.write(f"{(dropped[0] == 0).sum().item()} {zeros}\n")
        return dropped

    patch(torch.nn.Dropout, "forward", forward)


def stop_in_process_1(patch=setattr):
    """Let process 1 end the training after its first epoch."""
    real = EpochLog.on_train_epoch_end

    def stop(self, trainer, pl_module):
        real(self, trainer, pl_module)
        trainer.should_stop = trainer.global_rank == 1

    patch(EpochLog, "on_train_epoch_end", stop)
