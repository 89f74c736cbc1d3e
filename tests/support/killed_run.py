"""Runs that are killed in the middle, and what a finished one says: shared by the tests of resuming."""

import csv
import faulthandler
import gc
import os
import signal
import sys
import traceback
import warnings

import pytest
import torch

from fer_plugins.experiments.run import run
from fer_plugins.runs.record import Record
from fer_plugins.training.module import FERModule

# The best epoch is an early one, so that whatever writes a checkpoint only at a new best is found out.
FLAGS = {
    "plugin": "toy",
    "data": {"name": "synthetic", "samples": 105, "image_size": 24, "batch_size": 32},
    "optimizer": {"lr": 0.05},
    "trainer": {"epochs": 9, "threads": 1, "progress": "none", "accelerator": "cpu"},
    "logger": {"name": "csv", "figures": "off"},
}


def flags(folder, **changes):
    merged = {**FLAGS, "run": {"output": str(folder)}}
    for name, values in changes.items():
        merged[name] = {**merged.get(name, {}), **values} if isinstance(values, dict) else values
    return merged


def rows(folder):
    return list(csv.DictReader((folder / "metrics.csv").open()))


def ended(folder):
    """Return all that a finished run says, less times and names of folders."""
    record = Record.read(folder)
    best = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
    facts = {name: record.manifest[name] for name in ("status", "best_epoch", "epochs", "split_hash", "warnings")}
    table = [{**row, "seconds": ""} for row in rows(folder)]
    weights = {name: value.tolist() for name, value in best["state_dict"].items()}
    return facts, record.metrics, (folder / "predictions.csv").read_text(), table, best["epoch"], weights


def kill_in(epoch, monkeypatch, where="training_step"):
    """Let a run end in ``epoch`` (from 1) without a word in its manifest."""
    real = getattr(FERModule, where)

    def stop(self, *arguments):
        if self.current_epoch == epoch - 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, *arguments)

    monkeypatch.setattr(FERModule, where, stop)


def fork(work):
    """Run ``work`` in a fork, which may be killed; return its process id.

    Threads do not come along. A fork that collects what owns some, such as the store of a process group, waits for
    ever for them to end: it is collected before, and nothing that is older than the fork in it. GNU's OpenMP waits for
    ever as well where there were several threads, so that the fork has one. One that hangs all the same prints where
    after five minutes, and ends by SIGALRM.
    """
    gc.collect()
    child = os.fork()
    if child == 0:
        try:
            gc.freeze()
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            faulthandler.register(signal.SIGALRM, file=sys.__stderr__, chain=True)
            signal.alarm(300)
            torch.set_num_threads(1)
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
            os._exit(3)
    return child


def in_a_process(work):
    """Run ``work`` in a fork, which may be killed; return its exit status."""
    return os.waitstatus_to_exitcode(os.waitpid(fork(work), 0)[1])


def killed(tmp_path, epoch=7, **changes):
    """Return the folder of a run that was killed in ``epoch``.

    A fork inherits locks and half-finished work of pytest's other threads. One that fails before its run has a folder
    is started again, with a warning; what it printed is in the test's output.
    """
    with pytest.MonkeyPatch.context() as patch:
        kill_in(epoch, patch)
        for _ in range(2):
            status = in_a_process(lambda: run(flags(tmp_path / "runs", **changes)))
            if status == -signal.SIGKILL or (tmp_path / "runs").exists():
                break
            warnings.warn(f"a fork ended with {status} before its run had a folder; it is started again", stacklevel=2)
    assert status == -signal.SIGKILL, f"exit status {status}"
    return next((tmp_path / "runs").iterdir())
