"""The exceptions that end a command with one line instead of a traceback."""


class InputError(ValueError):
    """Wrong input: its text is one line that names the thing and the remedy; the commands exit with 2.

    Plug-ins raise plain ``ValueError`` (or ``OSError`` for files); the core adds whose plug-in spoke.

    Args:
        *args: the text.
        key: the option that is wrong, for code that must know it; the text is for the user alone.
    """

    def __init__(self, *args: object, key: str | None = None) -> None:
        super().__init__(*args)
        self.key = key


class RunError(RuntimeError):
    """A run that began cannot go on (NaN loss, full disk): one line with the cause; the commands exit with 1.

    Args:
        *args: the text.
        cause: the part of it that says why, where another text is made of it.
    """

    def __init__(self, *args: object, cause: str = "") -> None:
        super().__init__(*args)
        self.cause = cause


class Interrupted(RunError):
    """The user stopped a run."""


def one_line(error: BaseException, most: int | None = None) -> str:
    r"""Return the text of an error in one line, of at most so many characters; its class where it has no text.

    >>> one_line(ValueError("no\nsuch thing")), one_line(KeyError())
    ('no such thing', 'KeyError')
    """
    return " ".join(str(error).split())[:most] or type(error).__name__


def first_line(error: BaseException, most: int | None = None) -> str:
    r"""Return the class of an error and the first line of its text, of at most so many characters.

    For errors of other libraries, whose texts go on for a page.

    >>> first_line(ValueError("no\nsuch thing")), first_line(KeyError())
    ('ValueError: no', 'KeyError')
    """
    line = next(iter(str(error).strip().splitlines()), "").rstrip(" .")
    return f"{type(error).__name__}: {line}"[:most] if line else type(error).__name__
