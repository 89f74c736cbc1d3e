"""The other processes of a training on several devices as forks of the test, which need not load PyTorch again."""

import os
import sys
import tempfile
import time
import traceback
from types import SimpleNamespace

from fer_plugins.experiments import follow, processes


class ForkedFollower(processes.Follower):
    """Does what ``python -m fer_plugins.experiments.follow`` does."""

    def __init__(self, number, port, count):
        self.number = number
        self._messages = tempfile.TemporaryFile("w+")
        child = os.fork()
        if child == 0:
            os.setsid()
            os.environ["LOCAL_RANK"] = str(number)
            os.dup2(self._messages.fileno(), 2)
            sys.stderr = os.fdopen(2, "w")
            code = 9
            try:
                follow.join(port, number, count)
                code = follow.follow()
            except BaseException:
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(code)
        self._ended = None
        self._process = SimpleNamespace(pid=child, poll=self._poll, wait=self._wait)

    def _poll(self):
        if self._ended is None:
            child, status = os.waitpid(self._process.pid, os.WNOHANG)
            self._ended = os.waitstatus_to_exitcode(status) if child else None
        return self._ended

    def _wait(self):
        while self._poll() is None:
            time.sleep(0.02)
        return self._ended
