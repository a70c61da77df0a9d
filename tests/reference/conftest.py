"""How many random months are tried: profile ``quick`` in every run of the tests, ``thorough`` in those marked slow.

Both are deterministic: the same months in the same order, on any machine.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.reference.engine import Engine

_EXAMPLES = {"quick": 60, "thorough": 600}

for _name, _examples in _EXAMPLES.items():
    settings.register_profile(
        _name,
        max_examples=_examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The SQL, ready to run."""
    return Engine()


@pytest.fixture(params=["quick", pytest.param("thorough", marks=pytest.mark.slow)])
def tried(request: pytest.FixtureRequest) -> settings:
    """The number of examples, and how Hypothesis looks for them."""
    return settings.get_profile(request.param)
