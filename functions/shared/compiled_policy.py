"""The part of a compiled policy that functions read beside its tables."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from functions.shared.money import ZERO, Cents, ExactAmount
from functions.shared.policy import CompiledPolicy, Policy
from functions.shared.policy.model import DriverSplit
from functions.shared.policy.ticket_groups import ticket_group


class AdjustmentOfRun(BaseModel):
    """What a statement says of an adjustment: between whom it moves cost, why, and which statement it settles."""

    model_config = ConfigDict(frozen=True)

    from_cost_center: str
    to_cost_center: str
    reason: str
    settles: str = ""


class PolicyOfRun(BaseModel):
    """One policy as one run uses it; names by id, and for pools split by a driver the driver's name.

    ``file`` is the name of the policy file, ``sha256`` the hash over it and its drivers. ``mandatory_tags`` are the
    first ones of ``policy_tags``; ``account_owners`` has each account's default cost center, blank for none;
    ``units_of_cost_centers`` the business unit of each cost center.
    ``adjustments`` has those of every month by id.
    ``ticket_groups`` has the group that mends each account's tags, ``ticket_group`` that of accounts not listed.
    """

    model_config = ConfigDict(frozen=True)

    file: str
    sha256: str
    organization: str
    billing_currency: str
    cost_basis: str
    owner_tag: str
    policy_tags: tuple[str, ...]
    keeps_operation: bool
    keeps_usage_type: bool
    unowned_cost_center: str
    invoice_tolerance: Cents
    pool_levels: tuple[int, ...]
    business_units: dict[str, str]
    cost_centers: dict[str, str]
    pools: dict[str, str]
    drivers: dict[str, str]
    accounts: dict[str, str]
    owner_spellings: tuple[str, ...] = ()
    mandatory_tags: tuple[str, ...] = ()
    untagged_threshold: ExactAmount = ZERO
    account_owners: dict[str, str] = {}
    units_of_cost_centers: dict[str, str] = {}
    untagged_hysteresis: ExactAmount = ZERO
    days_to_fix: int = 1
    reopen_days: int = 0
    ticket_groups: dict[str, str] = {}
    ticket_group: str = ""
    paper: Literal["A4", "Letter"] = "A4"
    adjustments: dict[str, AdjustmentOfRun] = {}

    @classmethod
    def of(cls, policy: Policy, compiled: CompiledPolicy) -> PolicyOfRun:
        """Takes from a compiled policy what functions need."""
        return cls(
            file=policy.name,
            sha256=compiled.policy_hash,
            organization=compiled.organization,
            paper=policy.document.organization.paper,
            billing_currency=compiled.billing_currency,
            cost_basis=compiled.cost_basis,
            owner_tag=compiled.owner_tag,
            policy_tags=compiled.policy_tags,
            keeps_operation=compiled.matches_operation,
            keeps_usage_type=compiled.matches_usage_type,
            unowned_cost_center=compiled.unowned_cost_center,
            invoice_tolerance=compiled.invoice_tolerance,
            pool_levels=tuple(compiled.pool_levels),
            business_units={unit.id: unit.name for unit in policy.document.business_units},
            cost_centers={center.cost_center: center.cost_center_name for center in compiled.policy_cost_centers},
            pools={pool.id: pool.name for pool in policy.document.pools},
            drivers={
                pool.id: pool.split.driver for pool in policy.document.pools if isinstance(pool.split, DriverSplit)
            },
            accounts={account.id: account.name for account in policy.document.accounts},
            owner_spellings=tuple(
                spelling
                for center in policy.document.cost_centers
                if center.valid_in(str(compiled.billing_period))
                for spelling in (center.id, *center.aliases)
            ),
            mandatory_tags=compiled.mandatory_tags,
            untagged_threshold=compiled.untagged_threshold,
            account_owners={row.sub_account_id: row.cost_center for row in compiled.policy_accounts},
            units_of_cost_centers={row.cost_center: row.business_unit for row in compiled.policy_cost_centers},
            untagged_hysteresis=policy.document.tags.untagged_hysteresis,
            days_to_fix=policy.document.tags.days_to_fix,
            reopen_days=policy.document.tags.reopen_days,
            ticket_groups={
                account.id: ticket_group(policy.document, account.id, compiled.billing_period)
                for account in policy.document.accounts
            },
            ticket_group=policy.document.tags.ticket_group or "",
            adjustments={
                adjustment.id: AdjustmentOfRun(
                    from_cost_center=adjustment.from_cost_center,
                    to_cost_center=adjustment.to_cost_center,
                    reason=adjustment.reason,
                    settles=adjustment.settles or "",
                )
                for adjustment in policy.document.adjustments
            },
        )
