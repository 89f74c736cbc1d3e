"""Trainings on several devices: two and three gloo processes on the CPU give what one gives."""

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import torch
from support.forked import ForkedFollower, note_dropout, start_task_of_srun, stop_in_process_1

from fer_plugins import config
from fer_plugins.experiments import processes
from fer_plugins.experiments.resuming import resume
from fer_plugins.experiments.run import run
from fer_plugins.runs.record import Record
from fer_plugins.runtime import process
from fer_plugins.runtime.errors import InputError, Interrupted, RunError
from fer_plugins.training.devices import check_devices, describe_sharing

FER_RUN = str(Path(sys.executable).parent / "fer-run")
FLAGS = {
    "plugin": "lenet5",
    "data": {"name": "synthetic", "samples": 168, "batch_size": 32},  # the last batch to train on is a short one
    "optimizer": {"name": "SGD", "lr": 0.05},
    "augmentation": {"name": "none"},
    "trainer": {"epochs": 2, "threads": 1, "accelerator": "cpu", "progress": "plain"},
    "logger": {"name": "csv", "figures": "off"},
}


def flags(folder, devices, **changes):
    merged = {
        name: {**values, **changes.get(name, {})} if isinstance(values, dict) else values
        for name, values in {**FLAGS, "run": {"output": str(folder)}}.items()
    }
    merged["trainer"]["devices"] = devices
    return {**{name: value for name, value in changes.items() if name not in merged}, **merged}


@pytest.fixture(autouse=True)
def _forks(monkeypatch):
    monkeypatch.setattr(processes, "Follower", ForkedFollower)


def train_single_run(folder):
    return run(flags(folder, 1)).folder


@pytest.fixture
def single_run(kept, tmp_path):
    return kept("one", train_single_run, tmp_path)


def weights(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


def numbers(path):
    rows = list(csv.DictReader(path.open()))
    return [{name: float(value) for name, value in row.items() if _is_number(value)} for row in rows]


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("devices", [2, 3])
def test_several_processes_give_what_one_gives(single_run, tmp_path, devices, capsys):
    several = run(flags(tmp_path / "several", devices)).folder
    out = capsys.readouterr()
    assert out.out.count("epoch 1/2") == 1  # one of them prints
    assert out.out.count(f"{devices} processes share batches of 32") == 1
    assert out.err == ""
    ours, theirs = weights(single_run), weights(several)
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-6, rtol=0) for name in ours)
    for name in ("metrics.csv", "predictions.csv"):
        for alone, shared in zip(numbers(single_run / name), numbers(several / name), strict=True):
            alone.pop("seconds", None)
            shared.pop("seconds", None)
            assert shared == pytest.approx(alone, abs=2e-6)
    sources = [
        [row["source"] for row in csv.DictReader((run / "predictions.csv").open())] for run in (single_run, several)
    ]
    assert sources[0] == sources[1]
    assert {path.name for path in several.iterdir()} == {path.name for path in single_run.iterdir()}
    assert len(list(several.parent.iterdir())) == 1
    assert Record.read(several).manifest["sessions"][0]["device"] == f"{devices} x cpu, 1 thread"


def test_scores_of_one_checkpoint_are_the_same_bytes(single_run):
    """The run is resumed after its last epoch, so that three processes score the checkpoint that one has trained."""
    before = Record.read(single_run)
    predictions = (single_run / "predictions.csv").read_bytes()
    for name in ("metrics.json", "predictions.csv"):
        (single_run / name).unlink()
    before.write_manifest(status="interrupted")
    record = resume(single_run, {"trainer": {"devices": 3}})
    assert (single_run / "predictions.csv").read_bytes() == predictions
    assert record.metrics == before.metrics
    assert record.manifest["sessions"][-1]["changed"] == {"trainer.devices": [1, 3]}


