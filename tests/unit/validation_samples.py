"""Small parts of a validation that the tests of its functions share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from functions.check_delivery.logic import DeliveryChecked
from functions.check_delivery.schema import SchemaDrift
from tests.unit.run_samples import MANIFEST_KEY, RUN_ID


def checked(**changes: Any) -> DeliveryChecked:
    """A delivery of May 2026 that is in order, looked at on the 14th."""
    whole = {
        "billing_period": "2026-05",
        "run_id": RUN_ID,
        "day": "2026-05-14",
        "policy_key": "",
        "manifest_key": MANIFEST_KEY,
        "delivered_at": datetime(2026, 5, 14, 4, tzinfo=UTC),
        "age_seconds": 9000,
        "data_files": 1,
        "data_bytes": 1000,
        "fingerprint": "f1",
        "drift": SchemaDrift(added=(), missing=(), retyped={}),
    }
    return DeliveryChecked(**(whole | changes))
