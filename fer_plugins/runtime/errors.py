"""Exceptions that end a command with one line instead of a traceback."""


class InputError(ValueError):
    """Invalid user input: one line that names the problem and the remedy; commands exit with code 2.

    Plug-ins raise plain ``ValueError`` (or ``OSError`` for files), to which the core adds the name of the plug-in.

    Args:
        *args: The message.
        key: The wrong option, for code that needs to know it; the message is only for the user.
    """

    def __init__(self, *args: object, key: str | None = None) -> None:
        super().__init__(*args)
        self.key = key


class RunError(RuntimeError):
    """A run that has started cannot continue (NaN loss, full disk): one line with the cause; commands exit with code 1.

    Args:
        *args: The message.
        cause: The part of the message that states the cause, for use in other messages.
    """

    def __init__(self, *args: object, cause: str = "") -> None:
        super().__init__(*args)
        self.cause = cause


class Interrupted(RunError):
    """Raised if the user stops a run."""


def one_line(error: BaseException, most: int | None = None) -> str:
    r"""Return the text of an error as one line of at most ``most`` characters, or its class if it has no text.

    >>> one_line(ValueError("no\nsuch thing")), one_line(KeyError())
    ('no such thing', 'KeyError')
    """
    return " ".join(str(error).split())[:most] or type(error).__name__


def first_line(error: BaseException, most: int | None = None) -> str:
    r"""Return the class of an error and the first line of its text, together at most ``most`` characters.

    For errors of other libraries, whose texts may be a page long.

    >>> first_line(ValueError("no\nsuch thing")), first_line(KeyError())
    ('ValueError: no', 'KeyError')
    """
    line = next(iter(str(error).strip().splitlines()), "").rstrip(" .")
    return f"{type(error).__name__}: {line}"[:most] if line else type(error).__name__
