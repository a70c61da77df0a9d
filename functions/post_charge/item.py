"""One item of the Map that posts charges."""

from __future__ import annotations

from functions.post_charge.keys import ChargeBatch
from functions.post_charge.logic import Charge
from functions.shared.money import Cents
from functions.shared.payload import Payload


class ChargeItem(Payload):
    """What one cost center owes, as the ledger has it, and the run that found it."""

    run_id: str
    organization: str
    billing_period: str
    charge_period: str
    revision: int
    cost_center: str
    business_unit: str
    amount: Cents
    billing_currency: str

    @property
    def key(self) -> str:
        """The key under which the charge is booked."""
        return ChargeBatch(**self.model_dump(include=set(ChargeBatch.model_fields))).key(self.cost_center)

    def charge(self, statement_sha256: str) -> Charge:
        """The charge, with the statement that explains it."""
        return Charge(**self.model_dump(exclude={"run_id"}), statement_sha256=statement_sha256)
