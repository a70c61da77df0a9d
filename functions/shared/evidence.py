"""What evidence is made of: facts, which equal bytes and code give again, and how the run went, which never repeats.

``evidence.json`` is one object. Everything in it but its member ``run`` are the facts. Evidences form a chain: each
names the one before it, with the hash of its file (in ``run``, as a file holds a run) and of its facts (among them).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from functions.shared.payload import Payload
from functions.shared.periods import BillingPeriod

FORMAT = "chargeback evidence 1"
RUN = "run"

_SIGNED = re.compile(r"periods/(?P<period>\d{4}-\d{2})/revision-(?P<revision>\d{4})/evidence\.json\.p7s")
_LEDGER = re.compile(
    r"ledger/billing_period=(?P<billing_period>\d{4}-\d{2})/(?P<charge_period>\d{4}-\d{2})-revision-(?P<revision>\d{4})-.+"
)


class Closed(NamedTuple):
    """A closed revision of a charge period; sorts by time."""

    charge_period: str
    revision: int


class StoredObject(Payload):
    """One version of an object; ``size`` in bytes."""

    key: str
    version_id: str
    size: int
    sha256: str


class PreviousEvidence(Payload):
    """The evidence that comes before in the chain: its file, and the hash of its facts."""

    charge_period: str
    revision: int
    file: StoredObject
    facts_sha256: str


def facts_sha256(evidence: Mapping[str, Any]) -> str:
    """The SHA-256 of evidence without its ``run``, as JSON with sorted keys and no white space, in UTF-8."""
    facts = {name: value for name, value in evidence.items() if name != RUN}
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def previous_closed(keys: Iterable[str], charge_period: str, revision: int) -> Closed | None:
    """The revision whose evidence comes before, of those whose evidence is signed; None for the first there is.

    It is the revision before of the same month, else the newest revision of the last month before.
    """
    signed = sorted(
        Closed(found["period"], int(found["revision"])) for key in keys if (found := _SIGNED.fullmatch(key))
    )
    earlier = [closed for closed in signed if closed < (charge_period, revision)]
    return earlier[-1] if earlier else None


def read_by_queries(key: str, charge_period: str, revision: int, trend_months: int) -> bool:
    """Whether a close's queries read an object of the ledger: earlier revisions of its month, and the months before.

    ``trend_months`` is how many months before a statement shows.
    """
    found = _LEDGER.fullmatch(key)
    if not found:
        return False
    if found["charge_period"] == charge_period:
        return int(found["revision"]) < revision
    first = str(BillingPeriod.parse(charge_period).previous(trend_months))
    return first <= found["billing_period"] and first <= found["charge_period"] < charge_period
