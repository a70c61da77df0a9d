"""The Table API: read records by query or sys_id, create one."""

from __future__ import annotations

import json
from collections.abc import Mapping

from local.servicenow.answers import NOT_ALLOWED, NOT_FOUND, Answer, failure
from local.servicenow.books import Books, DuplicateEntry, Record
from local.servicenow.query import EncodedQuery, UnsupportedQuery
from local.servicenow.tables import Table

_DEFAULT_LIMIT = "10000"


class TableApi:
    """Answers requests of one authenticated user with these roles."""

    def __init__(self, books: Books, tables: Mapping[str, Table], roles: tuple[str, ...]) -> None:
        self._books = books
        self._tables = tables
        self._roles = roles

    def get(self, table: str, sys_id: str | None, params: Mapping[str, str]) -> Answer:
        """Answers a page of records, or one record."""
        definition = self._tables.get(table)
        if definition is None:
            return _invalid_table(table)
        if definition.role not in self._roles:
            return (
                NOT_FOUND if sys_id else failure(403, "Insufficient rights to query records", "ACL restricts reading")
            )
        query = f"sys_id={sys_id}" if sys_id else params.get("sysparm_query", "")
        limit, offset = params.get("sysparm_limit", _DEFAULT_LIMIT), params.get("sysparm_offset", "0")
        try:
            encoded = EncodedQuery.parse(query, definition.all_columns)
            records, total = self._books.select(table, encoded, int(limit), int(offset))
        except UnsupportedQuery as error:
            return failure(400, "Invalid query detected", str(error))
        except ValueError:
            return failure(400, "Pagination not supported", f"sysparm_limit={limit}, sysparm_offset={offset}")
        shown = [_fields(record, params.get("sysparm_fields", "")) for record in records]
        if not sys_id:
            return Answer(200, {"result": shown}, {"X-Total-Count": str(total)})
        return Answer(200, {"result": shown[0]}) if shown else NOT_FOUND

    def post(self, table: str, params: Mapping[str, str], body: bytes, user: str, url: str) -> Answer:
        """Creates a record and answers it."""
        definition = self._tables.get(table)
        if definition is None:
            return _invalid_table(table)
        try:
            given = json.loads(body)
        except ValueError:
            given = None
        if not isinstance(given, dict):
            return failure(400, "Exception while reading request", "The payload is not valid JSON.")
        if definition.role not in self._roles:
            return NOT_ALLOWED
        try:
            record = self._books.insert(table, {name: _text(value) for name, value in given.items()}, user)
        except DuplicateEntry as error:
            detail = f"Error during insert of {table}: Unique Key violation detected by database ({error})"
            return failure(403, "Operation Failed", detail)
        location = f"{url}/api/now/table/{table}/{record['sys_id']}"
        return Answer(201, {"result": _fields(record, params.get("sysparm_fields", ""))}, {"Location": location})


def _fields(record: Record, fields: str) -> Record:
    """The fields asked for; all of them when none is, and unknown ones left out."""
    wanted = [name.strip() for name in fields.split(",") if name.strip()]
    return {name: record[name] for name in wanted if name in record} if wanted else record


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def _invalid_table(table: str) -> Answer:
    return failure(400, f"Invalid table {table}", None)
