"""What the end-to-end tests share: bills are written once, and whole closes are looked at by many tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.bills import Bill
from tests.e2e.command import REPOSITORY


@pytest.fixture(scope="session")
def policy() -> Path:
    """The sample organisation's ratified policy."""
    return REPOSITORY / "policy" / "meridian.yaml"


@pytest.fixture(scope="session")
def bill(tmp_path_factory: pytest.TempPathFactory) -> Bill:
    """A final month of the sample organisation; copy it to change it."""
    return Bill.write(tmp_path_factory.mktemp("bill") / "cur")


@pytest.fixture(scope="session")
def real_bills() -> Path:
    """Published real bills with independently computed truth, where this machine has them."""
    folder = Path(os.environ.get("REAL_BILLS", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "truth").is_dir():
        pytest.skip("set REAL_BILLS to the folder with the real bills and their truth")
    return folder
