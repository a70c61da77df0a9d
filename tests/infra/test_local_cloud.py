"""The local cloud creates what every environment declares; what it only accepts is listed with its reason."""

from __future__ import annotations

from collections.abc import Callable

from infra.environments import ENVIRONMENTS
from local.aws.cloudformation import HANDLERS, MEANINGLESS_HERE, MOTO_CREATES
from tests.infra.stacks import Stacks

ACCEPTED = {
    "AWS::BCMDataExports::Export",
    "AWS::CDK::Metadata",
    "AWS::CE::AnomalyMonitor",
    "AWS::CE::AnomalySubscription",
    "AWS::Organizations::Policy",
}
"""Every type of which the local cloud creates nothing; a new one is added here by somebody who has thought about it."""

BY_THE_CLI = {"AWS::CDK::Metadata"}
"""What only the CDK CLI adds, when it synthesizes."""


def declared(stacks: Stacks) -> set[str]:
    return {body["Type"] for template in stacks.templates.values() for body in template["Resources"].values()}


def test_every_declared_type_is_created_or_accepted_for_a_reason(stacks: Stacks) -> None:
    assert declared(stacks) - HANDLERS.keys() - MOTO_CREATES == declared(stacks) & ACCEPTED


def test_the_accepted_types_are_these_and_each_has_a_reason() -> None:
    assert MEANINGLESS_HERE.keys() == ACCEPTED
    assert all(len(reason.split()) > 3 for reason in MEANINGLESS_HERE.values())


def test_a_type_is_created_in_one_way() -> None:
    assert not HANDLERS.keys() & MOTO_CREATES
    assert not (HANDLERS.keys() | MOTO_CREATES) & ACCEPTED


def test_no_accepted_type_is_left_over(stacks_of: Callable[[str], Stacks]) -> None:
    assert set().union(*(declared(stacks_of(name)) for name in ENVIRONMENTS)) >= ACCEPTED - BY_THE_CLI
