"""The Attachment API: files follow the access rules of the record that they are attached to."""

from __future__ import annotations

from local.servicenow.answers import NOT_FOUND, Answer, failure
from local.servicenow.books import Record
from local.servicenow.query import EncodedQuery, UnsupportedQuery
from local.servicenow.table_api import Params, TableApi
from local.servicenow.users import Caller

LARGEST_BYTES = 1024 * 1024 * 1024
_DEFAULT_LIMIT = "1000"
_TABLE = "sys_attachment"


class AttachmentApi:
    """The attachments of an instance. ``extensions`` are those that it allows; none means all."""

    def __init__(self, tables: TableApi, extensions: frozenset[str] = frozenset()) -> None:
        self._tables = tables
        self.extensions = extensions

    def list(self, params: Params, caller: Caller) -> Answer:
        """A page of attachments' records. Its Link header is about downloads, not about pages."""
        definition = self._tables.tables[_TABLE]
        limit, offset = params.get("sysparm_limit", _DEFAULT_LIMIT), params.get("sysparm_offset", "0")
        try:
            query = EncodedQuery.parse(params.get("sysparm_query", ""), definition.all_columns)
            records, _ = self._tables.books.select(_TABLE, query, int(limit), int(offset))
        except UnsupportedQuery as error:
            return failure(400, "Invalid query detected", str(error))
        except ValueError:
            return failure(400, "Pagination not supported", f"sysparm_limit={limit}, sysparm_offset={offset}")
        return Answer(200, {"result": [_shown(each, caller) for each in records if self._may_read(each, caller)]})

    def upload(self, params: Params, content: bytes, content_type: str, caller: Caller) -> Answer:
        """Attaches a file, as often as it is asked to: nothing makes its name unique."""
        for name in ("table_name", "table_sys_id", "file_name"):
            if not params.get(name):
                return failure(400, f"{name} is required", None)
        if not content_type:
            return failure(400, "Content-Type is required", None)
        table, sys_id, file_name = params["table_name"], params["table_sys_id"], params["file_name"]
        definition = self._tables.tables.get(table)
        if definition is None or self._tables.visible(table, sys_id, caller) is None:
            return NOT_FOUND
        if not caller.user.has(definition.writer):
            return failure(403, "Operation Failed", "ACL Exception Insert Failed due to security constraints")
        if len(content) > LARGEST_BYTES:
            return failure(413, "File size exceeds the limit", "com.glide.attachment.max_size")
        if self.extensions and file_name.rpartition(".")[2].lower() not in self.extensions:
            return failure(403, "Operation Failed", f"File type is not allowed: {file_name}")
        fields = {"table_name": table, "table_sys_id": sys_id, "file_name": file_name}
        fields |= {"content_type": content_type, "size_bytes": str(len(content))}
        record = self._tables.books.insert(_TABLE, fields, caller.user.username, content)
        location = f"{caller.url}/api/now/attachment/{record['sys_id']}"
        return Answer(201, {"result": _shown(record, caller)}, {"Location": location})

    def download(self, sys_id: str, caller: Caller) -> Answer:
        """What is in a file."""
        record = self._tables.books.find(_TABLE, sys_id=sys_id)
        content = self._tables.books.content(sys_id)
        if record is None or content is None or not self._may_read(record, caller):
            return NOT_FOUND
        return Answer(200, content, content_type=record["content_type"])

    def _may_read(self, record: Record, caller: Caller) -> bool:
        return self._tables.visible(record["table_name"], record["table_sys_id"], caller) is not None


def _shown(record: Record, caller: Caller) -> Record:
    return {**record, "download_link": f"{caller.url}/api/now/attachment/{record['sys_id']}/file"}
