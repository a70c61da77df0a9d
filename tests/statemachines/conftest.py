"""The stacks are deployed once for every test of the package, and only if a test executes them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from functions.shared.observability import SERVICE
from local.servicenow.server import ServiceNowStandIn
from local.world import World, open_world
from tests.statemachines.harness import Close


@pytest.fixture(scope="package")
def close() -> Iterator[Close]:
    """The deployed close; no other account is in reach while it is open."""
    # Where another test has imported a handler, the functions' logger writes to that test's output: begin anew.
    logging.Logger.manager.loggerDict.pop(SERVICE, None)
    opened: list[ServiceNowStandIn] = []
    connect = World.connect_books

    def remember(world: World, books: ServiceNowStandIn) -> None:
        opened.append(books)
        connect(world, books)

    with TemporaryDirectory(prefix="close-") as folder, pytest.MonkeyPatch.context() as patches:
        patches.setattr(World, "connect_books", remember)
        with open_world(Path(folder)) as world:
            yield Close(world, opened[0])
