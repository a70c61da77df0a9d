"""Posts one charge to the books, exactly once: look it up, create it if it is not there, compare what they hold.

The key of a charge follows from what it is, so a run that died between request and answer finds its own record.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, NamedTuple, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from functions.post_charge.keys import ChargeBatch
from functions.shared.errors import DuplicatePosting, MissingPosting, PostingMismatch
from functions.shared.money import Cents, format_cents
from functions.shared.once import make_once
from functions.shared.periods import BillingPeriod


def _whole_cents(amount: Decimal) -> Decimal:
    format_cents(amount)
    return amount


_Name = Annotated[str, StringConstraints(min_length=1)]
_Period = Annotated[str, AfterValidator(lambda text: str(BillingPeriod.parse(text)))]
_Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Charge(BaseModel):
    """What one cost center owes for one period and revision. ``amount`` is in cents; a credit is negative.

    ``billing_period`` is the month that is charged now, ``charge_period`` the month the usage belongs to: they differ
    when AWS restates a closed month. Raises pydantic's ValidationError on a float or on a part of a cent, and
    InvalidPeriod on a month that is not YYYY-MM.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    organization: _Name
    billing_period: _Period
    charge_period: _Period
    revision: int = Field(ge=1)
    cost_center: _Name
    business_unit: _Name
    amount: Annotated[Cents, AfterValidator(_whole_cents)]
    billing_currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    statement_sha256: _Sha256

    @property
    def batch(self) -> ChargeBatch:
        """The charges that this one is posted with."""
        return ChargeBatch(**self.model_dump(include=set(ChargeBatch.model_fields)))

    @property
    def key(self) -> str:
        """64 hex digits that name this charge, whatever its amount: the same charge always has the same key."""
        return self.batch.key(self.cost_center)

    @property
    def description(self) -> str:
        """The line an accountant reads in the books."""
        month = self.billing_period
        if self.charge_period != self.billing_period:
            month += f" for {self.charge_period}"
        return (
            f"AWS chargeback {month}, revision {self.revision}: {self.business_unit}, {self.cost_center}, "
            f"statement {self.statement_sha256[:12]}"
        )


class BookedCharge(NamedTuple):
    """A charge as the books hold it; ``amount`` in units of ``currency``, a credit negative."""

    key: str
    sys_id: str
    amount: Decimal
    currency: str
    cost_center: str


class HeldCharges(NamedTuple):
    """The charges of a batch that the books show us, and the number of those that they hide."""

    lines: list[BookedCharge]
    hidden: int


class PostedCharge(BaseModel):
    """Proof that the books hold a charge. ``created`` is false when an earlier attempt had posted it."""

    model_config = ConfigDict(frozen=True)

    cost_center: str
    amount: Cents
    table: str
    key: str
    sys_id: str
    created: bool


class ChargeBook(Protocol):
    """The books, as far as charges are concerned. Both methods raise the PostingError family."""

    @property
    def table(self) -> str:
        """Where charges are booked, as the books call it."""
        ...

    def find(self, key: str) -> list[BookedCharge]:
        """The charges booked under a key: none, one, or, if something is wrong, two or more."""
        ...

    def create(self, key: str, charge: Charge) -> BookedCharge | None:
        """Books a charge under a key and answers it as it was kept, or None if it has to be looked up.

        Raises PostingRejected also when the key is taken.
        """
        ...


def post_charge(charge: Charge, book: ChargeBook) -> PostedCharge:
    """Makes the books hold this charge exactly once, and says where.

    Raises PostingMismatch or one of its kinds when the books hold the key more than once, or with another amount,
    currency or cost center; PostingRejected or one of its kinds, or PostingUnauthorized, when they refuse;
    BooksUnavailable or one of its kinds when it is unknown whether they took the charge: calling again is always safe.
    """
    booked, created = make_once(lambda: _look_up(charge, book), lambda: book.create(charge.key, charge))
    if booked is None:
        raise MissingPosting(
            f"{_where(charge, book)}: the books accepted {format_cents(charge.amount)} {charge.billing_currency} but "
            f"do not show it; let the posting user read {book.table}, then run again"
        )
    _require_equal(charge, book, booked)
    return PostedCharge(
        cost_center=charge.cost_center,
        amount=charge.amount,
        table=book.table,
        key=charge.key,
        sys_id=booked.sys_id,
        created=created,
    )


def _look_up(charge: Charge, book: ChargeBook) -> BookedCharge | None:
    """The one record of this charge; None if there is none; DuplicatePosting if there are more."""
    found = book.find(charge.key)
    if len(found) > 1:
        raise DuplicatePosting(
            f"{_where(charge, book)}: booked {len(found)} times or more instead of once, as "
            f"{' and '.join(f'{each.sys_id} ({_amount_of(each)})' for each in found)}; void all but one"
        )
    return found[0] if found else None


def _require_equal(charge: Charge, book: ChargeBook, booked: BookedCharge) -> None:
    if (booked.amount, booked.currency) != (charge.amount, charge.billing_currency):
        raise PostingMismatch(
            f"{_where(charge, book)}: record {booked.sys_id} holds {_amount_of(booked)}, the ledger has "
            f"{format_cents(charge.amount)} {charge.billing_currency}; correct the record, then run again"
        )
    if booked.cost_center != charge.cost_center:
        raise PostingMismatch(
            f"{_where(charge, book)}: record {booked.sys_id} charges {_amount_of(booked)} to cost center "
            f"{booked.cost_center!r} instead of {charge.cost_center!r}; correct the record, then run again"
        )


def _amount_of(booked: BookedCharge) -> str:
    """A booked amount as the books have it, even if it is not a whole number of cents."""
    return f"{booked.amount:f} {booked.currency}"


def _where(charge: Charge, book: ChargeBook) -> str:
    return f"{book.table}: charge {charge.key} of {charge.cost_center}, {charge.billing_period} r{charge.revision}"
