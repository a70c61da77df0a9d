"""The process is killed before each request and between each request and its answer; then it is started again."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.servicenow.server import ServiceNowStandIn
from tests.integrations import scenario
from tests.integrations.detours import Died, Moment, Mortal
from tests.unit.servicenow_bench import Desk

MOMENTS: tuple[Moment, ...] = ("before the request", "before the answer")
REQUESTS = 24
"""How many requests the whole work takes when nothing happens, from the first token to the last ticket."""


def work(desk: Desk) -> None:
    """Everything that is written, in the order of a close and of the days after it; what the books hold is read back
    before the statement is attached."""
    scenario.post(desk)
    assert scenario.read_back(desk) == {charge.cost_center: charge.amount for charge in scenario.CHARGES}
    scenario.attach(desk)
    scenario.open_ticket(desk)
    scenario.note_ticket(desk)
    scenario.escalate_ticket(desk)
    scenario.resolve_ticket(desk)
    scenario.reopen_ticket(desk)


def assert_done_once(instance: ServiceNowStandIn) -> None:
    scenario.assert_posted_once(instance)
    scenario.assert_attached_once(instance)
    scenario.assert_one_ticket(instance, state="2", notes=["still 1,300.00 USD", "past due", "it is back"])


def die(instance: ServiceNowStandIn, at: int, moment: Moment) -> bool:
    """Works until the process dies; with a new token, as a new process does. False if it was done before."""
    network = Mortal(at, moment)
    try:
        work(Desk(instance, transport=network))
    except Died:
        return True
    finally:
        network.close()
    return False


def test_an_undisturbed_run_makes_so_many_requests(tmp_path: Path) -> None:
    with ServiceNowStandIn(tmp_path) as instance:
        scenario.set_up(instance)
        work(Desk(instance))

        assert len(instance.requests) == REQUESTS
        assert_done_once(instance)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("at", range(REQUESTS))
def test_a_process_that_dies_at_any_request_has_done_nothing_twice(tmp_path: Path, at: int, moment: Moment) -> None:
    with ServiceNowStandIn(tmp_path) as instance:
        scenario.set_up(instance)
        assert die(instance, at, moment)

        work(Desk(instance))
        assert_done_once(instance)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(deaths=st.lists(st.tuples(st.integers(0, REQUESTS), st.sampled_from(MOMENTS)), min_size=2, max_size=6))
def test_a_process_that_dies_again_and_again_has_done_nothing_twice(deaths: list[tuple[int, Moment]]) -> None:
    with tempfile.TemporaryDirectory() as folder, ServiceNowStandIn(Path(folder)) as instance:
        scenario.set_up(instance)
        for at, moment in deaths:
            die(instance, at, moment)

        work(Desk(instance))
        assert_done_once(instance)
