"""A new local cloud for each test, and its address; some modules prepare one of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.aws.cloud import LocalCloud
from local.aws.endpoint import Endpoint


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    """Its modules are found beside the test's other files, so that functions of the test can run."""
    with pytest.MonkeyPatch.context() as changed, LocalCloud(tmp_path / "state") as running:
        changed.syspath_prepend(tmp_path)
        yield running


@pytest.fixture
def endpoint(cloud: LocalCloud) -> Iterator[Endpoint]:
    """The cloud at an address."""
    with Endpoint(cloud) as running:
        yield running
