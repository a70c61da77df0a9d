"""Many charges, few requests a second, and now and then a fault: each is posted once all the same."""

from __future__ import annotations

import re

import pytest

from functions.shared.errors import MissingPosting
from local.servicenow import load
from local.servicenow.load import LoadOptions, run

pytestmark = pytest.mark.slow
# So few requests a second that the slowest machine meets the limit.
SMALL = LoadOptions(cost_centers=40, processes=4, requests=15, window_seconds=1, fault_every=10)


@pytest.mark.parametrize("bare", [False, True])
def test_everything_is_posted_once_and_the_command_says_how_it_went(bare: bool) -> None:
    said: list[str] = []

    assert run(SMALL._replace(bare=bare), said.append) == 0

    text = "\n".join(said)
    assert "40 posted in" in text
    assert re.search(r"books +40 lines, [\d.-]+ USD: read back, each charge once", text)
    assert not re.search(r"; 0 of them beyond the limit", text)


def test_charges_that_nobody_posted_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    small = SMALL._replace(cost_centers=3, fault_every=0)
    monkeypatch.setattr(load, "_post_all", lambda *_: load.Posted(3, 0, 1.0, 0, 0.0, 0))
    with pytest.raises(MissingPosting, match=r"the ledger has .* in 3"):
        run(small, lambda _: None)
