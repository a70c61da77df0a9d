"""What a ticket says to those who can tag the resources."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby

from functions.shared.money import CENT
from functions.shared.periods import BillingPeriod
from functions.update_ticket.standing import AccountStanding, TicketRules, UntaggedResource

MOST_RESOURCES = 10
LONGEST_SUMMARY = 160
LONGEST_DESCRIPTION = 4000
"""What a ServiceNow incident holds of either."""

_EC2_ID = re.compile(r"(i|vol|snap|eni|nat|eipalloc|vpce|tgw|tgw-attach|vpn|subnet|ami)-[0-9a-f]{8,17}")
_ARN = re.compile(r"arn:[a-z-]+:[a-z0-9-]+:([a-z0-9-]*):")
_GLOBAL = "us-east-1"
"""Where what has no region is tagged."""
_VALUE = "VALUE"


def summary(standing: AccountStanding) -> str:
    """One line; it stays as it is while the numbers change."""
    return f"{_account(standing)}: cost without {standing.owner_tag}"[:LONGEST_SUMMARY]


def description(standing: AccountStanding, rules: TicketRules, due_on: date) -> str:
    """What is wrong, until when and how it is mended; without the last resources where it would be too long."""
    resources = standing.untagged_resources[:MOST_RESOURCES]
    while len(text := _description(standing, rules, due_on, resources)) > LONGEST_DESCRIPTION and resources:
        resources = resources[:-1]
    return text


def note(standing: AccountStanding, due_on: date | None) -> str:
    """What is new while the drift lasts."""
    due = f" Due {due_on}." if due_on else ""
    return "\n".join([f"{_state(standing)}{due}", *_listed(standing, standing.untagged_resources[:MOST_RESOURCES])])


def escalation(standing: AccountStanding, due_on: date | None) -> str:
    """Why the ticket is more urgent from now on."""
    return f"Past due since {due_on}, and more urgent for that.\n{note(standing, None)}"


def relapse(standing: AccountStanding, due_on: date | None) -> str:
    """Why the ticket is taken up again."""
    return f"The account drifts again.\n{note(standing, due_on)}"


def resolution(standing: AccountStanding, rules: TicketRules) -> str:
    """Why the ticket is resolved."""
    if standing.is_unused:
        month = BillingPeriod.parse(standing.billing_period).title
        return f"{standing.day}: nothing that could be tagged has been used in {month}."
    return f"{_state(standing)} That is below {percent(rules.clean_below)}."


def percent(ratio: Decimal) -> str:
    """A ratio as people read it: 0.0731 as 7.31 %."""
    return f"{ratio * 100:f}".rstrip("0").rstrip(".") + " %" if ratio else "0 %"


def shown(amount: Decimal, currency: str) -> str:
    """An amount to two decimals, for reading only."""
    return f"{amount.quantize(CENT, ROUND_HALF_UP):,} {currency}"


def _account(standing: AccountStanding) -> str:
    return f"{standing.account_name} ({standing.account_id})" if standing.account_name else standing.account_id


def _state(standing: AccountStanding) -> str:
    ratio = percent(standing.untagged_ratio)
    untagged = shown(standing.untagged_cost, standing.billing_currency)
    taggable = shown(standing.taggable_cost, standing.billing_currency)
    month = BillingPeriod.parse(standing.billing_period).title
    return f"{standing.day}: {untagged} of {taggable} in {month} have no tag {standing.owner_tag}, {ratio}."


def _description(
    standing: AccountStanding, rules: TicketRules, due_on: date, resources: Sequence[UntaggedResource]
) -> str:
    limit, clean = percent(rules.threshold), percent(rules.clean_below)
    return "\n".join(
        [
            f"AWS account {_account(standing)}",
            _state(standing),
            f"At most {limit} may be without it: what it pays for cannot be charged to who uses it.",
            f"Due {due_on}. The ticket is resolved by itself when less than {clean} is left.",
            "",
            *_listed(standing, resources),
            "",
            "How to mend it:",
            *_commands(standing.owner_tag, resources),
            f"{_VALUE} is the cost center that pays. AWS bills a tag from the hour in which it is set, so a month's "
            "share falls from day to day, and is known a day later.",
        ]
    )


def _listed(standing: AccountStanding, resources: Sequence[UntaggedResource]) -> Iterator[str]:
    if resources:
        yield f"The {len(resources)} most costly without {standing.owner_tag}:"
    for resource in resources:
        cost = shown(resource.cost, standing.billing_currency)
        yield f"- {cost}  {resource.service_name}  {resource.resource_id}"


def _commands(tag: str, resources: Sequence[UntaggedResource]) -> Iterator[str]:
    """The commands that set the tag; names are quoted, since whoever creates a resource chooses its name."""
    ids = [resource.resource_id for resource in resources]
    arns = [name for name in ids if _ARN.match(name)]
    ec2 = [shlex.quote(name) for name in ids if _EC2_ID.fullmatch(name)]
    for region, of_region in groupby(sorted(arns, key=_region), _region):
        listed = " ".join(shlex.quote(arn) for arn in of_region)
        command = f"aws resourcegroupstaggingapi tag-resources --region {region}"
        yield f"{command} --resource-arn-list {listed} --tags {tag}={_VALUE}"
    if ec2:
        yield f"aws ec2 create-tags --resources {' '.join(ec2)} --tags Key={tag},Value={_VALUE}"
    if len(arns) + len(ec2) < len(ids) or not ids:
        yield f"Set the tag {tag} on the others in their service's console, or in the code that makes them."


def _region(arn: str) -> str:
    found = _ARN.match(arn)
    return (found[1] if found else "") or _GLOBAL
