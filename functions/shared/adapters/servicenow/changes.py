"""Change requests, to read: whether one is approved, and by whom. Nothing here could approve one."""

from __future__ import annotations

from itertools import count
from typing import Any, NamedTuple, Self

from functions.shared.adapters.servicenow.client import Request, ServiceNowClient
from functions.shared.adapters.servicenow.connection import ServiceNow
from functions.shared.adapters.servicenow.mappings import ChangeMapping
from functions.shared.adapters.servicenow.queries import all_of, contains, equals, is_us
from functions.shared.adapters.servicenow.refusals import unreadable
from functions.shared.adapters.servicenow.tables import TableApi
from functions.shared.errors import ChangeRequestNotFound, PostingForbidden, PostingRejected

APPROVALS = "sysapproval_approver"
CHANGES = "change_request"
CHANGE_PATH = "/api/sn_chg_rest/change"
_PAGE_SIZE = 100
_OVER = ("Closed", "Canceled")


class Approval(NamedTuple):
    """One approver's word: ``approver`` is a user name, ``at`` UTC as ServiceNow writes it."""

    approver: str
    at: str


class ChangeRequest(NamedTuple):
    """A change request as it is now. ``state`` is what people read: Assess, Scheduled, Implement, Closed …

    ``text`` is what stands in the columns that hold the hash; ``requested_by`` a user name.
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

    @property
    def is_open(self) -> bool:
        """Whether it can still become, or is, what a close may rely on."""
        return self.state not in _OVER and self.approval != "rejected"

    def names(self, sha256: str) -> bool:
        """Whether it names this hash; people may have written it in capitals."""
        return sha256.lower() in self.text.lower()


class ChangeRequests:
    """The change requests of an instance."""

    def __init__(
        self, client: ServiceNowClient, mapping: ChangeMapping | None = None, *, page_size: int = _PAGE_SIZE
    ) -> None:
        self._client = client
        self._tables = TableApi(client)
        self._mapping = mapping or ChangeMapping()
        self._page_size = page_size

    @classmethod
    def of(cls, servicenow: ServiceNow) -> Self:
        """The change requests of an instance, as its connection maps them."""
        return cls(servicenow.client, servicenow.connection.change)

    def read(self, number: str) -> ChangeRequest:
        """A change request by its number; raises ChangeRequestNotFound when we are shown none."""
        request = _request("change", {"sysparm_query": equals("number", number), "sysparm_limit": "2"})
        found = [change for change in self._listed(request) if _of(change, "number", "value", request) == number]
        if len(found) != 1:
            raise ChangeRequestNotFound(
                f"change request {number}: ServiceNow shows us {len(found)} of this number; check the number, and that "
                "our user has the role sn_change_read"
            )
        return self._change(found[0], request)

    def naming(self, sha256: str) -> tuple[ChangeRequest, ...]:
        """Every change request that names a hash (in hex) in one of the columns that may hold it.

        Raises PostingRejected when the instance does not search by such a column: it would show us all there are.
        """
        found: dict[str, ChangeRequest] = {}
        for column in self._mapping.hash_columns:
            for change in self._naming(column, sha256):
                found.setdefault(change.sys_id, change)
        return tuple(found.values())

    def our_user(self) -> str:
        """The user name that the instance knows us by; raises PostingForbidden when it does not tell."""
        found = self._tables.find_records("sys_user", is_us("sys_id"), ["sys_id", "user_name"], at_most=2)
        # An instance ignores a condition that it does not understand, and would show us everybody.
        if len(found) != 1 or not found[0].get("user_name"):
            raise PostingForbidden(
                f"sys_user: ServiceNow shows {len(found)} users as ours instead of one, so that our own approval "
                "cannot be told from others'; let our user read its own record, user_name included"
            )
        return found[0]["user_name"]

    def _naming(self, column: str, sha256: str) -> list[ChangeRequest]:
        """Those that name it in one column, page by page: as an access rule may hide rows of any page, a short one need
        not be the last."""
        found: dict[str, ChangeRequest] = {}
        for offset in count(0, self._page_size):
            params = {
                "sysparm_query": all_of(contains(column, sha256), "ORDERBYsys_id"),
                "sysparm_limit": str(self._page_size),
                "sysparm_offset": str(offset),
            }
            request = _request("changes", params)
            page = {_of(change, "sys_id", "value", request): change for change in self._listed(request)}
            if not page:
                break
            if page.keys() <= found.keys():
                raise unreadable(request.what, f"the page from {offset} on has nothing but what was there before")
            if not all(_holds(change, column, sha256) for change in page.values()):
                raise PostingRejected(
                    f"{CHANGES} is not searched by {column}; let our user read that column, or name the one that holds "
                    "the hash in the connection's change.hash_columns"
                )
            found |= {sys_id: self._change(change, request) for sys_id, change in page.items() if sys_id not in found}
        return list(found.values())

    def _listed(self, request: Request) -> list[Any]:
        result, _ = self._client.ask_json(request)
        if not isinstance(result, list):
            raise unreadable(request.what, "the answer's result is not change requests")
        return result

    def _change(self, change: Any, request: Request) -> ChangeRequest:
        sys_id = _of(change, "sys_id", "value", request)
        texts = (_of(change, column, "value", request) for column in self._mapping.hash_columns)
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


def _request(about: str, params: dict[str, str]) -> Request:
    return Request("GET", CHANGE_PATH, about, params)


def _holds(change: Any, column: str, sha256: str) -> bool:
    """Whether a change was found by what it holds: an instance ignores a condition that it does not understand."""
    held = change.get(column) if isinstance(change, dict) else None
    return sha256.lower() in str(held.get("value", "") if isinstance(held, dict) else "").lower()


def _of(change: Any, column: str, kind: str, request: Request) -> str:
    """A column of a change: ``{"value": …, "display_value": …}``."""
    held = change.get(column) if isinstance(change, dict) else None
    text = held.get(kind) if isinstance(held, dict) else None
    if not isinstance(text, str):
        raise unreadable(request.what, f"the change request has no {column}")
    return text
