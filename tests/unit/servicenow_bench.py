"""A ServiceNow stand-in and clients of it whose time is ours: waiting is recorded instead of done."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import httpx
from pydantic import TypeAdapter

from functions.post_charge.logic import Charge
from functions.shared.adapters.servicenow.assertion import Sign
from functions.shared.adapters.servicenow.client import ServiceNowClient
from functions.shared.adapters.servicenow.credentials import ServiceNowCredentials
from functions.shared.adapters.servicenow.expense_lines import ServiceNowChargeBook
from functions.shared.adapters.servicenow.instance import Instance
from functions.shared.adapters.servicenow.mappings import ExpenseLineMapping
from functions.shared.adapters.servicenow.patience import Patience, Timing
from functions.shared.adapters.servicenow.tables import TableApi
from local.servicenow.server import ServiceNowStandIn

LINES = "fm_expense_line"
CREDENTIALS: TypeAdapter[ServiceNowCredentials] = TypeAdapter(ServiceNowCredentials)
BASIC = {"kind": "basic", "username": "app", "password": "hunter22"}
JUNE_4_2026 = 1_780_574_400


class OurTime:
    """Time that passes only when somebody waits; ``waits`` has how long, one after the other."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.passed = 0.0

    def now(self) -> float:
        """Seconds since 1970."""
        return JUNE_4_2026 + self.passed

    def wait(self, seconds: float) -> None:
        """Lets it pass."""
        self.waits.append(seconds)
        self.passed += seconds

    def timing(self, chance: Callable[[], float] = lambda: 0.5) -> Timing:
        """It as a client's."""
        return Timing(
            clock=lambda: self.passed, now=self.now, sleep=self.wait, chance=chance, unique=lambda: uuid.uuid4().hex
        )


class Desk:
    """Somebody who works with an instance: a client of it, what stands on it, and the time that passes."""

    def __init__(
        self,
        stand_in: ServiceNowStandIn,
        credentials: dict[str, str] | None = None,
        *,
        time: OurTime | None = None,
        seconds: float = 240.0,
        attempts: int = 8,
        timeout_seconds: float = 5.0,
        page_size: int = 1000,
        chance: Callable[[], float] = lambda: 0.5,
        sign: Sign | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.stand_in = stand_in
        self.time = time or OurTime()
        self.instance = Instance(
            stand_in.url,
            CREDENTIALS.validate_python(credentials or stand_in.credentials),
            timeout_seconds=timeout_seconds,
            sign=sign,
            transport=transport,
        )
        self.client = ServiceNowClient(self.instance, Patience.of(seconds, self.time.timing(chance), attempts))
        self.tables = TableApi(self.client, page_size=page_size)
        self.page_size = page_size

    def book(self, mapping: ExpenseLineMapping | None = None) -> ServiceNowChargeBook:
        """The charge book."""
        return ServiceNowChargeBook(self.client, mapping or ExpenseLineMapping(), page_size=self.page_size)

    def read(self) -> object:
        """A request that reads."""
        return self.tables.find_records(LINES, "", ["sys_id", "amount"])

    def write(self) -> object:
        """A request that writes."""
        return self.tables.create_record(LINES, {"amount": "1.00"})

    @property
    def waits(self) -> list[float]:
        """How long the client waited."""
        return self.time.waits

    def requests(self, part: str) -> list[str]:
        """The requests so far whose method or path has this in it."""
        return [request for request in self.stand_in.requests if part in request]


class _Address(NamedTuple):
    """An instance that is only an address."""

    url: str = "https://books.example.com"
    requests: tuple[str, ...] = ()


def answered_by(
    answer: Callable[[httpx.Request], httpx.Response], credentials: dict[str, str] | None = None, **options: Any
) -> Desk:
    """A desk whose requests this function answers, at an address that nobody has."""
    place = cast("ServiceNowStandIn", _Address())
    return Desk(place, credentials or BASIC, transport=httpx.MockTransport(answer), **options)


def charge_of(amount: object = "1234.50", **changes: Any) -> Charge:
    """What one cost center owes for May 2026."""
    return Charge.model_validate(
        {
            "organization": "acme",
            "billing_period": "2026-05",
            "charge_period": "2026-05",
            "revision": 1,
            "cost_center": "CC-1001",
            "business_unit": "claims",
            "amount": amount,
            "billing_currency": "USD",
            "statement_sha256": "ab" * 32,
        }
        | changes
    )
