"""Change requests, to read: whether one is approved, and by whom. Nothing here could approve one."""

from __future__ import annotations

from typing import Any, NamedTuple

from functions.shared.adapters.servicenow.client import Request, ServiceNowClient
from functions.shared.adapters.servicenow.queries import all_of, equals
from functions.shared.adapters.servicenow.refusals import unreadable
from functions.shared.adapters.servicenow.tables import TableApi
from functions.shared.errors import ChangeRequestNotFound

APPROVALS = "sysapproval_approver"
CHANGES = "change_request"
_PATH = "/api/sn_chg_rest/change"
_MOST_READ = "100"


class Approval(NamedTuple):
    """One approver's word: ``approver`` is a user name, ``at`` UTC as ServiceNow writes it."""

    approver: str
    at: str


class ChangeRequest(NamedTuple):
    """A change request as it is now. ``state`` is what people read: Assess, Scheduled, Implement, Closed …

    ``text`` is everything its requester wrote; ``requested_by`` a user name.
    """

    number: str
    sys_id: str
    state: str
    approval: str
    requested_by: str
    text: str
    approvals: tuple[Approval, ...]

    @property
    def is_approved(self) -> bool:
        """Whether the request as a whole is approved, and at least one person has approved it."""
        return self.approval == "approved" and bool(self.approvals)


class ChangeRequests:
    """The change requests of an instance."""

    def __init__(self, client: ServiceNowClient) -> None:
        self._client = client
        self._tables = TableApi(client)

    def read(self, number: str) -> ChangeRequest:
        """A change request by its number; raises ChangeRequestNotFound when we are shown none."""
        query = equals("number", number)
        request = Request("GET", _PATH, "change", {"sysparm_query": query, "sysparm_limit": "2"})
        result, _ = self._client.ask_json(request)
        if not isinstance(result, list):
            raise unreadable(request.what, "the answer's result is not change requests")
        found = [change for change in result if _of(change, "number", "value", request) == number]
        if len(found) != 1:
            raise ChangeRequestNotFound(
                f"change request {number}: ServiceNow shows us {len(found)} of this number; check the number, and that "
                "our user has the role sn_change_read"
            )
        return self._change(found[0], request)

    def naming(self, sha256: str) -> tuple[ChangeRequest, ...]:
        """The change requests whose description names a hash (in hex); at most a hundred are looked at."""
        query = f"descriptionLIKE{sha256}"
        request = Request("GET", _PATH, "changes", {"sysparm_query": query, "sysparm_limit": _MOST_READ})
        result, _ = self._client.ask_json(request)
        if not isinstance(result, list):
            raise unreadable(request.what, "the answer's result is not change requests")
        # An instance ignores a condition that it does not understand.
        found = [change for change in result if sha256 in _of(change, "description", "value", request)]
        return tuple(self._change(change, request) for change in found)

    def _change(self, change: Any, request: Request) -> ChangeRequest:
        texts = (_of(change, column, "value", request) for column in ("short_description", "description"))
        sys_id = _of(change, "sys_id", "value", request)
        return ChangeRequest(
            number=_of(change, "number", "value", request),
            sys_id=sys_id,
            state=_of(change, "state", "display_value", request),
            approval=_of(change, "approval", "value", request),
            requested_by=self._user_name(_of(change, "requested_by", "value", request)),
            text="\n".join(filter(None, texts)),
            approvals=self._approvals(sys_id),
        )

    def _approvals(self, change: str) -> tuple[Approval, ...]:
        query = all_of(equals("sysapproval", change), equals("state", "approved"))
        fields = ["sys_id", "sysapproval", "state", "approver.user_name", "sys_updated_on"]
        records = self._tables.find_records(APPROVALS, query, fields)
        return tuple(
            Approval(record.get("approver.user_name", ""), record.get("sys_updated_on", ""))
            for record in records
            # An instance ignores a condition that it does not understand.
            if (record.get("sysapproval"), record.get("state")) == (change, "approved")
        )

    def _user_name(self, user: str) -> str:
        if not user:
            return ""
        found = self._tables.find_records("sys_user", equals("sys_id", user), ["sys_id", "user_name"], at_most=1)
        return found[0].get("user_name", "") if found and found[0].get("sys_id") == user else ""


def _of(change: Any, column: str, kind: str, request: Request) -> str:
    """A column of a change: ``{"value": …, "display_value": …}``."""
    held = change.get(column) if isinstance(change, dict) else None
    text = held.get(kind) if isinstance(held, dict) else None
    if not isinstance(text, str):
        raise unreadable(request.what, f"the change request has no {column}")
    return text
