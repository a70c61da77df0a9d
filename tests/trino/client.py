"""Trino's statement protocol over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

SECONDS_PER_ANSWER = 120


class TrinoQueryFailed(Exception):
    """Trino refused a statement or failed on it; the message is Trino's, with its error name and place."""


@dataclass(frozen=True)
class TrinoRows:
    """Rows as JSON has them (decimals are text), the columns' names, and their types in Trino's words."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[list[Any]]


class TrinoClient:
    """Runs one statement after the other, in one catalog."""

    def __init__(self, url: str, catalog: str) -> None:
        self._url = url
        headers = {"X-Trino-User": "tests", "X-Trino-Catalog": catalog, "X-Trino-Time-Zone": "UTC"}
        self._http = httpx.Client(headers=headers, timeout=SECONDS_PER_ANSWER, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def run(self, sql: str, schema: str = "") -> TrinoRows:
        """All rows of a statement; raises TrinoQueryFailed."""
        headers = {"X-Trino-Schema": schema} if schema else {}
        page = self._http.post(f"{self._url}/v1/statement", content=sql.encode(), headers=headers)
        columns: list[dict[str, Any]] = []
        rows: list[list[Any]] = []
        while True:
            answer = page.raise_for_status().json()
            if error := answer.get("error"):
                raise TrinoQueryFailed(_reason(error))
            columns = answer.get("columns") or columns
            rows += answer.get("data") or []
            if "nextUri" not in answer:
                names, types = ([column[key] for column in columns] for key in ("name", "type"))
                return TrinoRows(tuple(names), tuple(types), rows)
            page = self._http.get(answer["nextUri"])


def _reason(error: dict[str, Any]) -> str:
    reasons = [f"{error['errorName']}: {error['message']}"]
    cause = (error.get("failureInfo") or {}).get("cause")
    while cause:
        reasons.append(str(cause.get("message") or cause.get("type")))
        cause = cause.get("cause")
    return "; caused by ".join(reasons)
