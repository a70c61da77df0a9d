"""While AWS has not issued every invoice a month is not closed: people are told, arrivals wait, previews are drafts."""

from __future__ import annotations

import pytest

from infra.environments import environment
from tests.statemachines.harness import Close

pytestmark = pytest.mark.slow


def assert_untouched(close: Close, period: str) -> None:
    """Nothing of the month is published, filed or posted."""
    assert close.published(period) == []
    assert close.charges(period) == {}
    assert close.statements.latest_versions(f"charge_period={period}/") == []


def test_a_person_who_closes_an_open_month_is_told_and_the_month_remembers_why(close: Close) -> None:
    close.deliver("2026-06", final=False)

    refused = close.run("2026-06")

    assert (refused.status, refused.error) == ("FAILED", "InvoicesNotFinal")
    assert "2026-06 is still open" in refused.cause
    record = close.period("2026-06")
    assert record is not None
    assert (record.status, record.execution_id) == ("OPEN", "")
    assert (record.failure_error, record.failure_cause) == (refused.error, refused.cause)
    assert "TakePeriodLock" not in refused.states
    assert_untouched(close, "2026-06")


def test_a_manifest_that_arrives_in_an_open_month_is_no_failure(close: Close) -> None:
    close.deliver("2026-07", final=False)
    prefix = f"{environment('local').export_prefix}metadata/BILLING_PERIOD=2026-07/"
    [manifest] = close.world.cloud.client("s3").list_objects_v2(Bucket=close.world.billing_bucket, Prefix=prefix)[
        "Contents"
    ]

    arrived = close.run_as_asked({"manifest_key": manifest["Key"]})

    assert (arrived.status, arrived.states[-1]) == ("SUCCEEDED", "StillOpen")
    assert close.period("2026-07") is None
    assert_untouched(close, "2026-07")


def test_a_preview_of_an_open_month_locks_publishes_and_posts_nothing(close: Close) -> None:
    truth = close.deliver("2026-08", final=False)

    preview = close.run("2026-08", preview=True)

    assert (preview.status, preview.states[-1], preview.cause) == ("SUCCEEDED", "Previewed", "")
    assert preview.output["reconciliation"]["billed_cost"] == truth.billed_cost
    assert preview.output["books"]["final"] is False
    assert not {"TakePeriodLock", "PublishLedger", "PostCharges"} & set(preview.states)
    assert close.period("2026-08") is None
    assert_untouched(close, "2026-08")
    drafts = close.statements.latest_versions(f"drafts/{preview.output['delivery']['run_id']}/")
    assert len(drafts) == 3 * len(preview.output["prepared"]["business_units"])
