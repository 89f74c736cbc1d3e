"""The exceptions that end a command with one line instead of a traceback."""


class InputError(ValueError):
    """Wrong input: its text is one line that names the thing and the remedy; the commands exit with 2.

    Plug-ins raise plain ``ValueError`` (or ``OSError`` for files); the core adds whose plug-in spoke.
    """


class RunError(RuntimeError):
    """A run that began cannot go on (NaN loss, full disk): one line with the cause; the commands exit with 1."""


class Interrupted(RunError):
    """The user stopped a run."""
