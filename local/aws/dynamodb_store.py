"""Durable DynamoDB: a change of an item is on disk before its request returns, and tables find their items again."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from local.aws.journal import Document, Journal
from local.aws.patching import Patches

_Position = tuple[Any, str, Any, Any]
"""Where an item is: backend, table name, hash key, range key or None."""


class ItemStore:
    """Writes items through; a request is one line of the journal, so a transaction is restored whole or not at all.

    Requests run one at a time: moto checks a condition and writes the item in two steps.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = threading.RLock()
        self._depth = 0
        self._changed: dict[str, _Position] = {}

    def install(self, patches: Patches) -> None:
        from moto.dynamodb.models import DynamoDBBackend
        from moto.dynamodb.models.table import Table

        for request in ("put_item", "delete_item", "update_item", "transact_write_items", "execute_statement"):
            patches.wrap(DynamoDBBackend, request, self._request)
        patches.wrap(DynamoDBBackend, "execute_transaction", self._request)
        patches.wrap(DynamoDBBackend, "update_item", self._update_item)
        patches.wrap(Table, "put_item", self._put_item)
        patches.wrap(Table, "delete_item", self._delete_item)
        patches.wrap(DynamoDBBackend, "create_table", self._create_table)
        patches.wrap(DynamoDBBackend, "delete_table", self._delete_table)

    def _request(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with self._lock:
            self._depth += 1
            try:
                return original(*args, **kwargs)
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._commit()

    def _commit(self) -> None:
        changed, self._changed = self._changed, {}
        self._journal.write({document_id: _document(position) for document_id, position in changed.items()})

    def _update_item(self, original: Any, backend: Any, table_name: str, key: Any, *args: Any, **kwargs: Any) -> Any:
        return self._request(self._update_and_note, original, backend, table_name, key, args, kwargs)

    def _update_and_note(
        self, original: Any, backend: Any, table_name: str, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """An update changes the item in place."""
        item = original(backend, table_name, key, *args, **kwargs)
        self._note(backend.get_table(table_name), item.hash_key, item.range_key)
        return item

    def _put_item(self, original: Any, table: Any, *args: Any, **kwargs: Any) -> Any:
        with self._lock:
            item = original(table, *args, **kwargs)
            self._note(table, item.hash_key, item.range_key)
            return item

    def _delete_item(self, original: Any, table: Any, hash_key: Any, range_key: Any) -> Any:
        with self._lock:
            item = original(table, hash_key, range_key)
            self._note(table, hash_key, range_key)
            return item

    def _note(self, table: Any, hash_key: Any, range_key: Any) -> None:
        from moto.dynamodb.models import dynamodb_backends

        backend = dynamodb_backends[table.account_id][table.region_name]
        keys = [key.to_json() for key in (hash_key, range_key) if key is not None]
        document_id = _prefix(backend, table.name) + json.dumps(keys, separators=(",", ":"))
        self._changed[document_id] = (backend, table.name, hash_key, range_key)
        if self._depth == 0:
            self._commit()

    def _create_table(self, original: Any, backend: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        table = original(backend, name, *args, **kwargs)
        with self._lock:
            for _, document in self._journal.items(_prefix(backend, name)):
                _restore(table, document)
        return table

    def _delete_table(self, original: Any, backend: Any, name: str) -> Any:
        table = original(backend, name)
        self._journal.write({document_id: None for document_id, _ in self._journal.items(_prefix(backend, name))})
        return table


def _prefix(backend: Any, table_name: str) -> str:
    return f"dynamodb:{backend.region_name}:{table_name}:"


def _document(position: _Position) -> Document | None:
    backend, table_name, hash_key, range_key = position
    if table_name not in backend.tables:
        return None
    item = backend.tables[table_name].get_item(hash_key, range_key)
    return None if item is None else item.to_json()["Attributes"]


def _restore(table: Any, attributes: Document) -> None:
    from moto.dynamodb.models.dynamo_type import DynamoType, Item

    hash_key = DynamoType(attributes[table.hash_key_attr])
    if table.range_key_attr is None:
        table.items[hash_key] = Item(hash_key, None, attributes)
    else:
        range_key = DynamoType(attributes[table.range_key_attr])
        table.items[hash_key][range_key] = Item(hash_key, range_key, attributes)
