"""Every environment is synthesized once for all tests of the infrastructure, without its layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from infra.environments import ENVIRONMENTS
from local.assembly import synthesize
from local.world import ASSEMBLIES
from tests.infra.stacks import Stacks


@pytest.fixture(scope="session")
def stacks_of() -> Callable[[str], Stacks]:
    """The stacks of an environment by its name."""

    @cache
    def read(name: str) -> Stacks:
        return Stacks(synthesize(ASSEMBLIES, env=name), ENVIRONMENTS[name])

    return read


@pytest.fixture(scope="session", params=ENVIRONMENTS)
def stacks(request: pytest.FixtureRequest, stacks_of: Callable[[str], Stacks]) -> Stacks:
    """The stacks of every environment in turn: what is promised is promised everywhere."""
    return stacks_of(request.param)
