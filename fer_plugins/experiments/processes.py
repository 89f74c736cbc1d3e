"""Process 0 in a training on several devices: starts the other processes, or connects to those already started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import distributed as dist
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from fer_plugins.config import RunConfig
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.runs.record import Record
from fer_plugins.runtime.activity import doing, format_seconds
from fer_plugins.runtime.errors import InputError, RunError, one_line
from fer_plugins.runtime.launched import launched
from fer_plugins.runtime.ranks import gather, taking_part
from fer_plugins.training.devices import count_processes

TIMEOUT = timedelta(minutes=10)  # a process that does not respond for this long is considered lost
READING = timedelta(minutes=60)  # the same if srun or torchrun started them: they wait while process 0 reads the data
_TICK, _PATIENCE = 0.1, 5.0  # seconds
_left_group: Any = None  # see _leave_group


def backend() -> str:
    """Return the backends of the process group: gloo, and NCCL for tensors on a CUDA device."""
    return "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"


def send(task: Mapping[str, Any] | None) -> None:
    """Send the other processes what to train; None: there is nothing more to train."""
    dist.broadcast_object_list([task], src=0)


def receive() -> Mapping[str, Any] | None:
    """Wait for a message from process 0 and return it."""
    task: list[Any] = [None]
    dist.broadcast_object_list(task, src=0)
    message: Mapping[str, Any] | None = task[0]
    return message


class Together:
    """The processes of one training, until ``part`` is called."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._ends_them = False

    def enter(self, context: Any, *, ends_them: bool = False) -> None:
        """Enter a context that ``part`` leaves; ``ends_them``: the other processes end there, too."""
        self._stack.enter_context(context)
        self._ends_them |= ends_them

    def part(self, *, in_order: bool = True) -> None:
        """Continue with process 0 only; may be called twice.

        Args:
            in_order: whether the other processes are waiting for the message that there is nothing more to train.
        """
        if in_order and self._ends_them:
            send(None)
        self._ends_them = False
        self._stack.close()


@contextmanager
def together(record: Record, settings: RunConfig, data: FERDataModule, resume_from: Path | None) -> Iterator[Together]:
    """Context in which the processes that ``trainer.devices`` asks for train and score together.

    With a single process it does nothing.

    Raises:
        RunError: a process has ended, does not respond, or has read other data.
        InputError: srun or torchrun started several processes of a program other than fer-run.
    """
    group, count, children = Together(), count_processes(settings), list[Follower]()
    if count == 1:
        yield group
        return
    alone = launched() is None
    if not alone and not dist.is_initialized():
        raise InputError("several processes that srun or torchrun starts are for fer-run; start this program once")
    try:
        if alone:
            with doing(f"starting {count - 1} more process{'es' * (count > 2)}"):
                group.enter(_started(count, children), ends_them=True)
        folder = str(record.folder.absolute())
        send(
            {
                "config": settings.as_dict(),
                "folder": folder,
                "resume_from": resume_from and str(resume_from.absolute()),
                "threads": torch.get_num_threads(),
            }
        )
        group.enter(taking_part())
        with doing("waiting for the other processes to read the data"):
            read = gather((data.fingerprint, data.split_hash))
        if len(set(read)) > 1:
            number, values = next(entry for entry in enumerate(read) if entry[1] != read[0])
            raise RunError(f"process {number} has read other data than process 0 (fingerprint and split {values})")
        yield group
        group.part()
    except (InputError, RunError, KeyboardInterrupt):
        raise
    except Exception as error:
        cause = _find_cause(children)
        if cause is None and not alone and isinstance(error, RuntimeError):  # gloo's, if a connection is closed
            cause = f"a process has ended, and says why itself, or this one failed ({one_line(error, 200)})"
        if cause is None:
            raise
        text = f"{cause}; fer-run --resume continues after the last complete epoch"
        raise RunError(text) from error
    finally:
        for child in children:
            child.end()
        group.part(in_order=False)


