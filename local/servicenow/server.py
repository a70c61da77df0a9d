"""A ServiceNow instance on this machine: OAuth and the REST APIs that are used, over HTTP on loopback, with durable
books.

It checks what an instance checks and answers as one does; what a charge is, it does not know.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

from local.servicenow.access import Access
from local.servicenow.assertions import TrustedKey
from local.servicenow.attachment_api import AttachmentApi
from local.servicenow.books import Books, Record
from local.servicenow.change_api import ChangeApi
from local.servicenow.faults import FaultKind, Faults, FaultyRequests
from local.servicenow.import_api import CHARGES, ImportApi, TransformMap
from local.servicenow.instance_server import InstanceServer
from local.servicenow.query import EncodedQuery
from local.servicenow.rate_limits import Meter, RateLimit
from local.servicenow.routes import Routes
from local.servicenow.table_api import TableApi
from local.servicenow.tables import TABLES, Table
from local.servicenow.users import APPROVER_ROLES, INTEGRATION_ROLES, REQUESTER_ROLES, User

INTEGRATION_USER, APPROVER, REQUESTER = "chargeback.integration", "cab.approver", "finops.analyst"


class ServiceNowStandIn:
    """Serves from ``__enter__`` to ``__exit__``; started again on the same ``state`` folder it has the same records,
    credentials and unique indexes, at another address. ``roles`` are those of the integration user."""

    def __init__(
        self,
        state: Path,
        *,
        tables: Mapping[str, Table] = TABLES,
        roles: tuple[str, ...] = INTEGRATION_ROLES,
        rate_limit: RateLimit | None = None,
        transform_maps: tuple[TransformMap, ...] = (CHARGES,),
        attachment_extensions: Iterable[str] = (),
        token_seconds: int = 1800,
        slow_seconds: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._tables = tables
        self._roles = roles
        self._meter = Meter(rate_limit)
        self._maps = transform_maps
        self._extensions = frozenset(attachment_extensions)
        self._token_seconds = token_seconds
        self._slow_seconds = slow_seconds
        self._clock = clock
        self._faults = Faults()
        self._requests: list[str] = []
        self._requests_lock = Lock()

    def __enter__(self) -> Self:
        self._books = Books(self._state / "servicenow.sqlite", self._tables, self._clock)
        users = (
            self._user(INTEGRATION_USER, self._roles),
            self._user(APPROVER, APPROVER_ROLES),
            self._user(REQUESTER, REQUESTER_ROLES),
        )
        self._access = Access(
            client_id=self._books.setting("client_id", secrets.token_hex(16)),
            client_secret=self._books.setting("client_secret", secrets.token_urlsafe(24)),
            application_user=users[0],
            users={user.username: user for user in users},
            token_seconds=self._token_seconds,
            clock=self._clock,
        )
        self._stopping = Event()
        self._api = TableApi(self._books, self._tables)
        routes = Routes(
            self._api,
            ImportApi(self._api, self._maps),
            AttachmentApi(self._api, self._extensions),
            ChangeApi(self._api, approvers=(users[1].sys_id,)),
        )
        self._server = InstanceServer(
            routes,
            self._access,
            self._faults,
            self._meter,
            note=self._note,
            pause=lambda: self._stopping.wait(self._slow_seconds),
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
        return self._basic(INTEGRATION_USER)

    @property
    def approver_credentials(self) -> dict[str, str]:
        """The credentials of the user whom change requests are put before."""
        return self._basic(APPROVER)

    @property
    def requester_credentials(self) -> dict[str, str]:
        """The credentials of somebody who opens change requests, and can approve none."""
        return self._basic(REQUESTER)

    def trust(self, public_key: bytes, key_id: str, signing_key: str) -> dict[str, str]:
        """Registers a key (DER SubjectPublicKeyInfo); the credentials of who signs with it as the integration user."""
        self._access.trusted_keys[key_id] = TrustedKey(public_key)
        return self.credentials | {
            "kind": "oauth_jwt_bearer",
            "subject": INTEGRATION_USER,
            "signing_key": signing_key,
            "key_id": key_id,
        }

    @property
    def tokens_issued(self) -> list[str]:
        """Every access token since the start, ended or not."""
        return list(self._access.tokens_issued)

    @property
    def assertions_taken(self) -> list[str]:
        """Every signed assertion that somebody got in with."""
        return list(self._access.assertions_taken)

    @property
    def requests(self) -> list[str]:
        """Method and path of every request so far, without query: ``POST /api/now/table/fm_expense_line``."""
        with self._requests_lock:
            return list(self._requests)

    @property
    def requests_refused(self) -> int:
        """How many requests were beyond the rate limit."""
        return self._meter.refused

    def records(self, table: str) -> list[Record]:
        """Every record of a table in the order of creation, whatever the roles."""
        return self._books.select(table, EncodedQuery((), ()), -1, 0)[0]

    def file(self, sys_id: str) -> bytes:
        """What is in an attached file."""
        return self._books.content(sys_id) or b""

    def make_groups(self, names: Iterable[str]) -> None:
        """Has these assignment groups, as an administrator would."""
        there = {group["name"] for group in self.records("sys_user_group")}
        for name in sorted(set(names) - there):
            self.add_record("sys_user_group", {"name": name})

    def add_record(self, table: str, fields: Mapping[str, str]) -> Record:
        """What an administrator enters by hand; raises DuplicateEntry."""
        return self._books.insert(table, fields, "admin")

    def change_record(self, table: str, sys_id: str, fields: Mapping[str, str]) -> None:
        """What an administrator changes by hand."""
        self._books.update(table, sys_id, fields, "admin")

    def attach(self, table: str, sys_id: str, file_name: str, content: bytes) -> Record:
        """What an administrator attaches by hand."""
        fields = {"table_name": table, "table_sys_id": sys_id, "file_name": file_name}
        fields |= {"content_type": "application/octet-stream", "size_bytes": str(len(content))}
        return self._books.insert("sys_attachment", fields, "admin", content)

    def request_change(self, short_description: str, description: str) -> Record:
        """A change request that waits for the approver."""
        requester = self._access.users[INTEGRATION_USER].sys_id
        text = {"short_description": short_description, "description": description, "requested_by": requester}
        change = self.add_record("change_request", text)
        approver = self._access.users[APPROVER].sys_id
        self.add_record("sysapproval_approver", {"sysapproval": change["sys_id"], "approver": approver})
        return change

    def hide(self, sys_id: str) -> None:
        """A row's access rule keeps a record from everybody but administrators."""
        self._api.hidden.add(sys_id)

    def expire_tokens(self) -> None:
        """Ends every access token."""
        self._access.expire_tokens()

    def fail_next(
        self, n: int, kind: FaultKind, *, on: FaultyRequests = "table", table: str = "", after: int = 0
    ) -> None:
        """Lets the next ``n`` requests of a kind fail, after so many that do not; of one ``table`` if it is named."""
        self._faults.order(n, kind, on, table, after)

    def stop_failing(self) -> int:
        """Forgets the faults still to come, and says how many they were."""
        return self._faults.clear()

    def _user(self, username: str, roles: tuple[str, ...]) -> User:
        """A user with the password and the record of an earlier start."""
        name = "password" if username == INTEGRATION_USER else f"password of {username}"
        password = self._books.setting(name, secrets.token_urlsafe(24))
        if "sys_user" not in self._tables:
            return User(username, password, roles)
        record = self._books.find("sys_user", user_name=username)
        record = record or self.add_record("sys_user", {"user_name": username, "name": username})
        return User(username, password, roles, record["sys_id"])

    def _basic(self, username: str) -> dict[str, str]:
        return {"kind": "basic", "username": username, "password": self._access.users[username].password}

    def _note(self, request: str) -> None:
        with self._requests_lock:
            self._requests.append(request)
