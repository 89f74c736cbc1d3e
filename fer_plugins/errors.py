"""The one exception that means "the user's input is wrong"."""


class InputError(ValueError):
    """Wrong input: its text is one line that names the thing and the remedy; the commands exit with 2.

    Plug-ins raise plain ``ValueError`` (or ``OSError`` for files); the core adds whose plug-in spoke.
    """
