"""The Change Management API: read change requests; approve one, as oneself."""

from __future__ import annotations

from local.servicenow.answers import NOT_FOUND, NOT_QUERIED, UNREADABLE, Answer, failure
from local.servicenow.books import Record
from local.servicenow.query import EncodedQuery, UnsupportedQuery
from local.servicenow.table_api import Params, TableApi, read_object
from local.servicenow.tables import STATE_LABELS
from local.servicenow.users import Caller

_TABLE, _APPROVALS = "change_request", "sysapproval_approver"
_DEFAULT_LIMIT = "500"
_SCHEDULED = "-2"


class ChangeApi:
    """The change requests of an instance."""

    def __init__(self, tables: TableApi) -> None:
        self._tables = tables

    def list(self, params: Params, caller: Caller) -> Answer:
        """A page of change requests; every column with its value and with what people read."""
        definition = self._tables.tables[_TABLE]
        if not caller.user.has(definition.reader):
            return NOT_QUERIED
        limit, offset = params.get("sysparm_limit", _DEFAULT_LIMIT), params.get("sysparm_offset", "0")
        try:
            query = EncodedQuery.parse(params.get("sysparm_query", ""), definition.all_columns)
        except UnsupportedQuery as error:
            return failure(400, "Invalid query detected", str(error))
        records, _ = self._tables.books.select(_TABLE, query, int(limit), int(offset))
        visible = [each for each in records if self._tables.visible(_TABLE, each["sys_id"], caller)]
        return Answer(200, {"result": [self._shown(each) for each in visible]})

    def get(self, sys_id: str, caller: Caller) -> Answer:
        """One change request."""
        record = self._tables.visible(_TABLE, sys_id, caller)
        return Answer(200, {"result": self._shown(record)}) if record else NOT_FOUND

    def decide(self, sys_id: str, body: bytes, caller: Caller) -> Answer:
        """Approves or rejects as the caller: only who was asked to approve can."""
        given = read_object(body)
        if given is None or given.get("state") not in ("approved", "rejected"):
            return UNREADABLE
        if self._tables.visible(_TABLE, sys_id, caller) is None:
            return NOT_FOUND
        books, user = self._tables.books, caller.user
        asked = books.find(_APPROVALS, sysapproval=sys_id, approver=user.sys_id, state="requested")
        if asked is None or not user.has("approver_user"):
            return failure(400, "The user is not an approver of this change request", None)
        books.update(_APPROVALS, asked["sys_id"], {"state": given["state"]}, user.username)
        changed = {"approval": given["state"]} | ({"state": _SCHEDULED} if given["state"] == "approved" else {})
        record = books.update(_TABLE, sys_id, changed, user.username)
        return Answer(200, {"result": self._shown(record)}) if record else NOT_FOUND

    def _shown(self, record: Record) -> dict[str, dict[str, str]]:
        shown = {name: {"value": value, "display_value": value} for name, value in record.items()}
        shown["state"]["display_value"] = STATE_LABELS.get(record["state"], record["state"])
        requester = self._tables.books.find("sys_user", sys_id=record["requested_by"])
        shown["requested_by"]["display_value"] = requester["name"] if requester else ""
        return shown
