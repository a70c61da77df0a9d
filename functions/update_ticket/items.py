"""What a validation has measured, as the items of the Map that keeps the tickets."""

from __future__ import annotations

from datetime import date

from functions.measure_hygiene.model import Hygiene
from functions.shared.compiled_policy import PolicyOfRun
from functions.update_ticket.standing import TicketItem


def ticket_items(run_id: str, hygiene: Hygiene, policy: PolicyOfRun) -> list[TicketItem]:
    """One item an account that has taggable usage: a clean one may have a ticket that is resolved now."""
    rules = {
        "threshold": policy.untagged_threshold,
        "hysteresis": policy.untagged_hysteresis,
        "days_to_fix": policy.days_to_fix,
        "reopen_days": policy.reopen_days,
    }
    month = {
        "billing_period": hygiene.billing_period,
        "day": date.fromisoformat(hygiene.day),
        "billing_currency": hygiene.billing_currency,
        "owner_tag": policy.owner_tag,
    }
    measured = {"account_id", "account_name", "untagged_ratio", "untagged_cost", "taggable_cost"}
    items = []
    for account in hygiene.accounts:
        resources = [
            {"resource_id": one.resource_id, "service_name": one.service_name, "cost": one.exact_cost}
            for one in account.costly_untagged
        ]
        group = policy.ticket_groups.get(account.account_id, policy.ticket_group)
        standing = account.model_dump(include=measured) | month
        standing |= {"untagged_resources": resources, "ticket_group": group}
        items.append(TicketItem.model_validate({"run_id": run_id, "account": standing, "rules": rules}))
    return items
