"""Shows an execution as it goes, state by state, in a reviewer's words."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Show = Callable[[str], None]
_NAME_WIDTH = 20
_POLL_SECONDS = 0.3
_SILENCE_SECONDS = 15.0
_PAGE = 50


def follow(
    client: Any,
    execution_arn: str,
    show: Show,
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Prints a line for every state that ends, until the execution ends; returns its description.

    A state that takes long is named now and then, so that a large month does not look like a dead one. An execution
    that a state starts, and waits for, is shown in its place.
    """
    states = _States()
    heard = clock()
    seen = 0
    while True:
        description: dict[str, Any] = client.describe_execution(executionArn=execution_arn)
        for event in _events_after(client, execution_arn, seen):
            seen = event["id"]
            if started := _started_execution(event):
                follow(client, started, show, clock=clock, pause=pause)
                heard = clock()
            if line := states.hear(event):
                show(line)
                heard = clock()
        if description["status"] != "RUNNING":
            return description
        if clock() - heard >= _SILENCE_SECONDS and states.current:
            show(f"  {states.current:<{_NAME_WIDTH}} {'…':>6}    still at work")
            heard = clock()
        pause(_POLL_SECONDS)


def _events_after(client: Any, execution_arn: str, seen: int) -> list[dict[str, Any]]:
    """The events that came after one, in their order; read backwards, as a history soon has hundreds."""
    events: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = client.get_execution_history(executionArn=execution_arn, reverseOrder=True, maxResults=_PAGE, **token)
        events += [event for event in page["events"] if event["id"] > seen]
        if "nextToken" not in page or page["events"][-1]["id"] <= seen + 1:
            return events[::-1]
        token = {"nextToken": page["nextToken"]}


def _started_execution(event: dict[str, Any]) -> str:
    """The ARN of the execution that a state has started; blank for any other event."""
    details = event.get("taskSubmittedEventDetails", {})
    return str(json.loads(details["output"])["ExecutionArn"]) if details.get("resourceType") == "states" else ""


class _States:
    """Which states have begun, and when."""

    def __init__(self) -> None:
        self._entered: dict[str, float] = {}
        self.current = ""

    def hear(self, event: dict[str, Any]) -> str:
        """The line for an event; blank for one that nobody needs to read about."""
        at = event["timestamp"].timestamp()
        if "stateEnteredEventDetails" in event:
            self.current = event["stateEnteredEventDetails"]["name"]
            self._entered[self.current] = at
        if event["type"] not in {"TaskStateExited", "MapStateExited"}:
            return ""
        details = event["stateExitedEventDetails"]
        name, output = details["name"], json.loads(details.get("output", "{}"))
        if "caught" in output:
            words = "failed"
        elif name in _DESCRIBED:
            words = " · ".join(_DESCRIBED[name](output))
        else:
            return ""
        return f"  {name:<{_NAME_WIDTH}} {at - self._entered.get(name, at):6.1f} s  {words}".rstrip()


