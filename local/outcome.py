"""How the command line ends: exit codes and one-line errors for everything a user can meet."""

from __future__ import annotations

from functions.shared import errors
from functions.shared.errors import ChargebackError

CLOSED = 0
FAILED = 1


class UsageError(errors.BadInputError):
    """The command line asks for something that is not there."""


def exit_code_of(error_name: str) -> int:
    """The exit code of an error that a state machine reports by its class name."""
    found = getattr(errors, error_name, None)
    if isinstance(found, type) and issubclass(found, ChargebackError):
        return found.exit_code
    return FAILED
