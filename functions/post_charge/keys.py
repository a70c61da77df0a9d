"""The keys under which charges are booked. They follow from what a charge is, so that everybody finds it again."""

from __future__ import annotations

import hashlib

from functions.shared.payload import Payload

_BATCH_DIGITS = 24


class ChargeBatch(Payload):
    """The charges that are posted together: of one organization, period and revision, in one currency.

    ``billing_period`` is the month that is charged now, ``charge_period`` the month the usage belongs to.
    """

    organization: str
    billing_period: str
    charge_period: str
    revision: int
    billing_currency: str

    @property
    def prefix(self) -> str:
        """The 24 hex digits that every key of the batch begins with, and no other: the books are searched by them."""
        return _digest(*self._parts)[:_BATCH_DIGITS]

    def key(self, cost_center: str) -> str:
        """64 hex digits that name the charge of a cost center, whatever its amount."""
        return self.prefix + _digest(*self._parts, cost_center)[_BATCH_DIGITS:]

    @property
    def _parts(self) -> tuple[str, ...]:
        return (
            self.organization,
            self.billing_period,
            self.charge_period,
            str(self.revision),
            self.billing_currency,
        )


def _digest(*parts: str) -> str:
    """SHA-256 in hex. Each part is preceded by its length in bytes, so that no two lists run together into one text."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(b"%d:%s" % (len(encoded), encoded))
    return digest.hexdigest()
