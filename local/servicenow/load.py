"""Posts a month of a large organization to a stand-in that limits the rate, and says how it went.

As on AWS, a few processes post at a time, each with connections and a token of its own; a charge that the books have no
time for is tried again later, by whichever process is free. What the books hold in the end is read back and compared.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock
from typing import NamedTuple

from pydantic import TypeAdapter

from functions.check_postings.books import check_books
from functions.check_postings.logic import PostingsChecked
from functions.post_charge.logic import Charge, post_charge
from functions.prepare_statements.totals import CostCenterTotal, RunTotals
from functions.shared.adapters.servicenow.client import ServiceNowClient
from functions.shared.adapters.servicenow.credentials import ServiceNowCredentials
from functions.shared.adapters.servicenow.expense_lines import ServiceNowChargeBook
from functions.shared.adapters.servicenow.instance import Instance
from functions.shared.adapters.servicenow.mappings import ExpenseLineMapping
from functions.shared.adapters.servicenow.patience import Patience, Timing
from functions.shared.errors import TransientError
from functions.shared.money import format_cents
from local.servicenow.faults import FaultKind
from local.servicenow.rate_limits import RateLimit
from local.servicenow.server import ServiceNowStandIn

Show = Callable[[str], None]
_CREDENTIALS: TypeAdapter[ServiceNowCredentials] = TypeAdapter(ServiceNowCredentials)
_FAULTS: tuple[FaultKind, ...] = ("reset_after_act", "500", "garbled", "reset", "401", "429_bare")


class LoadOptions(NamedTuple):
    """How large the organization is, and what the instance lets through.

    ``requests`` a window of ``window_seconds`` are the rate limit, for all processes together, as they are one user;
    with headers unless ``bare``. One in ``fault_every`` requests goes wrong; none does when it is 0.
    """

    cost_centers: int = 2000
    processes: int = 5
    requests: int = 500
    window_seconds: int = 2
    bare: bool = False
    fault_every: int = 50
    seconds_a_charge: float = 240.0


class Posted(NamedTuple):
    """What came of it; ``seconds`` of wall time, ``waited`` of all processes together."""

    charges: int
    found: int
    seconds: float
    waits: int
    waited: float
    resumed: int


class _Waits:
    """Counts how often and how long clients wait; waiting itself is real."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.count = 0
        self.seconds = 0.0

    def wait(self, seconds: float) -> None:
        with self._lock:
            self.count += 1
            self.seconds += seconds
        time.sleep(seconds)


def run(options: LoadOptions, show: Show) -> int:
    """Posts, reads back and compares; returns 0. Raises PostingMismatch when the books do not hold each charge once."""
    charges = _charges(options.cost_centers)
    limit = RateLimit(options.requests, options.window_seconds, with_headers=not options.bare)
    show(
        f"Posting {options.cost_centers:,} charges, {options.processes} at a time, to books that take "
        f"{options.requests:,} requests in {options.window_seconds} s"
        f"{' and do not say when to come back' if options.bare else ''} …"
    )
    with tempfile.TemporaryDirectory() as folder, ServiceNowStandIn(Path(folder), rate_limit=limit) as books:
        if options.fault_every:
            for number, kind in enumerate(_FAULTS * (len(charges) * 2 // options.fault_every // len(_FAULTS))):
                books.fail_next(1, kind, after=options.fault_every - 1 if number else 0)
        posted = _post_all(books, charges, options)
        checked = _read_back(books, charges)
        _require_each_once(books, charges)
        for line in _summary(books, posted, checked):
            show(line)
    return 0


def _charges(count: int) -> list[Charge]:
    """Every tenth is a credit; together they come to no round sum."""
    return [
        Charge(
            organization="load",
            billing_period="2026-05",
            charge_period="2026-05",
            revision=1,
            cost_center=f"CC-{number:05}",
            business_unit=f"unit-{number % 40}",
            amount=Decimal(number * 977 % 1_000_003).scaleb(-2) * (-1 if number % 10 == 0 else 1),
            billing_currency="USD",
            statement_sha256="ab" * 32,
        )
        for number in range(1, count + 1)
    ]


def _post_all(books: ServiceNowStandIn, charges: list[Charge], options: LoadOptions) -> Posted:
    queue: SimpleQueue[Charge] = SimpleQueue()
    for charge in charges:
        queue.put(charge)
    waits, outcomes, lock = _Waits(), Counter[str](), Lock()

    def work(_: int) -> None:
        instance = _instance(books)
        while True:
            try:
                charge = queue.get_nowait()
            except Empty:
                break
            book = _book(instance, options.seconds_a_charge, waits.wait)
            try:
                outcome = "created" if post_charge(charge, book).created else "found"
            except TransientError:
                queue.put(charge)
                outcome = "resumed"
            with lock:
                outcomes[outcome] += 1
        instance.close()

    started = time.monotonic()
    with ThreadPoolExecutor(options.processes) as processes:
        list(processes.map(work, range(options.processes)))
    return Posted(
        charges=outcomes["created"] + outcomes["found"],
        found=outcomes["found"],
        seconds=time.monotonic() - started,
        waits=waits.count,
        waited=waits.seconds,
        resumed=outcomes["resumed"],
    )


def _read_back(books: ServiceNowStandIn, charges: list[Charge]) -> PostingsChecked:
    instance = _instance(books)
    book = _book(instance, 240.0, time.sleep)
    batch = charges[0].batch
    checked = check_books(_totals(charges), batch, book.read_batch(batch.prefix), book.table)
    instance.close()
    return checked


def _require_each_once(books: ServiceNowStandIn, charges: list[Charge]) -> None:
    """The same without the product: what is on the stand-in's disk."""
    held = Counter((line["u_chargeback_key"], line["amount"]) for line in books.records("fm_expense_line"))
    assert held == Counter((charge.key, format_cents(charge.amount)) for charge in charges)  # noqa: S101 - its purpose


def _totals(charges: list[Charge]) -> RunTotals:
    zero = Decimal("0.00")
    return RunTotals(
        cost_centers=tuple(
            CostCenterTotal(
                cost_center=charge.cost_center,
                business_unit=charge.business_unit,
                direct=charge.amount,
                shared=zero,
                by_pool={},
                total=charge.amount,
            )
            for charge in charges
        ),
        untagged_ratio="0.0000",
    )


def _instance(books: ServiceNowStandIn) -> Instance:
    return Instance(books.url, _CREDENTIALS.validate_python(books.credentials))


def _book(instance: Instance, seconds: float, wait: Callable[[float], None]) -> ServiceNowChargeBook:
    patience = Patience.of(seconds, Timing()._replace(sleep=wait))
    return ServiceNowChargeBook(ServiceNowClient(instance, patience), ExpenseLineMapping())


def _summary(books: ServiceNowStandIn, posted: Posted, checked: PostingsChecked) -> list[str]:
    requests, a_second = len(books.requests), posted.charges / posted.seconds
    a_charge = requests / posted.charges
    return [
        f"  charges     {posted.charges:,} posted in {posted.seconds:.1f} s: {a_second:,.0f} a second",
        f"  requests    {requests:,}, {a_charge:.2f} a charge; {books.requests_refused:,} of them beyond the limit",
        f"  waiting     {posted.waits:,} times, {posted.waited:.1f} s of all processes together",
        f"  faults      {posted.found:,} charges found after a lost answer, {posted.resumed:,} tried again as a whole",
        f"  books       {checked.charges:,} lines, {format_cents(checked.total)} USD: read back, each charge once",
    ]
