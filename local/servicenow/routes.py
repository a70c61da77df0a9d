"""Which part of the instance answers a request."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from local.servicenow.answers import NO_RESOURCE, Answer
from local.servicenow.attachment_api import AttachmentApi
from local.servicenow.change_api import ChangeApi
from local.servicenow.faults import Asked
from local.servicenow.import_api import ImportApi
from local.servicenow.table_api import TableApi
from local.servicenow.users import Caller

TOKEN_PATH = "/oauth_token.do"  # noqa: S105 - a path
_SYS_ID = r"(?P<sys_id>[0-9a-f]{32})"
_VERSION = r"(?:v[12]/)?"
_PATHS = {
    "table": re.compile(rf"/api/now/{_VERSION}table/(?P<table>[A-Za-z0-9_]+)(?:/{_SYS_ID})?"),
    "import": re.compile(rf"/api/now/{_VERSION}import/(?P<table>[A-Za-z0-9_]+)"),
    "attachments": re.compile(rf"/api/now/{_VERSION}attachment"),
    "upload": re.compile(rf"/api/now/{_VERSION}attachment/file"),
    "download": re.compile(rf"/api/now/{_VERSION}attachment/{_SYS_ID}/file"),
    "change": re.compile(rf"/api/sn_chg_rest/{_VERSION}change(?:/{_SYS_ID})?"),
    "new_change": re.compile(rf"/api/sn_chg_rest/{_VERSION}change/normal"),
    "approvals": re.compile(rf"/api/sn_chg_rest/{_VERSION}change/{_SYS_ID}/approvals"),
}


class Incoming(NamedTuple):
    """A request as it came; the names of its headers in small letters."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The path alone."""
        return urlsplit(self.target).path

    @property
    def params(self) -> dict[str, str]:
        """The parameters of the query string."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        """The body as a form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace")))

    @property
    def asked(self) -> Asked:
        """What the request is about."""
        if self.path == TOKEN_PATH:
            return Asked("token", self.method)
        for api, pattern in _PATHS.items():
            if found := pattern.fullmatch(self.path):
                return Asked(api, self.method, found.groupdict().get("table") or "")
        return Asked("", self.method)

    @property
    def sys_id(self) -> str:
        """The sys_id in the path; blank without one."""
        found = next(filter(None, (pattern.fullmatch(self.path) for pattern in _PATHS.values())), None)
        return (found.groupdict().get("sys_id") or "") if found else ""


class Routes:
    """The APIs of an instance."""

    def __init__(self, tables: TableApi, imports: ImportApi, attachments: AttachmentApi, changes: ChangeApi) -> None:
        self.tables = tables
        self.imports = imports
        self.attachments = attachments
        self.changes = changes

    def answer(self, request: Incoming, caller: Caller) -> Answer:
        """The answer to a request of a user that is known."""
        asked, sys_id, params, body = request.asked, request.sys_id, request.params, request.body
        answers: dict[tuple[str, str, bool], Callable[[], Answer]] = {
            ("table", "GET", False): lambda: self.tables.list(asked.table, params, caller),
            ("table", "GET", True): lambda: self.tables.get(asked.table, sys_id, params, caller),
            ("table", "POST", False): lambda: self.tables.create(asked.table, params, body, caller),
            ("table", "PATCH", True): lambda: self.tables.change(asked.table, sys_id, params, body, caller),
            ("import", "POST", False): lambda: self.imports.import_row(asked.table, body, caller),
            ("attachments", "GET", False): lambda: self.attachments.list(params, caller),
            ("upload", "POST", False): lambda: self.attachments.upload(
                params, body, request.headers.get("content-type", ""), caller
            ),
            ("download", "GET", True): lambda: self.attachments.download(sys_id, caller),
            ("change", "GET", False): lambda: self.changes.list(params, caller),
            ("change", "GET", True): lambda: self.changes.get(sys_id, caller),
            ("change", "PATCH", True): lambda: self.changes.change(sys_id, body, caller),
            ("new_change", "POST", False): lambda: self.changes.open_normal(body, caller),
            ("approvals", "PATCH", True): lambda: self.changes.decide(sys_id, body, caller),
        }
        found = answers.get((asked.api, asked.method, bool(sys_id)))
        return found() if found else NO_RESOURCE
