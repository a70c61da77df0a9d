"""What a validation has measured, as the items of the Map that keeps the tickets."""

from __future__ import annotations

from datetime import date

from functions.measure_hygiene.model import AccountHygiene, Hygiene
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.money import ZERO
from functions.update_ticket.standing import TicketItem


def ticket_items(run_id: str, hygiene: Hygiene, policy: PolicyOfRun) -> list[TicketItem]:
    """One item an account that has taggable usage or is in the policy: one without drift may have a ticket to end."""
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
    measured = {account.account_id: _measured(account) for account in hygiene.accounts}
    unused = {account: _unused(account, name) for account, name in policy.accounts.items() if account not in measured}
    return [
        TicketItem.model_validate(
            {
                "run_id": run_id,
                "account": standing | month | {"ticket_group": policy.ticket_groups.get(account, policy.ticket_group)},
                "rules": rules,
            }
        )
        for account, standing in (measured | unused).items()
    ]


def _measured(account: AccountHygiene) -> dict[str, object]:
    measures: dict[str, object] = account.model_dump(
        include={"account_id", "account_name", "untagged_ratio", "untagged_cost", "taggable_cost"}
    )
    resources = [
        {"resource_id": one.resource_id, "service_name": one.service_name, "cost": one.exact_cost}
        for one in account.costly_untagged
    ]
    return measures | {"untagged_resources": resources}


def _unused(account_id: str, name: str) -> dict[str, object]:
    """An account of the policy that the month has no taggable usage of: it may have had some the month before."""
    nothing = dict.fromkeys(("untagged_ratio", "untagged_cost", "taggable_cost"), ZERO)
    return {"account_id": account_id, "account_name": name, **nothing}
