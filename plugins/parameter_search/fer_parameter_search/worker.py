"""``python -m fer_parameter_search.worker``: run one cell in its own process and write down the outcome.

It ends on SIGINT, or together with the process that started it: otherwise, after a grid or a Ray worker was killed, its
run would continue unnoticed.

Arguments: "--config" and a configuration file or "--resume" and a run's folder, then the output file, which is JSON:
``run`` (the finished run's folder, or null) and ``error`` (the reason if there is none, or null).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

from fer_plugins import config
from fer_plugins.config.tolerance import tolerate_damage
from fer_plugins.runs.record import Record, write_atomically
from fer_plugins.runtime import activity
from fer_plugins.runtime.errors import InputError, RunError, one_line
from fer_plugins.runtime.process import interrupt_on_signals, let_threads_wait

_TICK = 1.0  # seconds


def main(mode: str, source: str, ending: str) -> int:
    """Run a cell and write down its outcome; return the exit code."""
    let_threads_wait()
    tolerate_damage()
    run, error, code = None, None, 0
    try:
        with activity.watched(sys.stdout):
            run = str(_run(mode, source).folder)
    except (InputError, RunError) as problem:
        error, code = one_line(problem), 2 if isinstance(problem, InputError) else 1
        print(f"fer-run: {error}", file=sys.stderr)
    except (Exception, KeyboardInterrupt) as problem:
        error, code = f"{type(problem).__name__}: {problem}".strip().removesuffix(":"), 1
        traceback.print_exc()
    write_atomically(Path(ending), json.dumps({"run": run, "error": error}) + "\n")
    return code


def _run(mode: str, source: str) -> Record:
    from fer_plugins.experiments.resuming import resume  # PyTorch, which reads at import how threads wait
    from fer_plugins.experiments.run import run

    return resume(source) if mode == "--resume" else run(config.resolve(files=[source]))


def _interrupt_when_alone(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_TICK)
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background process ignores it
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # and Ray's workers block it
    threading.Thread(target=_interrupt_when_alone, args=[os.getppid()], daemon=True).start()
    interrupt_on_signals()
    sys.exit(main(*sys.argv[1:]))
