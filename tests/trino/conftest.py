"""One Trino server for all tests that want one, and what was compared at the end of the run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.maven import Unavailable
from tests.trino.client import TrinoClient
from tests.trino.replay import Comparison
from tests.trino.s3_endpoint import serve_s3
from tests.trino.server import TRINO, fetch_trino, run_trino

_COMPARED = pytest.StashKey[list[Comparison]]()
_SKIPPED = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def trino(pytestconfig: pytest.Config) -> Iterator[TrinoClient]:
    """A running server. Where there can be none, its tests are skipped and the run ends by saying why."""
    try:
        home = fetch_trino()
    except Unavailable as reason:
        pytestconfig.stash[_SKIPPED] = str(reason)
        pytest.skip(str(reason))
    with serve_s3() as endpoint, run_trino(home, endpoint) as client:
        yield client


@pytest.fixture(scope="session")
def compared(pytestconfig: pytest.Config) -> list[Comparison]:
    """Comparisons added here are told at the end of the run."""
    return pytestconfig.stash.setdefault(_COMPARED, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if reason := config.stash.get(_SKIPPED, ""):
        terminalreporter.section("Trino")
        terminalreporter.line(f"NOT COMPARED: {reason}")
    if comparisons := config.stash.get(_COMPARED, []):
        terminalreporter.section(f"DuckDB and Trino {TRINO.version}")
        for comparison in comparisons:
            terminalreporter.line(str(comparison))
