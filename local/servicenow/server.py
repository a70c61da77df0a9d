"""A ServiceNow instance on this machine: OAuth and the Table API over HTTP on loopback, with durable books.

It checks what an instance checks and answers as one does; what a charge is, it does not know.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

from local.servicenow.access import Access
from local.servicenow.books import Books, Record
from local.servicenow.faults import FaultKind, Faults, FaultyRequests
from local.servicenow.instance_server import InstanceServer
from local.servicenow.query import EncodedQuery
from local.servicenow.table_api import TableApi
from local.servicenow.tables import TABLES, Table


class ServiceNowStandIn:
    """Serves from ``__enter__`` to ``__exit__``; started again on the same ``state`` folder it has the same records,
    credentials and unique indexes, at another address."""

    def __init__(
        self,
        state: Path,
        *,
        tables: Mapping[str, Table] = TABLES,
        roles: tuple[str, ...] = ("financial_mgmt_user",),
        token_seconds: int = 1800,
        slow_seconds: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._tables = tables
        self._roles = roles
        self._token_seconds = token_seconds
        self._slow_seconds = slow_seconds
        self._clock = clock
        self._faults = Faults()
        self._requests: list[str] = []
        self._requests_lock = Lock()

    def __enter__(self) -> Self:
        self._books = Books(self._state / "servicenow.sqlite", self._tables, self._clock)
        self._access = Access(
            client_id=self._books.setting("client_id", secrets.token_hex(16)),
            client_secret=self._books.setting("client_secret", secrets.token_urlsafe(24)),
            username="chargeback.integration",
            password=self._books.setting("password", secrets.token_urlsafe(24)),
            token_seconds=self._token_seconds,
            clock=self._clock,
        )
        self._stopping = Event()
        api = TableApi(self._books, self._tables, self._roles)
        self._server = InstanceServer(
            api, self._access, self._faults, note=self._note, pause=lambda: self._stopping.wait(self._slow_seconds)
        )
        # Looking for the end rarely would make every stop wait as long.
        self._thread = Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="servicenow-stand-in"
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()
        self._books.close()

    @property
    def url(self) -> str:
        """The address of the instance, without a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def credentials(self) -> dict[str, str]:
        """The OAuth application's credentials, as the secret store holds them."""
        return {
            "kind": "oauth_client_credentials",
            "client_id": self._access.client_id,
            "client_secret": self._access.client_secret,
        }

    @property
    def basic_credentials(self) -> dict[str, str]:
        """The integration user's credentials."""
        return {"kind": "basic", "username": self._access.username, "password": self._access.password}

    @property
    def requests(self) -> list[str]:
        """Method and path of every request so far, without query: ``POST /api/now/table/fm_expense_line``."""
        with self._requests_lock:
            return list(self._requests)

    def records(self, table: str) -> list[Record]:
        """Every record of a table in the order of creation, whatever the roles."""
        return self._books.select(table, EncodedQuery((), ()), -1, 0)[0]

    def add_record(self, table: str, fields: Mapping[str, str]) -> Record:
        """What an administrator enters by hand; raises DuplicateEntry."""
        return self._books.insert(table, fields, "admin")

    def fail_next(self, n: int, kind: FaultKind, *, on: FaultyRequests = "table") -> None:
        """Lets the next ``n`` requests to the Table API fail; or only its reads, its writes, or the token requests.

        ``reset_after_act`` and ``slow`` act first, the others do not act.
        """
        self._faults.order(n, kind, on)

    def _note(self, request: str) -> None:
        with self._requests_lock:
            self._requests.append(request)
