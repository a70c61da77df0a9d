"""A small month of hygiene, as ``local validate`` writes it to hygiene.json."""

from __future__ import annotations

from typing import Any

CLAIMS, SANDBOX = "111122223333", "222233334444"


def account(account_id: str = CLAIMS, **changes: Any) -> dict[str, Any]:
    """An account with one service, one untagged resource and no value that names nobody."""
    whole = {
        "account_id": account_id,
        "account_name": "claims-prod",
        "owner": "CC-1001",
        "untagged_ratio": "0.1163",
        "untagged_cost": "1234567.8850000001",
        "taggable_cost": "10615373.0000000000",
        "over_threshold": True,
        "coverage": {"cost-center": "0.8837", "environment": "1.0000"},
        "resource_coverage": {"cost-center": "0.7500", "environment": "0.5000"},
        "services": [
            {
                "service_name": "AmazonEC2",
                "untagged_ratio": "0.1163",
                "untagged_cost": "1234567.8850000001",
                "taggable_cost": "10615373.0000000000",
                "resources": 4,
                "untagged_resources": 1,
            }
        ],
        "unrecognized": [],
        "costly_untagged": [
            {"resource_id": "i-0abc", "service_name": "AmazonEC2", "exact_cost": "1234567.8850000001"},
        ],
        "history": [{"period_day": "2026-05#2026-05-14", "untagged_ratio": "0.1163"}],
    }
    return whole | changes


def hygiene(*accounts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """May 2026 as it stood on the 14th, with one account unless others are given."""
    whole = {
        "billing_period": "2026-05",
        "day": "2026-05-14",
        "organization": "Meridian Health",
        "billing_currency": "USD",
        "delivered_at": "2026-05-14T04:00:00Z",
        "age_seconds": 9000,
        "drift": {"added": [], "missing": [], "retyped": {}},
        "untagged_threshold": "0.05",
        "untagged_ratio": "0.1163",
        "untagged_cost": "1234567.8850000001",
        "taggable_cost": "10615373.0000000000",
        "bill_cost": "12000000.0000000000",
        "shared_pool_cost": "2414400.0000000000",
        "shared_pool_share": "0.2012",
        "pools": {"support": "2414400.0000000000"},
        "business_units": [
            {
                "business_unit": "claims",
                "month_to_date": "120.0000000001",
                "previous_month_to_date": "100.0000000000",
                "change": "20.0000000001",
            },
            {
                "business_unit": "clinical",
                "month_to_date": "50.0000000000",
                "previous_month_to_date": None,
                "change": None,
            },
        ],
        "accounts": list(accounts) or [account()],
    }
    return whole | changes
