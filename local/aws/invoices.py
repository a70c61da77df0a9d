"""The Invoicing API, which moto does not have: the invoices of payers, each told to its own account and to no other."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from local.aws.patching import Patches

PAGE = 2
"""So short that whoever reads the first page only misses an invoice."""

_HOST = re.compile(r"https?://invoicing\.")
_KEY = re.compile(r"Credential=(?P<access_key>[^/\s]+)/")
_HEADERS = {"content-type": "application/x-amz-json-1.0"}


class Invoice(NamedTuple):
    """An invoice as its account sees it; ``total`` is a decimal in the currency of the usage."""

    invoice_id: str
    total: str
    currency: str = "USD"
    invoice_type: str = "INVOICE"


class PayerInvoices:
    """The invoices of every account; they end with it."""

    def __init__(self) -> None:
        self._issued: dict[tuple[str, str], list[Invoice]] = defaultdict(list)

    def install(self, patches: Patches) -> None:
        from moto.core.botocore_stubber import BotocoreStubber

        patches.wrap(BotocoreStubber, "process_request", self._respond)

    def issue(self, account_id: str, period: str, *invoices: Invoice) -> None:
        """AWS invoices an account for a month, ``YYYY-MM``."""
        self._issued[account_id, period].extend(invoices)

    def _respond(self, original: Any, stubber: Any, request: Any) -> Any:
        if not _HOST.match(request.url):
            return original(stubber, request)
        if _text(request.headers.get("X-Amz-Target")) != "Invoicing.ListInvoiceSummaries":
            return _refusal("NotImplemented", "Of the Invoicing API the local cloud has ListInvoiceSummaries only.")
        return self._list(_account_of(request), json.loads(_text(request.body)))

    def _list(self, account_id: str, asked: Mapping[str, Any]) -> Any:
        selector, month = asked["Selector"], asked.get("Filter", {}).get("BillingPeriod")
        if selector["ResourceType"] != "ACCOUNT_ID" or not month:
            return _refusal("ValidationException", "The local cloud lists the invoices of an account and a month.")
        if selector["Value"] != account_id:
            return _refusal("AccessDeniedException", f"{account_id} may not see the invoices of {selector['Value']}.")
        issued = self._issued.get((account_id, f"{month['Year']:04d}-{month['Month']:02d}"), [])
        start = int(asked.get("NextToken", "0"))
        end = start + min(asked.get("MaxResults", PAGE), PAGE)
        page: dict[str, Any] = {"InvoiceSummaries": [_summary(account_id, invoice) for invoice in issued[start:end]]}
        if end < len(issued):
            page["NextToken"] = str(end)
        return 200, dict(_HEADERS), json.dumps(page)


def _summary(account_id: str, invoice: Invoice) -> dict[str, Any]:
    return {
        "AccountId": account_id,
        "InvoiceId": invoice.invoice_id,
        "InvoiceType": invoice.invoice_type,
        "BaseCurrencyAmount": {"TotalAmount": invoice.total, "CurrencyCode": invoice.currency},
    }


def _account_of(request: Any) -> str:
    from moto.iam import models

    signed = _KEY.search(_text(request.headers.get("Authorization")))
    return str(models.get_account_id_from(signed["access_key"] if signed else ""))


def _refusal(code: str, message: str) -> Any:
    return 400, dict(_HEADERS), json.dumps({"__type": code, "message": message})


def _text(value: str | bytes | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
