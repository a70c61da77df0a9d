"""The Change Management API: read change requests, open a normal one and move it on; approve one, as oneself."""

from __future__ import annotations

from collections.abc import Collection

from local.servicenow.answers import NOT_ALLOWED, NOT_CHANGED, NOT_FOUND, NOT_QUERIED, UNREADABLE, Answer, failure
from local.servicenow.books import Record
from local.servicenow.query import EncodedQuery, UnsupportedQuery
from local.servicenow.table_api import Params, TableApi, read_object
from local.servicenow.tables import BY_HAND, STATE_LABELS
from local.servicenow.users import Caller

_TABLE, _APPROVALS = "change_request", "sysapproval_approver"
_DEFAULT_LIMIT = "500"
_NEW, _ASSESS, _SCHEDULED, _CANCELED = "-5", "-4", "-2", "4"
_WRITERS = ("itil", "change_manager")


class ChangeApi:
    """The change requests of an instance. ``approvers`` are the sys_ids of the users whom each is put before."""

    def __init__(self, tables: TableApi, approvers: Collection[str] = ()) -> None:
        self._tables = tables
        self._approvers = approvers

    def list(self, params: Params, caller: Caller) -> Answer:
        """A page of change requests; every column with its value and with what people read."""
        definition = self._tables.tables[_TABLE]
        if not caller.user.has(definition.reader):
            return NOT_QUERIED
        limit, offset = params.get("sysparm_limit", _DEFAULT_LIMIT), params.get("sysparm_offset", "0")
        try:
            query = EncodedQuery.parse(params.get("sysparm_query", ""), definition.all_columns, caller.user.sys_id)
        except UnsupportedQuery as error:
            return failure(400, "Invalid query detected", str(error))
        records, _ = self._tables.books.select(_TABLE, query, int(limit), int(offset))
        visible = [each for each in records if self._tables.visible(_TABLE, each["sys_id"], caller)]
        return Answer(200, {"result": [self._shown(each) for each in visible]})

    def get(self, sys_id: str, caller: Caller) -> Answer:
        """One change request."""
        record = self._tables.visible(_TABLE, sys_id, caller)
        return Answer(200, {"result": self._shown(record)}) if record else NOT_FOUND

    def open_normal(self, body: bytes, caller: Caller) -> Answer:
        """Opens a normal change request as the caller's: new, and nobody is asked to approve it yet."""
        given = read_object(body)
        if given is None:
            return UNREADABLE
        if not _may_write(caller):
            return NOT_ALLOWED
        opened = {"requested_by": caller.user.sys_id} | given
        opened |= {"type": "normal", "state": _NEW, "approval": "not requested"}
        return Answer(200, {"result": self._shown(self._tables.books.insert(_TABLE, opened, caller.user.username))})

    def change(self, sys_id: str, body: bytes, caller: Caller) -> Answer:
        """Changes columns, and moves the request to another state if its model lets people do that."""
        given, record = read_object(body), self._tables.visible(_TABLE, sys_id, caller)
        if given is None:
            return UNREADABLE
        if record is None:
            return NOT_FOUND
        if not _may_write(caller) or "approval" in given:
            return NOT_CHANGED
        state = given.get("state", record["state"])
        if state != record["state"] and state not in BY_HAND.get(record["state"], ()):
            moves = f"{STATE_LABELS[record['state']]} to {STATE_LABELS.get(state, state)}"
            return failure(400, "Invalid state transition", f"The change model does not move {moves}")
        if state != record["state"]:
            given |= self._moved(sys_id, state)
        changed = self._tables.books.update(_TABLE, sys_id, given, caller.user.username)
        return Answer(200, {"result": self._shown(changed or record)})

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

    def _moved(self, sys_id: str, state: str) -> Record:
        """What else comes with a new state: approvers are asked, or need not answer any more."""
        books = self._tables.books
        if state == _ASSESS:
            for approver in self._approvers:
                asked = {"sysapproval": sys_id, "approver": approver}
                books.insert(_APPROVALS, asked | {"state": "requested"}, "system")
            return {"approval": "requested"}
        if state in (_NEW, _CANCELED):
            while waiting := books.find(_APPROVALS, sysapproval=sys_id, state="requested"):
                books.update(_APPROVALS, waiting["sys_id"], {"state": "cancelled"}, "system")
        return {"approval": "not requested"} if state == _NEW else {}

    def _shown(self, record: Record) -> dict[str, dict[str, str]]:
        shown = {name: {"value": value, "display_value": value} for name, value in record.items()}
        shown["state"]["display_value"] = STATE_LABELS.get(record["state"], record["state"])
        requester = self._tables.books.find("sys_user", sys_id=record["requested_by"])
        shown["requested_by"]["display_value"] = requester["name"] if requester else ""
        return shown


def _may_write(caller: Caller) -> bool:
    return any(caller.user.has(role) for role in _WRITERS)
