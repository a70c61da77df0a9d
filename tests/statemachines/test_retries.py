"""What a state tries again: what may pass, in every form that it has, under the name that Step Functions gives it."""

from __future__ import annotations

import re

import pytest

from functions.shared import errors
from functions.shared.errors import TransientError
from tests.statemachines.definition import CLOSE, REPLAY, VALIDATION, State, definition, states

MACHINES = (CLOSE, REPLAY, VALIDATION)
TASKS = {
    f"{machine}-{name}": state
    for machine in MACHINES
    for name, state in states(machine).items()
    if state.kind == "Task"
}
TEMPORARY = re.compile(
    r"Lambda\.(ServiceException|AWSLambdaException|SdkClientException|TooManyRequestsException)"
    r"|Athena\.(TooManyRequestsException|InternalServerException)"
    r"|SNS\.(InternalErrorException|ThrottledException)"
    r"|DynamoDB\.(ProvisionedThroughputExceededException|RequestLimitExceeded|ThrottlingException|InternalServerError)"
    r"|DynamoDb\.(ProvisionedThroughput|RequestLimit)ExceededException"
    r"|DynamoDb\.(ThrottlingException|InternalServerErrorException)"
    r"|StepFunctions\.(ExecutionLimitExceeded(Exception)?|ServiceUnavailableException|ThrottlingException)"
)
NAMED_BY_ITS_INTEGRATION = {
    "lambda:invoke": "Lambda",
    "athena:": "Athena",
    "sns:": "SNS",
    "states:": "StepFunctions",
    "dynamodb:": "DynamoDB",
    "aws-sdk:dynamodb:": "DynamoDb",
}
"""How Step Functions begins an error's name: an SDK integration spells the service otherwise than an optimized one."""

every_task = pytest.mark.parametrize("state", TASKS.values(), ids=TASKS)


@every_task
def test_only_what_is_temporary_is_tried_again(state: State) -> None:
    """Trying again does not make a bill final, a ledger add up, or the books accept what they refused."""
    for retry in state.body["Retry"]:
        for error in retry["ErrorEquals"]:
            named = getattr(errors, error, None)
            assert TEMPORARY.fullmatch(error) or (named and issubclass(named, TransientError)), error
        assert (retry["BackoffRate"], retry["JitterStrategy"]) == (2, "FULL")


def kin(error: type[Exception]) -> set[str]:
    """An error's name, and the names of all errors that are a kind of it."""
    return {error.__name__}.union(*(kin(special) for special in error.__subclasses__()))


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_tried_again_is_tried_again_in_every_form(machine: str) -> None:
    """Step Functions compares names: to it a rate limit is no kind of books that are away."""
    for state in states(machine).values():
        named = {error for retry in state.body.get("Retry", []) for error in retry["ErrorEquals"]}
        ours = [getattr(errors, error) for error in named if hasattr(errors, error)]

        assert set().union(*map(kin, ours)) <= named, state.name


def waits_for_the_books(machine: str) -> list[float]:
    """For how many seconds, on average, each state waits for books that ask to stay away."""
    waits = []
    for state in states(machine).values():
        for retry in state.body.get("Retry", []):
            if "BooksRateLimited" in retry["ErrorEquals"]:
                longest = [retry["IntervalSeconds"] * retry["BackoffRate"] ** n for n in range(retry["MaxAttempts"])]
                # With full jitter a wait is half as long on average.
                waits.append(sum(min(seconds, retry["MaxDelaySeconds"]) for seconds in longest) / 2)
    return waits


def test_a_close_asks_books_that_want_to_be_left_alone_for_an_hour() -> None:
    assert len(waits_for_the_books(CLOSE)) == 4
    assert min(waits_for_the_books(CLOSE)) >= 3600


def test_a_validation_ends_in_time_though_the_books_take_no_ticket_of_eighty_accounts() -> None:
    """Five accounts wait side by side; what was not told is told with the next delivery."""
    waits = waits_for_the_books(VALIDATION)

    assert min(waits) >= 15 * 60
    assert 80 / 5 * max(waits) < definition(VALIDATION)["TimeoutSeconds"]


@every_task
def test_an_error_of_a_service_is_named_as_its_integration_names_it(state: State) -> None:
    """Another spelling is not an error: it never matches, and nothing is tried again."""
    resource = state.body["Resource"].removeprefix("arn:aws:states:::")
    integration = "lambda:invoke" if resource.startswith("${") else resource
    [prefix] = [name for start, name in NAMED_BY_ITS_INTEGRATION.items() if integration.startswith(start)]
    matched = [
        error for retry in (*state.body["Retry"], *state.body.get("Catch", [])) for error in retry["ErrorEquals"]
    ]
    of_services = {error.partition(".")[0] for error in matched if "." in error} - {"States"}

    assert of_services == {prefix}
