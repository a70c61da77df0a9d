"""Change requests, to open: one for each hash, put before its approvers. To approve them is for people."""

from __future__ import annotations

from typing import Self

from functions.shared.adapters.servicenow.attachments import Attachments
from functions.shared.adapters.servicenow.changes import CHANGE_PATH, CHANGES, ChangeRequest, ChangeRequests
from functions.shared.adapters.servicenow.client import Request, ServiceNowClient
from functions.shared.adapters.servicenow.connection import ServiceNow
from functions.shared.adapters.servicenow.mappings import ChangeMapping
from functions.shared.errors import BooksRateLimited, BooksUnavailable, PostingMismatch
from functions.shared.once import make_once

_NEW = "New"


class NewChanges:
    """Opens change requests. All methods raise the PostingError family, too."""

    def __init__(self, client: ServiceNowClient, mapping: ChangeMapping) -> None:
        self._client = client
        self._mapping = mapping
        self._changes = ChangeRequests(client, mapping)

    @classmethod
    def of(cls, servicenow: ServiceNow) -> Self:
        """Those of an instance, as its connection maps them."""
        return cls(servicenow.client, servicenow.connection.change)

    def find_open(self, sha256: str) -> ChangeRequest | None:
        """The request that names a hash and is not over, the first by number; None if there is none."""
        return min(
            (change for change in self._changes.naming(sha256) if change.is_open),
            key=lambda change: change.number,
            default=None,
        )

    def open(self, sha256: str, summary: str, description: str) -> tuple[ChangeRequest, bool]:
        """The open request that names a hash, and whether this attempt has surely opened it.

        ``description`` names the hash; a column for the hash beside it gets the hash alone.
        """
        change, opened = make_once(lambda: self.find_open(sha256), lambda: self._create(sha256, summary, description))
        if change is None:
            raise PostingMismatch(
                f"{CHANGES}: a change request for {sha256} was taken but is not shown under its hash; let our user "
                f"read and write {', '.join(self._mapping.hash_columns)}, which hold 64 characters or more"
            )
        return change, opened

    def submit(self, change: ChangeRequest) -> ChangeRequest:
        """Puts a new request before its approvers; one that is further on stays as it is, and so does any where the
        mapping leaves this to people."""
        if change.state != _NEW or not self._mapping.submitted_state:
            return change
        path = f"{CHANGE_PATH}/{change.sys_id}"
        try:
            self._client.ask_json(Request("PATCH", path, "change", record={"state": self._mapping.submitted_state}))
        except BooksRateLimited:
            raise
        except BooksUnavailable:
            # Perhaps only the answer was lost.
            if self._changes.read(change.number).state == _NEW:
                raise
        return self._changes.read(change.number)

    def files_of(self, change: ChangeRequest) -> Attachments:
        """The files attached to a request."""
        return Attachments(self._client, CHANGES, change.sys_id)

    def _create(self, sha256: str, summary: str, description: str) -> None:
        """What comes back is looked up again by the hash, as a close will look it up."""
        fields = dict.fromkeys(self._mapping.hash_columns, sha256) | self._mapping.constants
        fields |= {"short_description": summary, "description": description}
        self._client.ask_json(Request("POST", f"{CHANGE_PATH}/normal", "change", record=fields))
