"""What section 7 of the allocation rules promises of every month, whoever computed it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tests.reference.allocation import Allocation
from tests.reference.bill import CENT, Invoice
from tests.reference.policy_file import Target


def broken_invariants(found: Allocation, lines_read: int | None = None) -> Iterator[str]:
    """What an allocation breaks of section 7, whoever computed it; nothing when it holds."""
    in_ledger: dict[Invoice, int] = defaultdict(int)
    for line, cents in found.ledger_cents.items():
        in_ledger[line.invoice] += cents
    for invoice, billed in found.billed_cents.items():
        if in_ledger[invoice] != billed:
            yield f"{invoice}: the ledger has {in_ledger[invoice]} cents, the invoice {billed}"
        if sum(found.items.get(invoice, {}).values()) != found.control_totals[invoice]:
            yield f"{invoice}: effective + bridge is not unblended"
        for owner, amount in found.items.get(invoice, {}).items():
            if abs(found.item_cents[invoice][owner] * CENT - amount) >= CENT:
                yield f"{invoice}: {owner} is a cent or more off"
    received: dict[tuple[Invoice, str], int] = defaultdict(int)
    for (invoice, _), shares in found.shares.items():
        for to, share in shares.items():
            received[invoice, to.id] += share if to.kind == "pool" else 0
    for (invoice, pool), cents in found.pools.items():
        if sum(found.shares[invoice, pool].values()) != cents:
            yield f"{invoice}: the shares of pool {pool} are not the pool"
        if found.item_cents.get(invoice, {}).get(Target("pool", pool), 0) + received[invoice, pool] != cents:
            yield f"{invoice}: pool {pool} is not what it collected and received"
    if lines_read is not None and found.lines != lines_read:
        yield f"{found.lines} lines counted, {lines_read} read"
