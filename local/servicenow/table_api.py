"""The Table API: read records by query or sys_id, create one, change one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from local.servicenow.answers import (
    NOT_ALLOWED,
    NOT_CHANGED,
    NOT_FOUND,
    NOT_QUERIED,
    UNREADABLE,
    Answer,
    failure,
    invalid_table,
    unique_violation,
)
from local.servicenow.books import Books, DuplicateEntry, Record
from local.servicenow.query import EncodedQuery, UnsupportedQuery
from local.servicenow.tables import Table
from local.servicenow.users import Caller

_DEFAULT_LIMIT = "10000"
Params = Mapping[str, str]


@dataclass
class TableApi:
    """The records of an instance as each caller may see and change them.

    ``hidden`` are the sys_ids of records that a row's access rule keeps from everybody but administrators.
    """

    books: Books
    tables: Mapping[str, Table]
    hidden: set[str] = field(default_factory=set)

    def list(self, table: str, params: Params, caller: Caller) -> Answer:
        """A page of records. The limit is applied before access rules, so that a page can have fewer."""
        definition = self.tables.get(table)
        if definition is None:
            return invalid_table(table)
        if not caller.user.has(definition.reader):
            return NOT_QUERIED
        limit, offset = params.get("sysparm_limit", _DEFAULT_LIMIT), params.get("sysparm_offset", "0")
        try:
            query = EncodedQuery.parse(params.get("sysparm_query", ""), definition.all_columns, caller.user.sys_id)
            records, total = self.books.select(table, query, int(limit), int(offset))
        except UnsupportedQuery as error:
            return failure(400, "Invalid query detected", str(error))
        except ValueError:
            return failure(400, "Pagination not supported", f"sysparm_limit={limit}, sysparm_offset={offset}")
        shown = [self.shown(table, record, params, caller) for record in records if self._may_see(record, caller)]
        headers = {"X-Total-Count": str(total)}
        if links := _links(f"{caller.url}/api/now/table/{table}", int(limit), int(offset), total):
            headers["Link"] = links
        return Answer(200, {"result": shown}, headers)

    def get(self, table: str, sys_id: str, params: Params, caller: Caller) -> Answer:
        """One record; one that is hidden is answered as one that is not there."""
        definition = self.tables.get(table)
        if definition is None:
            return invalid_table(table)
        record = self.visible(table, sys_id, caller)
        return Answer(200, {"result": self.shown(table, record, params, caller)}) if record else NOT_FOUND

    def create(self, table: str, params: Params, body: bytes, caller: Caller) -> Answer:
        """Creates a record and answers it."""
        definition = self.tables.get(table)
        given = read_object(body)
        if definition is None:
            return invalid_table(table)
        if given is None:
            return UNREADABLE
        if not caller.user.has(definition.writer):
            return NOT_ALLOWED
        if refusal := _policy_refusal(definition, given):
            return refusal
        try:
            record = self.books.insert(table, given, caller.user.username)
        except DuplicateEntry as error:
            return unique_violation(table, error)
        location = f"{caller.url}/api/now/table/{table}/{record['sys_id']}"
        return Answer(201, {"result": self.shown(table, record, params, caller)}, {"Location": location})

    def change(self, table: str, sys_id: str, params: Params, body: bytes, caller: Caller) -> Answer:
        """Changes a record and answers it."""
        definition = self.tables.get(table)
        given = read_object(body)
        if definition is None:
            return invalid_table(table)
        if given is None:
            return UNREADABLE
        record = self.visible(table, sys_id, caller)
        if record is None:
            return NOT_FOUND
        is_locked = any(record[column] in values for column, values in definition.locked.items())
        if not caller.user.has(definition.writer) or is_locked:
            return NOT_CHANGED
        if refusal := _policy_refusal(definition, {**record, **given}):
            return refusal
        try:
            changed = self.books.update(table, sys_id, given, caller.user.username)
        except DuplicateEntry as error:
            return unique_violation(table, error)
        return Answer(200, {"result": self.shown(table, changed or record, params, caller)})

    def visible(self, table: str, sys_id: str, caller: Caller) -> Record | None:
        """A record that the caller may read."""
        definition = self.tables.get(table)
        if definition is None or not caller.user.has(definition.reader):
            return None
        record = self.books.find(table, sys_id=sys_id)
        return record if record and self._may_see(record, caller) else None

    def shown(self, table: str, record: Record, params: Params, caller: Caller) -> dict[str, object]:
        """The fields asked for, all of them when none is; unknown ones are left out. A reference is an object with its
        address unless that is excluded, and a field of what it refers to is asked for with a dot."""
        wanted = [name.strip() for name in params.get("sysparm_fields", "").split(",") if name.strip()]
        plain = params.get("sysparm_exclude_reference_link") == "true"
        references = self.tables[table].references
        shown: dict[str, object] = {}
        for name in wanted or record:
            column, _, beyond = name.partition(".")
            if column not in record:
                continue
            if beyond and column in references:
                shown[name] = self._beyond(references[column], record[column], beyond, caller)
            elif not beyond:
                value, target = record[column], references.get(column)
                link = {"link": f"{caller.url}/api/now/table/{target}/{value}", "value": value}
                shown[name] = link if target and value and not plain else value
        return shown

    def _beyond(self, table: str, sys_id: str, column: str, caller: Caller) -> str:
        record = self.visible(table, sys_id, caller) if sys_id else None
        return record.get(column, "") if record else ""

    def _may_see(self, record: Record, caller: Caller) -> bool:
        return record["sys_id"] not in self.hidden or caller.user.has("admin")


def read_object(body: bytes) -> Record | None:
    """The fields of a JSON object, as text; None when the body is none."""
    try:
        given = json.loads(body)
    except ValueError:
        return None
    return {name: _text(value) for name, value in given.items()} if isinstance(given, dict) else None


def _policy_refusal(definition: Table, record: Mapping[str, str]) -> Answer | None:
    """What a data policy says when columns are empty that must not be."""
    for (column, value), needed in definition.needs.items():
        missing: Sequence[str] = [name for name in needed if not record.get(name)]
        if record.get(column) == value and missing:
            detail = f"Data Policy Exception: The following fields are mandatory: {', '.join(missing)}"
            return failure(403, "Operation Failed", detail)
    return None


def _links(address: str, limit: int, offset: int, total: int) -> str:
    """The Link header: nothing when there is only one page."""
    if limit <= 0 or total <= limit:
        return ""
    pages = {"first": 0, "last": (total - 1) // limit * limit}
    if offset + limit < total:
        pages["next"] = offset + limit
    if offset > 0:
        pages["prev"] = max(offset - limit, 0)
    return ",".join(f'<{address}?sysparm_limit={limit}&sysparm_offset={at}>;rel="{rel}"' for rel, at in pages.items())


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)
