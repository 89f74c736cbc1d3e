"""One process at a time works in a run's folder."""

import os
import signal
import subprocess
import sys
import time

import pytest
from support.killed_run import flags, fork, in_a_process, rows

from fer_plugins.commands import main
from fer_plugins.experiments.folder_lock import hold_folder
from fer_plugins.experiments.resuming import resume
from fer_plugins.experiments.run import run
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.module import FERModule


def test_a_folder_is_held_by_one_and_let_go_at_the_end(tmp_path):
    with hold_folder(tmp_path):
        with pytest.raises(InputError, match="another process is at work in it"), hold_folder(tmp_path):
            pass
        assert in_a_process(lambda: os._exit(7)) == 7  # a fork that ends lets nothing go
        with pytest.raises(InputError), hold_folder(tmp_path):
            pass
    with hold_folder(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_fork_that_outlives_a_killed_run_holds_nothing(tmp_path):
    code = (
        "import os, sys, time; from pathlib import Path; from fer_plugins.experiments.folder_lock import hold_folder\n"
        "with hold_folder(Path(sys.argv[1])):\n"
        "    child = os.fork()\n"
        "    if child == 0: print(os.getpid(), flush=True); time.sleep(300); os._exit(0)\n"
        "    time.sleep(300)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    child = int(process.stdout.readline())
    try:
        with pytest.raises(InputError), hold_folder(tmp_path):
            pass
        process.kill()
        process.wait()
        with hold_folder(tmp_path):
            pass
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_run_that_is_going_on_is_not_resumed_and_the_remedy_is_to_wait(toy, tmp_path, capsys):
    with pytest.MonkeyPatch.context() as patch:
        real = FERModule.training_step

        def wait(self, *arguments):
            if self.current_epoch == 3 and not (tmp_path / "go").exists():
                (tmp_path / "there").touch()
                end = time.monotonic() + 300
                while not (tmp_path / "go").exists() and time.monotonic() < end:
                    time.sleep(0.05)
            return real(self, *arguments)

        patch.setattr(FERModule, "training_step", wait)
        child = fork(lambda: run(flags(tmp_path / "runs")))
        end = time.monotonic() + 300
        while not (tmp_path / "there").exists() and time.monotonic() < end:
            time.sleep(0.05)
    (folder,) = (tmp_path / "runs").iterdir()
    before = (folder / "manifest.json").read_text()
    assert main.call("fer-run", main._run, ["--resume", str(folder)]) == 2
    message = capsys.readouterr().err
    assert message == f"fer-run: {folder}: another process is at work in it; wait until it has ended\n"
    assert (folder / "manifest.json").read_text() == before
    (tmp_path / "go").touch()
    os.waitpid(child, 0)
    assert Record.read(folder).manifest["status"] == "finished"
    assert len(rows(folder)) == 9
    with pytest.raises(InputError, match="this run is finished"):
        resume(folder)
