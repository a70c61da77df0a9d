"""A tag that became active is applied to earlier months: once, as soon as AWS takes a backfill."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.activate_tags.logic import needs_backfill
from functions.shared.adapters.cost_allocation_tags import Backfill, CostAllocationTags
from functions.shared.errors import BackfillRefused
from functions.shared.periods import BillingPeriod
from tests.unit.activate_tags.payer import MORNING, Payer, payer_of

TAG, OTHER = "cost-center", "environment"
APRIL = BillingPeriod(2026, 4)


def test_a_tag_that_became_active_is_applied_to_the_months_before(payer: Payer) -> None:
    payer.tags.appear(TAG)

    assert payer.run([TAG], backfill_months=1).backfill == "started from 2026-04"
    [backfill] = payer.register.backfills()
    assert backfill.start == datetime(2026, 4, 1, tzinfo=UTC)


@pytest.mark.parametrize(("months", "first"), [(0, "2026-05"), (4, "2026-01"), (12, "2025-05")])
def test_the_setting_says_how_many_months_back(payer: Payer, months: int, first: str) -> None:
    payer.tags.appear(TAG)

    assert payer.run([TAG], backfill_months=months).backfill == f"started from {first}"


def test_without_a_change_there_is_no_backfill(payer: Payer) -> None:
    assert payer.run([TAG]).backfill == "not needed"
    assert not payer.register.backfills()


def test_a_backfill_that_was_made_is_not_made_again(payer: Payer) -> None:
    payer.tags.appear(TAG)
    payer.run([TAG])
    payer.tags.end_backfill()
    payer.sleep(3)

    assert payer.run([TAG]).backfill == "not needed"
    assert len(payer.register.backfills()) == 1


def test_while_one_is_running_the_next_one_waits_and_is_not_forgotten(payer: Payer) -> None:
    payer.tags.appear(TAG)
    payer.run([TAG])
    payer.tags.appear(OTHER)
    payer.sleep(2)
    assert payer.run([TAG, OTHER]).backfill.startswith("waits for the one that is running")

    payer.tags.end_backfill()
    payer.sleep()
    assert payer.run([TAG, OTHER]).backfill == "started from 2026-04"


def test_two_tags_on_one_day_get_their_backfills_on_two(payer: Payer) -> None:
    payer.tags.appear(TAG)
    payer.run([TAG])
    payer.tags.end_backfill()
    payer.tags.appear(OTHER)
    payer.now += timedelta(hours=2)
    assert payer.run([TAG, OTHER]).backfill.startswith("waits, for AWS takes one in 24 hours")

    payer.sleep()
    assert payer.run([TAG, OTHER]).backfill == "started from 2026-04"


def test_a_backfill_that_failed_is_made_again(payer: Payer) -> None:
    payer.tags.appear(TAG)
    payer.run([TAG])
    payer.tags.end_backfill("FAILED")
    payer.sleep()

    assert payer.run([TAG]).backfill == "started from 2026-04"


def test_a_backfill_that_aws_refuses_is_told_and_the_tags_are_active_all_the_same(payer: Payer) -> None:
    class Hurried(CostAllocationTags):
        """Somebody asks for a backfill between our two questions."""

        def backfills(self) -> list[Backfill]:
            before = super().backfills()
            payer.tags.appear("theirs")
            self.activate(["theirs"])
            self.start_backfill(APRIL)
            return before

    payer.tags.appear(TAG)
    payer.register = Hurried()

    activation = payer.run([TAG])
    assert activation.active == (TAG,)
    assert activation.backfill.startswith("refused (BackfillLimitExceededException: A request to backfill is already")


def test_a_tag_that_has_been_active_for_years_needs_none(payer: Payer) -> None:
    payer.tags.appear(TAG)
    payer.register.activate([TAG])
    payer.sleep(500)

    assert payer.run([TAG], backfill_months=12).backfill == "not needed"


def test_a_tag_that_somebody_else_activated_lately_is_backfilled_too(payer: Payer) -> None:
    payer.tags.appear(TAG)
    payer.register.activate([TAG])
    payer.sleep()

    assert payer.run([TAG]).backfill == "started from 2026-04"


def test_one_that_reaches_back_less_far_does_not_do() -> None:
    changed = MORNING - timedelta(days=3)
    shorter = Backfill(datetime(2026, 5, 1, tzinfo=UTC), changed + timedelta(hours=1), "SUCCEEDED")
    assert needs_backfill(changed, APRIL, [shorter])
    assert not needs_backfill(changed, BillingPeriod(2026, 5), [shorter])


def test_a_change_known_by_its_day_alone_may_have_been_after_a_backfill_of_that_day() -> None:
    day = datetime(2026, 5, 19, tzinfo=UTC)
    same_day, next_day = (Backfill(APRIL.start, day + timedelta(hours=hours), "SUCCEEDED") for hours in (10, 34))
    assert needs_backfill(day, APRIL, [same_day])
    assert not needs_backfill(day, APRIL, [next_day])


def test_aws_takes_no_second_backfill_on_a_day_whoever_asks(payer: Payer) -> None:
    payer.tags.appear(TAG, OTHER)
    payer.run([TAG])
    payer.tags.end_backfill()
    payer.now += timedelta(hours=1)
    payer.register.activate([OTHER])

    with pytest.raises(BackfillRefused, match="24 hours"):
        payer.register.start_backfill(APRIL)


Morning = tuple[set[str], Literal["goes on", "SUCCEEDED", "FAILED"]]
mornings = st.lists(
    st.tuples(
        st.sets(st.sampled_from(["a", "b", "c", "d"]), max_size=2),
        st.sampled_from(["goes on", "goes on", "SUCCEEDED", "FAILED"]),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=mornings, months=st.integers(min_value=0, max_value=12))
def test_whatever_happens_in_the_end_every_tag_reached_its_months_and_aws_was_never_asked_in_vain(
    register: CostAllocationTags, days: list[Morning], months: int
) -> None:
    """Keys become known on any day, and a backfill takes days, or fails; then there are quiet days."""
    keys = ["a", "b", "c", "d"]
    with payer_of(register) as payer:
        quiet: list[Morning] = [(set(), "SUCCEEDED")] * 4
        for appearing, end in [*days, *quiet]:
            payer.tags.appear(*appearing)
            activation = payer.run(keys, months)
            assert not activation.backfill.startswith("refused")
            payer.sleep()
            if end != "goes on":
                payer.tags.end_backfill(end)

        assert payer.run(keys, months).backfill == "not needed"
        since = BillingPeriod(payer.now.year, payer.now.month).previous(months).start
        history = [entry for entry in register.backfills() if entry.status == "SUCCEEDED"]
        for tag in register.find(keys):
            assert tag.changed_at is not None
            reached = [b for b in history if b.requested_at >= tag.changed_at and b.start <= since]
            assert reached or tag.changed_at <= since
