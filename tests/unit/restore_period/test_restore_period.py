"""A replay is of one closed revision: the one that is asked for, or the newest."""

from __future__ import annotations

import pytest

from functions.restore_period.logic import choose_revision, read_request, require_same
from functions.shared.errors import ChargebackError, InvalidRequest
from functions.shared.periods import BillingPeriod
from functions.shared.run_files import period_prefix

MAY = BillingPeriod(2026, 5)
FILED = [f"{period_prefix('2026-05', revision)}evidence.json.p7s" for revision in (1, 2, 3)]


def test_the_newest_revision_is_replayed_unless_another_is_asked_for() -> None:
    assert choose_revision(MAY, None, FILED) == 3
    assert choose_revision(MAY, 1, FILED) == 1


def test_a_revision_that_was_never_closed_cannot_be_replayed() -> None:
    with pytest.raises(ChargebackError, match="2026-05"):
        choose_revision(MAY, 4, FILED)
    with pytest.raises(ChargebackError, match="2026-05"):
        choose_revision(MAY, None, [])


def test_the_request_names_the_month_and_nothing_that_is_not_understood() -> None:
    assert read_request({"billing_period": "2026-05", "revision": 2}) == (MAY, 2)
    with pytest.raises(InvalidRequest):
        read_request({"billing_perod": "2026-05"})


def test_bytes_that_are_not_those_of_the_evidence_stop_the_replay() -> None:
    require_same("a file", "abc", "abc")
    with pytest.raises(ChargebackError, match="a file"):
        require_same("a file", "abc", "abd")
