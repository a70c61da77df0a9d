"""While AWS has not issued every invoice a month is not closed: people are told, arrivals wait, previews are drafts."""

from __future__ import annotations

import pytest

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

    arrived = close.run_as_asked({"manifest_key": close.manifest("2026-07")})

    assert (arrived.status, arrived.states[-1]) == ("SUCCEEDED", "StillOpen")
    assert close.period("2026-07") is None
    assert_untouched(close, "2026-07")


def test_the_schedule_leaves_an_open_month_alone_until_it_is_overdue_and_then_tells_every_day(close: Close) -> None:
    close.deliver("2026-09", final=False)

    early = close.run_as_asked({"scheduled_at": "2026-10-11T06:00:00Z"})

    assert (early.status, early.states[-1]) == ("SUCCEEDED", "StillOpen")
    assert close.period("2026-09") is None

    for day in (12, 30):
        late = close.run_as_asked({"scheduled_at": f"2026-10-{day}T06:00:00Z"})
        assert (late.status, late.error) == ("FAILED", "InvoicesNotFinal")
        assert "2026-09 is still open" in late.cause
    record = close.period("2026-09")
    assert record is not None
    assert (record.status, record.failure_error) == ("OPEN", "InvoicesNotFinal")
    assert_untouched(close, "2026-09")


def test_a_month_that_was_never_delivered_is_told_to_a_person_and_not_by_the_schedule(close: Close) -> None:
    for day in (4, 30):
        scheduled = close.run_as_asked({"scheduled_at": f"2027-01-{day:02}T06:00:00Z"})
        assert (scheduled.status, scheduled.states[-1]) == ("SUCCEEDED", "StillOpen")

    asked = close.run("2026-12")

    assert (asked.status, asked.error) == ("FAILED", "ManifestNotFound")


def test_a_month_that_aws_is_delivering_waits_for_its_manifest(close: Close) -> None:
    close.deliver("2026-10")
    close.overwrite("2026-10")

    for request in ({"manifest_key": close.manifest("2026-10")}, {"scheduled_at": "2026-11-05T06:00:00Z"}):
        waiting = close.run_as_asked(request)
        assert (waiting.status, waiting.states[-1]) == ("SUCCEEDED", "StillOpen")
    asked = close.run("2026-10")
    assert (asked.status, asked.error) == ("FAILED", "DeliveryInProgress")
    assert_untouched(close, "2026-10")

    with close.a_minute_later():
        close.deliver("2026-10")
    assert close.run("2026-10").status == "SUCCEEDED"


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
