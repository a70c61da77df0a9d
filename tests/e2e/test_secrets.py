"""No secret is left anywhere: not by a month that closes, nor by one that fails and is told all that it had sent."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from tests.e2e.left_behind import PLACES
from tests.e2e.secret_runs import AWKWARD, Outcome, run_in_own_process
from tests.e2e.secret_search import search

pytestmark = pytest.mark.slow

EVERYWHERE = (
    "ServiceNow client secret",
    "ServiceNow password",
    "ServiceNow access token",
    "ServiceNow assertion",
    "secret key of AWS",
    "session token of AWS",
    "private key",
)
IN_USE = {"local": EVERYWHERE, "localvault": (*EVERYWHERE, "token of Vault", "accessor of Vault", "login to Vault")}
REPEATED_BY_SERVICENOW = {
    "ServiceNow repeats the form": "PostingUnauthorized",
    "ServiceNow repeats the Bearer header": "PostingUnauthorized",
    "ServiceNow repeats the Basic header": "PostingUnauthorized",
}
FAILURES = {
    "local": REPEATED_BY_SERVICENOW | {"ServiceNow repeats the assertion": "PostingUnauthorized"},
    "localvault": REPEATED_BY_SERVICENOW
    | {
        "Vault repeats the login": "VaultLoginRefused",
        "Vault repeats the header": "PostingError",
        "Vault does not sign": "SigningRefused",
    },
}
NOTHING_SENT = {"notification", "queue"}
"""Nobody has to approve here, and nothing that could be delivered was left undelivered."""

ENVIRONMENTS = [pytest.param(name, marks=pytest.mark.xdist_group(f"secrets of {name}")) for name in IN_USE]
"""Each on one worker of a parallel run: its closes take a minute."""

both = pytest.mark.parametrize("name", ENVIRONMENTS)


@pytest.fixture(scope="module")
def outcome_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Outcome]:
    """What came of the closes in an environment, which are run once for all tests."""
    return cache(lambda name: run_in_own_process(tmp_path_factory.mktemp(name), name))


@both
def test_a_month_is_closed_after_every_request_of_ours_was_refused_and_repeated(
    outcome_of: Callable[[str], Outcome], name: str
) -> None:
    outcome = outcome_of(name)
    assert outcome.failures == FAILURES[name]
    assert outcome.status == "CLOSED"
    exceptions = b"\n".join(left.content for left in outcome.left if left.place == "exception").decode()
    assert "BooksUnavailable" in exceptions
    assert "500 Bearer [redacted]" in exceptions
    assert exceptions.count("[redacted]") >= len(FAILURES[name]) - 1  # Vault's words about a secret are not quoted


@both
def test_every_secret_was_in_use_and_every_place_has_something_in_it(
    outcome_of: Callable[[str], Outcome], name: str
) -> None:
    outcome = outcome_of(name)
    assert tuple(outcome.secrets) == IN_USE[name]
    assert all(outcome.secrets.values())
    assert any(AWKWARD in value for value in outcome.secrets["ServiceNow password"])
    assert {left.place for left in outcome.left} == PLACES.keys()
    assert PLACES.keys() - {left.place for left in outcome.left if left.content} == NOTHING_SENT


@both
def test_no_secret_is_left_in_any_place(outcome_of: Callable[[str], Outcome], name: str) -> None:
    outcome = outcome_of(name)
    assert search(outcome.left, outcome.secrets) == []


@both
@pytest.mark.parametrize("place", PLACES)
def test_every_secret_that_is_planted_in_a_place_is_found_there(
    outcome_of: Callable[[str], Outcome], name: str, place: str
) -> None:
    outcome = outcome_of(name)
    for secret, values in outcome.secrets.items():
        assert {found.place for found in search(outcome.planted[place], {secret: values[:1]})} == {place}, secret
