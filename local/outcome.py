"""How the command line ends: exit codes, and lines for everything that a user can meet."""

from __future__ import annotations

from functions.shared import errors
from functions.shared.errors import ChargebackError, InvalidPolicy
from local.aws.errors import LocalCloudError

CLOSED = 0
FAILED = 1
INTERRUPTED = 130


class UsageError(errors.BadInputError):
    """The command line asks for something that is not there, or cannot be."""


class ExecutionFailed(ChargebackError):
    """An execution of a state machine failed; ``error`` is the name that it reports, the message is the cause."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(cause)
        self.error = error


def exit_code_of(error: BaseException) -> int:
    """The exit code that an error ends the command with."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, ExecutionFailed):
        found = getattr(errors, error.error, None)
        return found.exit_code if isinstance(found, type) and issubclass(found, ChargebackError) else FAILED
    return error.exit_code if isinstance(error, ChargebackError) else FAILED


def lines_of(error: BaseException) -> list[str]:
    """What a user reads about an error: one line; for a policy one line per defect."""
    if isinstance(error, KeyboardInterrupt):
        return ["Interrupted: nothing is left running; run again to go on"]
    if isinstance(error, ExecutionFailed):
        return [_line(error.error, str(error))]
    if isinstance(error, InvalidPolicy) and error.defects:
        policy = str(error).partition(f": {len(error.defects)} defect")[0]
        return [_line(type(error).__name__, f"{policy}: {defect}") for defect in error.defects]
    return [_line(type(error).__name__, str(error))]


def is_expected(error: BaseException) -> bool:
    """Whether the error says itself what is wrong; anything else is a defect of this program."""
    return isinstance(error, ChargebackError | LocalCloudError | KeyboardInterrupt)


def _line(name: str, message: str) -> str:
    text = " ".join(message.split())
    return f"{name}: {text}" if text else name
