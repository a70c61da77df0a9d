"""How errors end the command."""

from __future__ import annotations

import pytest

from functions.shared.errors import ChargebackError, InvalidPolicy, PeriodLocked
from local.aws.errors import StateInUse
from local.outcome import ExecutionFailed, UsageError, exit_code_of, is_expected, lines_of


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("InvalidManifest", 2),
        ("InvoicesNotFinal", 3),
        ("ReconciliationFailed", 4),
        ("PostingMismatch", 5),
        ("BooksUnavailable", 5),
        ("PeriodLocked", 1),
        ("States.Runtime", 1),
        ("Sequence", 1),  # a name of the errors module that is no error
    ],
)
def test_the_error_of_an_execution_decides_the_exit_code(error: str, code: int) -> None:
    assert exit_code_of(ExecutionFailed(error, "because")) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [(UsageError("x"), 2), (PeriodLocked("x"), 1), (StateInUse("x"), 1), (KeyboardInterrupt(), 130), (OSError("x"), 1)],
)
def test_an_error_of_the_command_decides_the_exit_code(error: BaseException, code: int) -> None:
    assert exit_code_of(error) == code


def test_an_error_is_one_line_that_begins_with_its_name() -> None:
    assert lines_of(ExecutionFailed("QueryFailed", "SYNTAX_ERROR:\n  line 3")) == ["QueryFailed: SYNTAX_ERROR: line 3"]
    assert lines_of(ValueError()) == ["ValueError"]


def test_a_policy_has_a_line_for_every_defect_however_many() -> None:
    error = InvalidPolicy("policy.yaml: 60 defects: …; and 10 more")
    error.defects = [f"rules[{number}].to: is missing" for number in range(60)]
    assert lines_of(error) == [f"InvalidPolicy: policy.yaml: rules[{number}].to: is missing" for number in range(60)]


def test_an_error_nobody_named_is_a_defect_of_the_program() -> None:
    assert is_expected(ChargebackError("x"))
    assert is_expected(StateInUse("x"))
    assert not is_expected(KeyError("x"))
