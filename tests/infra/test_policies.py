"""The evaluator of policies decides as AWS documents it, on the points that our policies depend on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.infra.policies import EVERYTHING, Caller, Guarded, holds

OURS, OTHERS = "111111111111", "999999999999"
BUCKET = "arn:aws:s3:::bucket"
OBJECT = f"{BUCKET}/key"
READER = f"arn:aws:iam::{OURS}:role/reader"

ADMINISTRATOR = Caller("administrator", OURS, f"arn:aws:iam::{OURS}:role/administrator", statements=(EVERYTHING,))
STRANGER = Caller("stranger", OTHERS, f"arn:aws:iam::{OTHERS}:role/administrator", statements=(EVERYTHING,))
POWERLESS = Caller("powerless", OURS, READER)
LISTED = Caller("listed", OURS, READER, statements=(EVERYTHING,))
ANYBODY = Caller("anybody")
SERVICE = Caller("service", service="logging.s3.amazonaws.com", says={"aws:SourceAccount": OURS})
CALLERS = (ADMINISTRATOR, STRANGER, POWERLESS, LISTED, ANYBODY, SERVICE)


def reading(*statements: dict[str, Any], decides_alone: bool = False) -> set[str]:
    """The callers that may read, each statement completed to one about reading."""
    about = {"Action": "s3:GetObject", "Resource": f"{BUCKET}/*", "Principal": "*"}
    guarded = Guarded(BUCKET, OURS, tuple(about | statement for statement in statements), decides_alone)
    return {caller.name for caller in CALLERS if guarded.lets(caller, "s3:GetObject", OBJECT)}


def deny(condition: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"Effect": "Deny", "Condition": condition or {}}


def allow(principal: Any, condition: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Condition": condition or {}}


def test_without_a_bucket_policy_the_accounts_own_policies_decide() -> None:
    assert reading() == {"administrator", "listed"}


def test_a_key_or_a_trust_without_a_grant_lets_nobody_in() -> None:
    assert reading(decides_alone=True) == set()


def test_a_denial_beats_every_grant() -> None:
    assert reading(allow("*"), deny()) == set()


def test_a_denial_of_all_but_one_role_also_denies_whoever_has_no_role() -> None:
    but_reader = deny({"ArnNotEquals": {"aws:PrincipalArn": [READER]}})
    assert reading(allow("*"), but_reader) == {"listed", "powerless"}


def test_a_denial_of_all_but_one_service_also_denies_every_role() -> None:
    but_logging = deny({"StringNotEquals": {"aws:PrincipalServiceName": "logging.s3.amazonaws.com"}})
    assert reading(allow("*"), but_logging) == {"service"}


def test_a_condition_that_does_not_negate_is_false_without_its_key_unless_it_says_if_exists() -> None:
    only_reader = {"aws:PrincipalArn": READER}
    assert reading(allow("*", {"ArnEquals": only_reader})) == {"administrator", "listed", "powerless"}
    assert reading(allow("*", {"ArnEqualsIfExists": only_reader})) >= {"anybody", "service"}


def test_null_asks_whether_a_key_is_missing() -> None:
    assert reading(allow("*"), deny({"Null": {"aws:PrincipalServiceName": "true"}})) == {"service"}


def test_an_account_as_principal_leaves_it_to_the_policies_in_that_account() -> None:
    assert reading(allow({"AWS": f"arn:aws:iam::{OURS}:root"}), decides_alone=True) == {"administrator", "listed"}
    assert reading(allow({"AWS": OTHERS})) == {"administrator", "listed", "stranger"}


def test_a_role_as_principal_needs_no_policy_of_its_own_in_the_same_account() -> None:
    assert reading(allow({"AWS": READER}), decides_alone=True) == {"listed", "powerless"}


def test_a_caller_chooses_well_what_a_caller_can_choose() -> None:
    assert reading(allow("*"), deny({"Bool": {"aws:SecureTransport": "false"}})) == {c.name for c in CALLERS}


def test_patterns_are_of_any_text_and_actions_of_any_case() -> None:
    assert reading(allow("*"), deny() | {"Action": "S3:getobj*"}) == set()
    assert reading(allow("*"), deny() | {"Resource": f"{BUCKET}/k?z"}) == {c.name for c in CALLERS}
    assert reading(allow("*"), {"Effect": "Deny", "NotAction": "s3:PutObject", "Action": ""}) == set()


def test_what_is_not_understood_is_an_error() -> None:
    with pytest.raises(ValueError, match="not understood"):
        reading(deny({"StringEqualsIgnoreCase": {"aws:PrincipalArn": READER}}))


@pytest.mark.parametrize(
    ("operator", "value", "said", "is_true"),
    [
        ("NumericLessThan", "10", "9", True),
        ("NumericLessThan", "10", "10", False),
        ("NumericLessThan", "10", None, False),
        ("NumericLessThanIfExists", "10", None, True),
        ("StringNotEquals", "COMPLIANCE", "GOVERNANCE", True),
        ("StringNotEquals", "COMPLIANCE", "COMPLIANCE", False),
        ("StringNotEquals", "COMPLIANCE", None, True),
        ("Bool", "false", "true", False),
        ("Bool", "false", None, False),
        ("Null", "true", "*", False),
        ("Null", "true", None, True),
        ("Null", "false", None, False),
    ],
)
def test_a_condition_on_what_is_sent(operator: str, value: str, said: str | None, is_true: bool) -> None:
    assert holds(operator, [value], said) is is_true
