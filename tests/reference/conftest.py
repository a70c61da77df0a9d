"""How many random months are tried: ``--hypothesis-profile=quick`` (the default here) or ``thorough``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.reference.engine import Engine


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The SQL, ready to run."""
    return Engine()
