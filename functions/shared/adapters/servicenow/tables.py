"""The Table API: find records, create one, change one. Every value is text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from pydantic import TypeAdapter, ValidationError

from functions.shared.adapters.servicenow.client import Request, ServiceNowClient
from functions.shared.adapters.servicenow.refusals import unreadable

Record = dict[str, str]
_RECORD = TypeAdapter(Record)
_RECORDS = TypeAdapter(list[Record])
_T = TypeVar("_T")
# An instance answers references as objects unless told not to.
_TEXT_ONLY = {"sysparm_exclude_reference_link": "true"}


class Found(NamedTuple):
    """Records, and how many more there are that an access rule hides from us."""

    records: list[Record]
    hidden: int


class TableApi:
    """The records of an instance, as far as our user may see them."""

    def __init__(self, client: ServiceNowClient, *, page_size: int = 1000) -> None:
        self._client = client
        self._page_size = page_size

    def find_records(
        self, table: str, query: str, fields: Sequence[str], *, at_most: int | None = None
    ) -> list[Record]:
        """The records an encoded query selects, in a stable order, read page by page.

        The instance leaves out columns that the table does not have, and by default ignores a condition on one: a
        caller who must not act on foreign records asks for the column too, and compares.
        """
        return self.find_all(table, query, fields, at_most=at_most).records

    def find_all(self, table: str, query: str, fields: Sequence[str], *, at_most: int | None = None) -> Found:
        """As ``find_records``, with the number of those that are there and not shown."""
        page_size = self._page_size if at_most is None else min(self._page_size, at_most)
        found: dict[str, Record] = {}
        offset = 0
        while True:
            page, total, more = self._page(table, query, fields, page_size, offset)
            # A record that was created meanwhile moves others to the next page, where they come again.
            found |= {record.get("sys_id", f"{offset}.{number}"): record for number, record in enumerate(page)}
            offset += page_size
            if not more or (at_most is not None and offset >= at_most):
                records = list(found.values())[:at_most]
                return Found(records, 0 if at_most or total is None else max(total - len(records), 0))

    def create_record(self, table: str, fields: Mapping[str, str], shown: Sequence[str] = ()) -> Record:
        """Creates one record and answers it. After BooksUnavailable it may exist or not: look before trying again."""
        request = Request("POST", f"/api/now/table/{table}", table, _TEXT_ONLY | _shown(shown), record=fields)
        result, _ = self._client.ask_json(request)
        return validated(_RECORD, result, request.what)

    def change_record(self, table: str, sys_id: str, fields: Mapping[str, str], shown: Sequence[str] = ()) -> Record:
        """Changes columns of one record and answers it. After BooksUnavailable they may be changed or not."""
        path = f"/api/now/table/{table}/{sys_id}"
        request = Request("PATCH", path, table, _TEXT_ONLY | _shown(shown), record=fields)
        result, _ = self._client.ask_json(request)
        return validated(_RECORD, result, request.what)

    def _page(
        self, table: str, query: str, fields: Sequence[str], size: int, offset: int
    ) -> tuple[list[Record], int | None, bool]:
        """One page, how many records there are in all if the instance says so, and whether there is another page."""
        params = {
            "sysparm_query": query if "ORDERBY" in query else "^".join(filter(None, (query, "ORDERBYsys_id"))),
            "sysparm_limit": str(size),
            "sysparm_offset": str(offset),
        }
        request = Request("GET", f"/api/now/table/{table}", table, params | _TEXT_ONLY | _shown(fields))
        result, headers = self._client.ask_json(request)
        page = validated(_RECORDS, result, request.what)
        count = headers.get("X-Total-Count", "")
        total = int(count) if count.isdecimal() else None
        # Rows are hidden by ACLs after the limit is applied, so a short page is not always the last one. The address in
        # the Link header is not followed: it may be one that our network does not reach, and our token stays here.
        if 'rel="next"' in headers.get("Link", ""):
            return page, total, True
        return page, total, len(page) == size if total is None else offset + size < total


def validated(shape: TypeAdapter[_T], result: object, what: str) -> _T:
    """A result in its shape; raises BooksAnswerUnreadable when it has another one."""
    try:
        return shape.validate_python(result, strict=True)
    except ValidationError:
        raise unreadable(what, "the answer's result is not records of text values") from None


def _shown(fields: Sequence[str]) -> dict[str, str]:
    return {"sysparm_fields": ",".join(fields)} if fields else {}
