"""The Import Set API: a row is staged, and a transform map makes a record of it, or does not: 201 all the same."""

from __future__ import annotations

from dataclasses import dataclass

from local.servicenow.answers import NOT_ALLOWED, UNREADABLE, Answer, invalid_table
from local.servicenow.books import DuplicateEntry, Record
from local.servicenow.table_api import TableApi, read_object
from local.servicenow.users import Caller


@dataclass(frozen=True)
class TransformMap:
    """Columns of the same names go from a staging table to a target; ``coalesce`` is the one that tells records apart.

    ``refuses`` makes the map's script fail every row, with these words.
    """

    name: str
    source: str
    target: str
    coalesce: str
    refuses: str = ""


CHARGES = TransformMap("Chargeback charges", "u_chargeback_import", "fm_expense_line", "u_chargeback_key")


class ImportApi:
    """The staging tables of an instance and their maps."""

    def __init__(self, tables: TableApi, maps: tuple[TransformMap, ...] = (CHARGES,)) -> None:
        self._tables = tables
        self.maps = maps

    def import_row(self, staging_table: str, body: bytes, caller: Caller) -> Answer:
        """Stages a row and transforms it, synchronously. The transform runs with the rights of the system."""
        given = read_object(body)
        definition = self._tables.tables.get(staging_table)
        if definition is None:
            return invalid_table(staging_table)
        if given is None:
            return UNREADABLE
        if not caller.user.has(definition.writer):
            return NOT_ALLOWED
        row = self._tables.books.insert(staging_table, given, caller.user.username)
        results = [self._transformed(each, row, caller) for each in self.maps if each.source == staging_table]
        answer = {"import_set": "ISET0010001", "staging_table": staging_table, "result": results}
        return Answer(201, answer, {"Location": f"{caller.url}/api/now/import/{staging_table}/{row['sys_id']}"})

    def _transformed(self, each: TransformMap, row: Record, caller: Caller) -> dict[str, str]:
        made = {"transform_map": each.name, "table": each.target}
        if each.refuses:
            return made | {"status": "error", "error_message": each.refuses}
        target = self._tables.tables[each.target]
        fields = {column: row[column] for column in target.columns if column in row}
        there = self._tables.books.find(each.target, **{each.coalesce: row[each.coalesce]})
        if there:
            unchanged = all(there[column] == value for column, value in fields.items())
            self._tables.books.update(each.target, there["sys_id"], fields, caller.user.username)
            return made | _reference(each, there, "ignored" if unchanged else "updated", caller)
        try:
            record = self._tables.books.insert(each.target, fields, caller.user.username)
        except DuplicateEntry as error:
            return made | {"status": "error", "error_message": f"Unique Key violation detected by database ({error})"}
        return made | _reference(each, record, "inserted", caller)


def _reference(each: TransformMap, record: Record, status: str, caller: Caller) -> dict[str, str]:
    sys_id = record["sys_id"]
    return {
        "display_name": "number",
        "display_value": record.get("number", ""),
        "record_link": f"{caller.url}/api/now/table/{each.target}/{sys_id}",
        "status": status,
        "sys_id": sys_id,
    }
