"""What the queries of a validation have read, and what Athena charges for it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

MEGABYTE = 10**6
LEAST_MEGABYTES = 10
"""Athena bills whole megabytes, rounded up, and ten for the smallest query: https://aws.amazon.com/athena/pricing/"""


def plotted_queries(bytes_scanned: Iterable[int], usd_per_tb: Decimal) -> dict[str, Decimal | int]:
    """The bytes that queries read and their cost in US dollars; one that read nothing is billed as the smallest."""
    read = list(bytes_scanned)
    billed = sum(max(LEAST_MEGABYTES, -(-count // MEGABYTE)) for count in read)
    return {"QueryBytes": sum(read), "QueryCost": (billed * usd_per_tb).scaleb(-6)}