def test_what_is_drawn_differs_between_processes_and_the_weights_do_not(toy, tmp_path, monkeypatch):
    drawn = tmp_path / "drawn"
    drawn.mkdir()
    monkeypatch.setattr(ForkedFollower, "prepare", [partial(note_dropout, drawn)])
    note_dropout(drawn, monkeypatch.setattr)
    run({**flags(tmp_path / "runs", 2, trainer={"epochs": 1}), "plugin": "toy"})
    first, second = [path.read_text() for path in drawn.iterdir()]
    assert len(first.splitlines()) == len(second.splitlines()) > 1
    assert first != second


def end_soon(sign, whom):
    """Send a signal when the first epoch is over: to a helper's process, or to this one."""
    started = []
    real = ForkedFollower.__init__

    def note(self, *arguments):
        real(self, *arguments)
        started.append(self._process.pid)

    def send(folder):
        while not list(folder.glob("*/checkpoints/last.ckpt")):
            time.sleep(0.05)
        os.kill(started[0] if whom == "helper" else os.getpid(), sign)

    return note, send, started


@pytest.mark.parametrize(
    ("sign", "whom", "error", "status"),
    [
        (signal.SIGKILL, "helper", RunError, "failed"),
        (signal.SIGINT, "command", Interrupted, "interrupted"),
        (signal.SIGTERM, "command", Interrupted, "interrupted"),
    ],
)
def test_the_end_of_one_process_ends_the_run(tmp_path, monkeypatch, sign, whom, error, status):
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    note, send, started = end_soon(sign, whom)
    monkeypatch.setattr(ForkedFollower, "__init__", note)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process.interrupt_on_signals()
    threading.Thread(target=send, args=[tmp_path / "runs"], daemon=True).start()
    try:
        with pytest.raises(error) as raised:
            run(flags(tmp_path / "runs", 3, trainer={"epochs": 5000}))
    finally:
        process.interrupt_on_signals()  # counts from nothing again
        for number, handler in before.items():
            signal.signal(number, handler)
    if whom == "helper":
        assert "process 1 was ended by SIGKILL; fer-run --resume continues after the last complete epoch" in str(
            raised.value
        )
    folder = next((tmp_path / "runs").iterdir())
    assert json.loads((folder / "manifest.json").read_text())["status"] == status
    assert not [child for child in started if Path(f"/proc/{child}").exists()]
    assert not torch.distributed.is_initialized()


def test_what_one_process_ends_ends_in_all(tmp_path, monkeypatch):
    monkeypatch.setattr(ForkedFollower, "prepare", [stop_in_process_1])
    stop_in_process_1(monkeypatch.setattr)
    record = run(flags(tmp_path, 2, trainer={"epochs": 50}))
    assert record.manifest["epochs"] == 1


def test_a_helper_that_never_starts_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(ForkedFollower, "prepare", [partial(time.sleep, 300)])
    monkeypatch.setattr(processes, "TIMEOUT", timedelta(seconds=1))
    with pytest.raises(RunError, match="process 1 has not started in 1 s"):
        run(flags(tmp_path / "runs", 2))
    (folder,) = (tmp_path / "runs").iterdir()
    assert json.loads((folder / "manifest.json").read_text())["status"] == "failed"


def test_a_helper_that_fails_says_why_once(toy, tmp_path):
    changes = {**flags(tmp_path, 2), "plugin": "toy", "model": {"explode_at": 3}}
    with pytest.raises(RunError, match="the loss is nan at epoch 1, step 3"):
        run(changes)


