"""The Attachment API: which files a record has, one more file, and what is in one."""

from __future__ import annotations

from pydantic import TypeAdapter

from functions.shared.adapters.servicenow.client import Request, ServiceNowClient
from functions.shared.adapters.servicenow.queries import all_of, equals
from functions.shared.adapters.servicenow.refusals import unreadable
from functions.shared.adapters.servicenow.tables import Record, validated
from functions.shared.attaching import AttachedFile, FileToAttach

_PATH = "/api/now/attachment"
_LISTED = TypeAdapter(list[Record])
_UPLOADED = TypeAdapter(Record)


class Attachments:
    """The files of one record: the ``FileHolder`` that ``attach_once`` is given."""

    def __init__(self, client: ServiceNowClient, table: str, sys_id: str, *, page_size: int = 1000) -> None:
        self._client = client
        self._table = table
        self._sys_id = sys_id
        self._page_size = page_size

    @property
    def name(self) -> str:
        """The record, as messages call it."""
        return f"{self._table} {self._sys_id}"

    def listed(self) -> list[AttachedFile]:
        """Every file of the record that our user may see."""
        query = all_of(equals("table_name", self._table), equals("table_sys_id", self._sys_id), "ORDERBYsys_id")
        found: list[AttachedFile] = []
        while True:
            params = {
                "sysparm_query": query,
                "sysparm_limit": str(self._page_size),
                "sysparm_offset": str(len(found)),
            }
            request = Request("GET", _PATH, "attachment", params)
            result, _ = self._client.ask_json(request)
            page = validated(_LISTED, result, request.what)
            found += [_file(record, request) for record in page]
            if len(page) < self._page_size:
                return found

    def upload(self, file: FileToAttach) -> AttachedFile:
        """Attaches a file, in one attempt. After BooksUnavailable it may be there or not: list before trying again."""
        self._client.require_time_to_settle("attachment")
        params = {"table_name": self._table, "table_sys_id": self._sys_id, "file_name": file.name}
        request = Request(
            "POST",
            f"{_PATH}/file",
            "attachment",
            params,
            content=file.content,
            content_type=file.content_type,
        )
        result, _ = self._client.ask_json(request)
        return _file(validated(_UPLOADED, result, request.what), request)

    def let_settle(self) -> None:
        """Waits until an upload that was not answered in time is done, or was given up."""
        self._client.let_settle()

    def read(self, file: AttachedFile) -> bytes:
        """The bytes of an attached file."""
        request = Request("GET", f"{_PATH}/{file.sys_id}/file", "attachment")
        return self._client.ask_content(request, file.size)


def _file(record: Record, request: Request) -> AttachedFile:
    size = record.get("size_bytes", "")
    if not size.isdecimal() or "sys_id" not in record or "file_name" not in record:
        raise unreadable(request.what, "an attachment without sys_id, file_name or size_bytes")
    return AttachedFile(sys_id=record["sys_id"], name=record["file_name"], size=int(size))