class Follower:
    """A process on this machine that helps with a training; see ``follow``."""

    def __init__(self, number: int, port: int, count: int) -> None:
        self.number = number
        self._messages: TextIO = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fer_plugins.experiments.follow", str(port), str(number), str(count)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._messages,
            env={**os.environ, "LOCAL_RANK": str(number)},
            start_new_session=True,  # so that Ctrl-C only reaches process 0, which ends the others
        )

    def code(self) -> int | None:
        """Return the exit code, negative for a signal; None while the process is running."""
        return self._process.poll()

    def cause(self) -> tuple[float, str]:
        """Return when it failed (seconds since 1970, or 0 if ended by a signal) and why, as a sentence."""
        code = self._process.wait()
        if code < 0:
            return 0.0, f"process {self.number} was ended by {signal.Signals(-code).name}"
        self._messages.seek(0)
        lines = self._messages.read().strip().splitlines() or [""]
        when, _, text = lines[-1].partition(" ")
        try:
            return float(when), f"process {self.number}: {text[:400]}"
        except ValueError:  # it ended before it could print the reason
            return time.time(), f"process {self.number}: {lines[-1][:400] or f'exit code {code}'}"

    def end(self) -> None:
        """Kill the process and its loader processes if it is still running; it does not write anything."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._messages.close()


@contextmanager
def _started(count: int, children: list[Follower]) -> Iterator[None]:
    """Start the other processes on this machine and the process group; end both afterwards.

    Raises:
        RunError: a process ends before it has joined, or does not join within ``TIMEOUT``.
    """
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    store = TCPStore("127.0.0.1", 0, count, is_master=True, wait_for_workers=False, timeout=TIMEOUT)
    children += [Follower(number, store.port, count) for number in range(1, count)]
    end = time.monotonic() + TIMEOUT.total_seconds()
    while silent := [child for child in children if not store.check([f"ready{child.number}"])]:
        for child in children:
            if child.code() is not None:
                raise RunError(child.cause()[1])
        if time.monotonic() > end:
            numbers = ", ".join(str(child.number) for child in silent)
            raise RunError(f"process {numbers} has not started in {format_seconds(TIMEOUT.total_seconds())}")
        time.sleep(_TICK)
    dist.init_process_group(backend(), store=store, rank=0, world_size=count, timeout=TIMEOUT)
    try:
        yield
    finally:
        _leave_group()


def _leave_group() -> None:
    """Leave the process group, but keep its object until the next group is left.

    PyTorch 2.6 frees it with the interpreter's lock held, which a gloo thread may need for its last message: deadlock.
    """
    global _left_group
    group = dist.group.WORLD
    dist.destroy_process_group()
    _left_group = group


def _find_cause(children: list[Follower]) -> str | None:
    """Return why the first process ended, None if all are running; processes that lost it end after it."""
    end = time.monotonic() + _PATIENCE
    while children and time.monotonic() < end and not any(child.code() is not None for child in children):
        time.sleep(_TICK)
    ended = [child.cause() for child in children if child.code() not in (None, 0)]
    return min(ended)[1] if ended else None


@contextmanager
def leading() -> Iterator[None]:
    """Join the processes that srun or torchrun has started for one command, as number 0; do nothing without them."""
    if launched() is None:
        yield
        return
    join_launched()
    yield
    send(None)


def join_launched() -> None:
    """Join the process group of the processes that srun or torchrun has started.

    Raises:
        RunError: the processes cannot connect.
    """
    place = launched()
    assert place is not None
    if place.by == "srun":
        from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

        first = SLURMEnvironment.resolve_root_node_address(os.environ["SLURM_NODELIST"])
        os.environ.setdefault("MASTER_ADDR", first)
        # One port per job on a machine, as Lightning chooses it.
        os.environ.setdefault("MASTER_PORT", str(15_000 + int(os.environ["SLURM_JOB_ID"][-4:])))
    try:
        dist.init_process_group(
            backend(), init_method="env://", rank=place.rank, world_size=place.processes, timeout=READING
        )
    except (dist.DistError, RuntimeError, ValueError) as error:
        text = one_line(error, 300)
        raise RunError(f"the {place.processes} processes of {place.by} do not find one another: {text}") from error
