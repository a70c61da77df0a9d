from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from functions.shared.adapters.cost_allocation_tags import CostAllocationTags
from tests.unit.activate_tags.payer import Payer, payer_of


@pytest.fixture
def register() -> Iterator[CostAllocationTags]:
    """The adapter, talking to a mocked account."""
    with mock_aws():
        yield CostAllocationTags()


@pytest.fixture
def payer(register: CostAllocationTags) -> Iterator[Payer]:
    with payer_of(register) as payer:
        yield payer
