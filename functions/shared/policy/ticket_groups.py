"""Who mends the tags of an account: the group in the books that gets its ticket."""

from __future__ import annotations

from functions.shared.periods import BillingPeriod
from functions.shared.policy.model import PolicyDocument


def ticket_group(policy: PolicyDocument, account_id: str, period: BillingPeriod) -> str:
    """The group of the account, else of the business unit that its cost center is in that month, else of all.

    Blank when the policy names none: then the rules of the books choose it. An account that the policy does not list
    is everybody's.
    """
    account = next((account for account in policy.accounts if account.id == account_id), None)
    if account and account.ticket_group:
        return account.ticket_group
    units = {unit.id: unit.ticket_group for unit in policy.business_units}
    owners = [
        center.business_unit
        for center in policy.cost_centers
        if account and center.id == account.cost_center and center.valid_in(str(period))
    ]
    of_owner = units[owners[0]] if owners else None
    return of_owner or policy.tags.ticket_group or ""


def all_ticket_groups(policy: PolicyDocument) -> set[str]:
    """Every group that the policy names."""
    named = [account.ticket_group for account in policy.accounts]
    named += [unit.ticket_group for unit in policy.business_units]
    return {group for group in (*named, policy.tags.ticket_group) if group}
