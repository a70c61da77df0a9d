"""The stacks are deployed once for every test of the package, and only if a test executes them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.statemachines.harness import Close, open_close


@pytest.fixture(scope="package")
def close() -> Iterator[Close]:
    """The deployed close; no other account is in reach while it is open."""
    with open_close() as opened:
        yield opened
