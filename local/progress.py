"""Shows an execution as it goes, state by state, in a reviewer's words."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

Show = Callable[[str], None]
_NAME_WIDTH = 20


def follow(client: Any, execution_arn: str, show: Show) -> dict[str, Any]:
    """Prints a line for every state that ends, until the execution ends; returns its description."""
    seen = 0
    entered: dict[str, float] = {}
    while True:
        description: dict[str, Any] = client.describe_execution(executionArn=execution_arn)
        events = _history(client, execution_arn)
        for event in events[seen:]:
            _show_event(event, entered, show)
        seen = len(events)
        if description["status"] != "RUNNING":
            return description
        time.sleep(0.4)


def _history(client: Any, execution_arn: str) -> list[dict[str, Any]]:
    pages = client.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
    return [event for page in pages for event in page["events"]]


def _show_event(event: dict[str, Any], entered: dict[str, float], show: Show) -> None:
    at = event["timestamp"].timestamp()
    if "stateEnteredEventDetails" in event:
        entered[event["stateEnteredEventDetails"]["name"]] = at
    elif event["type"] in {"TaskStateExited", "MapStateExited"} and "stateExitedEventDetails" in event:
        details = event["stateExitedEventDetails"]
        output = json.loads(details.get("output", "{}"))
        words = "failed" if "caught" in output else " · ".join(describe(details["name"], output))
        seconds = at - entered.get(details["name"], at)
        if details["name"] in _DESCRIBED:
            show(f"  {details['name']:<{_NAME_WIDTH}} {seconds:5.1f} s  {words}".rstrip())


def describe(state: str, output: dict[str, Any]) -> Iterator[str]:
    """What a state's output says, for those states that have something to say."""
    if state in _DESCRIBED:
        yield from _DESCRIBED[state](output)


def _delivery(output: dict[str, Any]) -> Iterator[str]:
    delivery = output["delivery"]
    yield f"{delivery['data_files']} data files, {_size(delivery['data_bytes'])}"


def _policy(output: dict[str, Any]) -> Iterator[str]:
    policy = output["policy"]
    yield f"{policy['organization']}: {policy['cost_centers']} cost centers, {policy['rules']} rules"
    yield f"{policy['pools']} pools"


def _books(output: dict[str, Any]) -> Iterator[str]:
    books = output["books"]
    yield f"{books['line_items']:,} lines"
    yield "every one invoiced" if books["final"] else f"{books['lines_without_invoice']:,} not invoiced yet"


def _seal(output: dict[str, Any]) -> Iterator[str]:
    seal = output["seal"]
    yield f"{seal['files']} files hashed"
    yield f"retained until {seal['retain_until']}" if seal["retain_until"] else "a preview retains nothing"


def _query(statement: str) -> Callable[[dict[str, Any]], Iterator[str]]:
    def words(output: dict[str, Any]) -> Iterator[str]:
        yield f"{_size(output['steps'][statement]['bytes_scanned'])} read"

    return words


def _levels(output: dict[str, Any]) -> Iterator[str]:
    levels = len(output["steps"]["a040_pool_shares"]["levels"])
    yield "1 level" if levels == 1 else f"{levels} levels"


def _reconciliation(output: dict[str, Any]) -> Iterator[str]:
    found = output["reconciliation"]
    yield f"{found['invoices']} invoices: billed {found['billed_cost']}, allocated {found['allocated_cost']}"
    yield f"delta {found['delta']}"


def _ledger(output: dict[str, Any]) -> Iterator[str]:
    yield f"{output['ledger']['entries']:,} entries, locked"


def _rendered(output: dict[str, Any]) -> Iterator[str]:
    yield f"{output['rendered']['count']} statements"


def _postings(output: dict[str, Any]) -> Iterator[str]:
    yield f"{output['postings']['charges']} charges, {output['postings']['total']} in the books"


def _quiet(_: dict[str, Any]) -> Iterator[str]:
    return iter(())


_DESCRIBED: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "ReadManifest": _delivery,
    "CompilePolicy": _policy,
    "CheckInvoices": _books,
    "TakePeriodLock": _quiet,
    "SealBillingData": _seal,
    "CountControlTotals": _query("r010_control_totals"),
    "FoldLineItems": _query("f010_charges"),
    "DivideSplitCosts": _query("a010_divided_charges"),
    "OwnCharges": _query("a020_owned_charges"),
    "RoundToInvoices": _query("a030_invoice_items"),
    "SplitPools": _levels,
    "WriteLedger": _query("a050_ledger_entries"),
    "ReconcileLedger": _reconciliation,
    "CheckSeal": _quiet,
    "PublishLedger": _ledger,
    "RenderStatements": _rendered,
    "CheckPostings": _postings,
}


def _size(count: int) -> str:
    """Bytes in the unit people read, whole or with one decimal."""
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= step:
            return f"{count // step}.{count * 10 // step % 10} {unit}"
    return f"{count} bytes"