@pytest.mark.slow
def test_the_command_itself_ends_with_one_line_when_a_process_is_killed(tmp_path):
    argv = [FER_RUN, "--plugin", "lenet5", "--data", "synthetic", "--data.samples", "105", "--trainer.epochs", "9999"]
    argv += ["--trainer.devices", "2", "--trainer.accelerator", "cpu", "--logger", "none"]
    argv += ["--run.output", tmp_path / "runs", "--selection.patience", "9999", "--augmentation", "none"]
    command = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in command.stdout:
        if line.startswith("epoch 1/"):
            break
    assert command.poll() is None, command.stderr.read()
    children = Path(f"/proc/{command.pid}/task/{command.pid}/children").read_text().split()
    helpers = [child for child in children if b"experiments.follow" in Path(f"/proc/{child}/cmdline").read_bytes()]
    assert len(helpers) == 1
    os.kill(int(helpers[0]), signal.SIGKILL)
    _, err = command.communicate(timeout=300)
    assert command.returncode == 1
    folder = next((tmp_path / "runs").iterdir())
    assert err == (
        "fer-run: process 1 was ended by SIGKILL; fer-run --resume continues after the last complete epoch. "
        f"Folder: {folder}\n"
    )


def free_port():
    """Return a port below those that the system hands out: no other test is given it before the tasks listen there."""
    for port in range(15_000, 20_000):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def test_processes_that_srun_starts_train_together(single_run, tmp_path):
    """The environment of two tasks of one node, as srun sets it; there is no SLURM here."""
    path = tmp_path / "config.yaml"
    path.write_text(config.dump(config.resolve(flags(tmp_path / "tasks", 2)).config))
    port = free_port()
    job = {"SLURM_JOB_ID": "4242", "SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NUM_NODES": "1"}
    job |= {"SLURM_NODELIST": "localhost", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}
    tasks = [start_task_of_srun(number, job, ["--config", str(path)], tmp_path) for number in range(2)]
    for task in tasks:
        task.join(600)
    codes = [task.exitcode for task in tasks]
    printed = [(tmp_path / name).read_text() for name in ("err0", "err1", "out1")]
    printed = [re.sub(r"\[Gloo\] Rank \d is connected.*\n", "", text) for text in printed]  # PyTorch 2.8 prints it
    assert (codes, printed) == ([0, 0], ["", "", ""])
    assert "2 processes share batches of 32: 16 images each" in (tmp_path / "out0").read_text()
    folder = next((tmp_path / "tasks").iterdir())
    ours, theirs = weights(single_run), weights(folder)
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-6, rtol=0) for name in ours)


@pytest.mark.parametrize(
    ("changes", "environment", "words"),
    [
        ({"devices": [0]}, {}, "trainer.devices: a list names GPUs, and this run has none"),
        ({"num_nodes": 2}, {}, "trainer.num_nodes: 2 machines take a launcher"),
        ({"strategy": "ddp"}, {}, "trainer.strategy: ddp needs several devices; raise trainer.devices"),
        ({"devices": 17}, {}, "data.batch_size: 17 processes share batches of 32, and each needs two images; give at"),
        (
            {"devices": 4},
            {"nodes": 1},
            "trainer.devices: 4 on each of 1 machines, and torchrun has started 2 processes",
        ),
        ({"devices": 1}, {"nodes": 2}, "trainer.num_nodes: is 1, and torchrun has started this command on 2; give 2"),
    ],
)
def test_devices_that_are_not_there_are_refused(monkeypatch, changes, environment, words):
    if environment:
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
        for name, value in {
            "RANK": 0,
            "WORLD_SIZE": 2,
            "LOCAL_RANK": 0,
            "GROUP_WORLD_SIZE": environment["nodes"],
        }.items():
            monkeypatch.setenv(name, str(value))
    settings = config.resolve({**flags("runs", 1), "trainer": {"accelerator": "cpu", **changes}}).config
    with pytest.raises(InputError) as raised:
        check_devices(settings)
    assert words in str(raised.value)


