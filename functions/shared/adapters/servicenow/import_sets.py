"""The Import Set API: a row goes into a staging table, and transform maps make records of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.shared.adapters.servicenow.client import Request, ServiceNowClient
from functions.shared.adapters.servicenow.refusals import unreadable
from functions.shared.errors import ImportFailed

_MADE = frozenset({"inserted", "updated", "ignored"})


class ImportSetApi:
    """Rows for the staging tables of an instance."""

    def __init__(self, client: ServiceNowClient) -> None:
        self._client = client

    def import_row(self, staging_table: str, fields: Mapping[str, str]) -> None:
        """Imports one row, in one attempt, with every transform map that is active.

        The instance says "created" as soon as the row is staged. What came of it is in each map's result: raises
        ImportFailed with the instance's words unless every one was inserted, updated or left as it was.
        """
        request = Request("POST", f"/api/now/import/{staging_table}", staging_table, record=fields)
        results, _ = self._client.ask_json(request)
        if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
            raise unreadable(request.what, "the answer's result is not what transform maps made")
        if not results:
            raise ImportFailed(f"{request.what}: staged, but no transform map is active; activate one for this table")
        for result in results:
            _require_made(request.what, result)


def _require_made(what: str, result: Mapping[str, Any]) -> None:
    status = result.get("status")
    if status in _MADE:
        return
    said = [result.get(name) for name in ("error_message", "status_message")]
    words = "; ".join(" ".join(text.split()) for text in said if isinstance(text, str) and text)
    raise ImportFailed(
        f"{what}: transform map {result.get('transform_map')!r} says {status!r}{f': {words}' if words else ''}; "
        "correct the map, or what it refuses"
    )
