"""Turns every folder `tests/sql/<statement>/<case>` into a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sql.case_files import find_cases
from tests.sql.warehouse import Warehouse


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", find_cases(), ids=str)


@pytest.fixture(scope="session")
def warehouse() -> Iterator[Warehouse]:
    database = Warehouse()
    yield database
    database.close()
