"""The stacks are deployed once for the tests of a file, and only if a test executes them: files share no month."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.statemachines.harness import Close, open_close


@pytest.fixture(scope="module")
def close() -> Iterator[Close]:
    """The deployed close; no other account is in reach while it is open."""
    with open_close() as opened:
        yield opened