def test_remedies_for_devices(monkeypatch):
    settings = config.resolve(flags("runs", 17, data={"batch_size": 34})).config
    check_devices(settings)
    assert describe_sharing(settings) == "17 processes share batches of 34: 2 images each"
    for name, value in {
        "TORCHELASTIC_RUN_ID": 1,
        "RANK": 1,
        "WORLD_SIZE": 4,
        "LOCAL_RANK": 1,
        "GROUP_WORLD_SIZE": 2,
    }.items():
        monkeypatch.setenv(name, str(value))
    two_nodes = flags("runs", "auto", trainer={"num_nodes": 2})
    check_devices(config.resolve(two_nodes).config)
    assert (
        describe_sharing(config.resolve(two_nodes).config)
        == "4 processes on 2 machines share batches of 32: 8 images each"
    )
    with pytest.raises(InputError, match="num_nodes"):
        config.resolve(flags("runs", 1, trainer={"num_nodes": 0}))
    with pytest.raises(InputError, match="devices"):
        config.resolve(flags("runs", 0))


def scontrol(folder, code=0):
    """Make a program of that name, which notes its words."""
    path = folder / "scontrol"
    path.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\necho "no such job" >&2\nexit {code}\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("code", [0, 1])
def test_slurms_signal_ends_the_run_and_starts_its_job_again(single_run, tmp_path, monkeypatch, code):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    scontrol(tmp_path, code)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)}
    process.interrupt_on_signals()
    monkeypatch.setattr("fer_plugins.training.module.FERModule.on_train_epoch_start", _signal_in_the_second_epoch)
    try:
        with pytest.raises(Interrupted) as raised:
            run(flags(tmp_path / "runs", 1))
    finally:
        process.interrupt_on_signals()
        for number, handler in before.items():
            signal.signal(number, handler)
    assert (tmp_path / "asked").read_text() == "requeue 17\n"
    ending = "scontrol does not start it again (no such job)" if code else "it waits to be started again"
    assert f"interrupted, the time of SLURM's job 17 is over, and {ending}" in str(raised.value)
    monkeypatch.undo()
    folder = next((tmp_path / "runs").iterdir())
    assert Record.read(folder).manifest["status"] == "interrupted"
    resume(folder)
    assert (folder / "predictions.csv").read_bytes() == (single_run / "predictions.csv").read_bytes()


def _signal_in_the_second_epoch(module):
    torch.manual_seed(0)
    module._sums = torch.zeros(4)
    if module.current_epoch == 1:
        os.kill(os.getpid(), signal.SIGUSR1)


def test_the_template_begins_a_run_and_goes_on_with_it(tmp_path):
    (tmp_path / "srun").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "srun").chmod(0o755)
    template = Path(__file__).parents[2] / "configs" / "slurm" / "fer-run.sbatch"
    job = {"SLURM_JOB_ID": "9", "SLURM_NTASKS_PER_NODE": "2", "SLURM_JOB_NUM_NODES": "3"}
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", **job}

    def start(**more):
        argv = ["bash", str(template), "--plugin", "lenet5"]
        done = subprocess.run(argv, cwd=tmp_path, env={**environment, **more}, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split("fer-run ", 1)[1].strip()

    begun = "--plugin lenet5 --run.output runs/slurm-9 --trainer.devices 2 --trainer.num_nodes 3"
    assert start() == begun
    assert start(SLURM_RESTART_COUNT="1") == begun  # it was stopped before it had a folder
    run_folder = tmp_path / "runs" / "slurm-9" / "lenet5-synthetic"
    run_folder.mkdir(parents=True)
    (run_folder / "manifest.json").write_text("{}")
    assert start(SLURM_RESTART_COUNT="1") == "--resume runs/slurm-9/lenet5-synthetic"


def test_the_process_group_is_not_freed_as_it_is_left():
    """PyTorch would hold the interpreter's lock, which a thread of gloo may want for the last message: a hang."""
    with processes._started(1, []):
        processes.send(None)
        group = weakref.ref(torch.distributed.group.WORLD)
    assert group() is not None
    assert not torch.distributed.is_initialized()
    with processes._started(1, []):
        processes.send(None)
    assert group() is None  # one at most is kept