def counted(count: int, one: str, many: str = "") -> str:
    """A number of things: ``1 invoice``, ``1,200 invoices``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def in_thousands(amount: str) -> str:
    """An amount of money as people read it: ``-1,234,567.80``."""
    sign = "-" if amount.startswith("-") else ""
    whole, point, cents = amount.removeprefix("-").partition(".")
    return f"{sign}{int(whole):,}{point}{cents}"


def size(count: int) -> str:
    """Bytes in the unit people read, with one decimal."""
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= step:
            return f"{count // step:,}.{count * 10 // step % 10} {unit}"
    return counted(count, "byte")


def _delivery(output: dict[str, Any]) -> Iterator[str]:
    delivery = output["delivery"]
    yield f"{counted(delivery['data_files'], 'data file')}, {size(delivery['data_bytes'])}"


def _policy(output: dict[str, Any]) -> Iterator[str]:
    policy = output["policy"]
    yield f"{policy['organization']}: {counted(policy['cost_centers'], 'cost center')}"
    yield counted(policy["rules"], "rule")
    yield counted(policy["pools"], "pool")


def _books(output: dict[str, Any]) -> Iterator[str]:
    books = output["books"]
    yield counted(books["line_items"], "line")
    yield "every one invoiced" if books["final"] else f"{books['lines_without_invoice']:,} not invoiced yet"


def _seal(output: dict[str, Any]) -> Iterator[str]:
    seal = output["seal"]
    yield f"{counted(seal['files'], 'file')} hashed"
    yield f"retained until {seal['retain_until']}" if seal["retain_until"] else "a preview retains nothing"


def _query(statement: str) -> Callable[[dict[str, Any]], Iterator[str]]:
    def words(output: dict[str, Any]) -> Iterator[str]:
        yield f"{size(output['steps'][statement]['bytes_scanned'])} read"

    return words


def _levels(output: dict[str, Any]) -> Iterator[str]:
    yield counted(len(output["steps"]["a040_pool_shares"]["levels"]), "level")


def _reconciliation(output: dict[str, Any]) -> Iterator[str]:
    found = output["reconciliation"]
    billed, allocated = in_thousands(found["billed_cost"]), in_thousands(found["allocated_cost"])
    yield f"{counted(found['invoices'], 'invoice')}: billed {billed}, allocated {allocated}"
    yield f"delta {in_thousands(found['delta'])}"


def _ledger(output: dict[str, Any]) -> Iterator[str]:
    yield f"{counted(output['ledger']['entries'], 'entry', 'entries')}, locked"


def _rendered(output: dict[str, Any]) -> Iterator[str]:
    yield counted(output["rendered"]["count"], "statement")


def _charges(output: dict[str, Any]) -> Iterator[str]:
    yield counted(output["prepared"]["charges"]["count"], "charge")


def _postings(output: dict[str, Any]) -> Iterator[str]:
    postings = output["postings"]
    yield f"{counted(postings['charges'], 'charge')}, {in_thousands(postings['total'])} in the books"


def _attached(output: dict[str, Any]) -> Iterator[str]:
    yield counted(output["attached"]["count"], "statement")


def _hygiene(output: dict[str, Any]) -> Iterator[str]:
    hygiene = output["hygiene"]
    yield f"{counted(hygiene['accounts'], 'account')}, {hygiene['accounts_over_threshold']:,} over the threshold"


def _recorded(output: dict[str, Any]) -> Iterator[str]:
    yield f"{counted(output['recorded']['items'], 'account')}, {output['recorded']['worse']:,} worse than before"


def _tickets(output: dict[str, Any]) -> Iterator[str]:
    yield f"{output['tickets']['open']:,} open, {output['tickets']['overdue']:,} overdue"


def _restored(output: dict[str, Any]) -> Iterator[str]:
    restored = output["restored"]
    yield f"revision {restored['revision']}, signed by {restored['signed_by']}"
    yield f"{counted(restored['data_files'], 'data file')}, {size(restored['data_bytes'])}"
    yield f"{counted(restored['ledger_objects'], 'file')} of the ledger"
    yield f"{counted(restored['policy_files'], 'policy file')}, {restored['sql_files']} of SQL"


def _comparison(output: dict[str, Any]) -> Iterator[str]:
    comparison = output["comparison"]
    entries = counted(comparison["entries"], "ledger entry", "ledger entries")
    yield f"{counted(comparison['files'], 'file')}, {entries}"
    yield "identical"


def _nothing(_: dict[str, Any]) -> Iterator[str]:
    return iter(())


_DESCRIBED: Mapping[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "ReadManifest": _delivery,
    "CompilePolicy": _policy,
    "CheckInvoices": _books,
    "TakePeriodLock": _nothing,
    "SealBillingData": _seal,
    "CountControlTotals": _query("r010_control_totals"),
    "FoldLineItems": _query("f010_charges"),
    "DivideSplitCosts": _query("a010_divided_charges"),
    "OwnCharges": _query("a020_owned_charges"),
    "RoundToInvoices": _query("a030_invoice_items"),
    "SplitPools": _levels,
    "WriteLedger": _query("a050_ledger_entries"),
    "ReconcileLedger": _reconciliation,
    "CheckSeal": _nothing,
    "PublishLedger": _ledger,
    "RenderStatements": _rendered,
    "PostCharges": _charges,
    "CheckPostings": _postings,
    "AttachStatements": _attached,
    "CheckDelivery": _delivery,
    "DivideContainers": _query("a010_divided_charges"),
    "AssignOwners": _query("a020_owned_charges"),
    "MeasureUntagged": _query("v020_untagged_cost"),
    "MeasureCoverage": _query("v030_tag_coverage"),
    "ListOwnerTags": _query("v040_owner_tag_values"),
    "ListCostlyUntagged": _query("v050_costly_untagged"),
    "MeasurePools": _query("v060_owner_costs"),
    "MeasureHygiene": _hygiene,
    "RecordHygiene": _recorded,
    "CountTickets": _tickets,
    "RestorePeriod": _restored,
    "DeriveAgain": _nothing,
    "ListFiledEntries": _nothing,
    "CompareReplay": _comparison,
}
"""What the output of a state says, for the states that a reviewer follows."""
