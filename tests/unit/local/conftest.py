"""Closed months for the tests of ``verify``: written once, copied to be damaged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.unit.local.closed_months import APRIL, MAY, Month, write_months


@pytest.fixture(scope="session")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """April and May, not to be changed."""
    out = tmp_path_factory.mktemp("closed")
    write_months(out, Month(APRIL), Month(MAY))
    return out


@pytest.fixture
def may(closed: Path, tmp_path: Path) -> Path:
    """May, to be damaged; April lies beside it."""
    shutil.copytree(closed, tmp_path / "out")
    return tmp_path / "out" / MAY
