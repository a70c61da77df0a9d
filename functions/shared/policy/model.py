"""The chargeback policy as finance writes it: the exact shape of the YAML file, one class per block.

These models check what one value can say about itself (type, form, range). What values say about each other
(references, duplicates, cycles, sums) is in ``checks.py``. Everything is frozen; a key that is not listed is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from functions.shared.errors import InvalidPeriod
from functions.shared.periods import BillingPeriod

ChargeClass = Literal[
    "usage", "tax", "support", "credit", "refund", "fee", "discount", "commitment_fee", "commitment_bridge"
]
CHARGE_CLASSES: tuple[str, ...] = get_args(ChargeClass)
"""Every class a line can have; a policy declares a target for each."""

REQUIRED_POOLS = ("untagged", "untaggable", "unrecognized")
"""The pools of owner resolution: no tag on a resource, nothing to tag, a tag value that matches nothing."""

POOL_PREFIX = "pool:"
"""Marks a pool among the recipients of a fixed split: ``pool:logging``."""

TargetKind = Literal["pool", "cost_center", "owner"]

_PLAIN_DECIMAL = r"[0-9]{1,12}(\.[0-9]{1,12})?"
_MONTH = r"[0-9]{4}-(0[1-9]|1[0-2])"


def parse_decimal(value: object) -> Decimal:
    """Reads a plain decimal such as ``"0.25"``: text only, no sign, no exponent, at most 12 digits on either side."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f'{value!r} is a number: write it in quotes, as "{value}"')
    if not isinstance(value, str) or not re.fullmatch(_PLAIN_DECIMAL, value):
        raise ValueError(f"{value!r} is not a plain decimal such as 0.25")
    return Decimal(value)


def _printable(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    if not value.isprintable():
        raise ValueError(f"{value!r} contains a control or invisible character")
    return value


def _identifier(value: str) -> str:
    _printable(value)
    if value != value.strip():
        raise ValueError(f"{value!r} begins or ends with a space")
    return value


def _cost_center_id(value: str) -> str:
    if value.startswith(POOL_PREFIX):
        raise ValueError(f"{value!r} begins with {POOL_PREFIX!r}, which marks a pool")
    return value


def _file_safe_id(value: str) -> str:
    if value.startswith(".") or "/" in value or "\\" in value:
        raise ValueError(f"{value!r} cannot name a statement file: no slash, and no dot in front")
    return value


def _account_id(value: str) -> str:
    if not re.fullmatch(r"[0-9]{12}", value):
        raise ValueError(f"{value!r} is not an AWS account id of 12 digits")
    return value


def _currency(value: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", value):
        raise ValueError(f"{value!r} is not an ISO 4217 currency code such as USD")
    return value


def _month(value: str) -> str:
    try:
        return str(BillingPeriod.parse(value))
    except InvalidPeriod:
        raise ValueError(f"{value!r} is not a month of the form YYYY-MM") from None


def _ratio(value: Decimal) -> Decimal:
    if value > 1:
        raise ValueError(f"{value} is not between 0 and 1")
    return value


def _whole_cents(value: Decimal) -> Decimal:
    if value != value.quantize(Decimal("0.01")):
        raise ValueError(f"{value} is not a whole number of cents")
    return value


def _above_zero(value: Decimal) -> Decimal:
    if value <= 0:
        raise ValueError(f"{value} moves nothing: name the cost centers the other way round to move it back")
    return value


def _statement_name(value: str) -> str:
    if not re.fullmatch(rf".+ {_MONTH} r[1-9][0-9]*", value):
        raise ValueError(f"{value!r} does not name a statement by unit, month and revision, such as claims 2026-05 r1")
    return value


def _driver_path(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or "\\" in value:
        raise ValueError(f"{value!r} is not a path below the policy's folder")
    return value


Name = Annotated[str, AfterValidator(_printable), Field(json_schema_extra={"minLength": 1})]
Identifier = Annotated[str, AfterValidator(_identifier), Field(json_schema_extra={"minLength": 1})]
CostCenterId = Annotated[Identifier, AfterValidator(_cost_center_id)]
BusinessUnitId = Annotated[Identifier, AfterValidator(_file_safe_id)]
AccountId = Annotated[str, AfterValidator(_account_id), Field(json_schema_extra={"pattern": "^[0-9]{12}$"})]
Currency = Annotated[str, AfterValidator(_currency), Field(json_schema_extra={"pattern": "^[A-Z]{3}$"})]
Month = Annotated[str, AfterValidator(_month), Field(json_schema_extra={"pattern": f"^{_MONTH}$"})]
DecimalText = Annotated[
    Decimal, BeforeValidator(parse_decimal), WithJsonSchema({"type": "string", "pattern": f"^{_PLAIN_DECIMAL}$"})
]
Ratio = Annotated[DecimalText, AfterValidator(_ratio)]
StatementName = Annotated[Name, AfterValidator(_statement_name)]
DriverPath = Annotated[Identifier, AfterValidator(_driver_path)]


class _Block(BaseModel):
    """A mapping of the file: unknown keys are refused, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Organization(_Block):
    """Who charges back, the one currency of the bill and of every statement, and the paper they are printed on."""

    name: Name
    billing_currency: Currency
    paper: Literal["A4", "Letter"] = "A4"


class Tags(_Block):
    """The tag keys we bill by.

    ``owner`` is the key whose value names the cost center; ``mandatory`` keys are measured for coverage;
    ``untagged_threshold`` is the share of cost (0 to 1) without an owner tag above which an account gets a ticket. The
    ticket is resolved when the share is lower by ``untagged_hysteresis``, is due after ``days_to_fix``, and is taken up
    again when the account relapses within ``reopen_days``; it goes to ``ticket_group`` where no other group is named.
    """

    owner: Identifier
    mandatory: tuple[Identifier, ...]
    untagged_threshold: Ratio
    untagged_hysteresis: Ratio = Decimal("0.01")
    days_to_fix: Annotated[int, Field(ge=1, le=90)] = 14
    reopen_days: Annotated[int, Field(ge=0, le=365)] = 30
    ticket_group: Name | None = None


class BusinessUnit(_Block):
    """A receiver of one statement. Its id names the statement's files; ``ticket_group`` mends its accounts' tags."""

    id: BusinessUnitId
    name: Name
    ticket_group: Name | None = None


class CostCenter(_Block):
    """An owner of cost, valid from the first to the last of the named months, both included; no month means always.

    ``aliases`` are other spellings found in tags. The same id may be declared again for other months, for a cost
    center that changed its name or business unit.
    """

    id: CostCenterId
    name: Name
    business_unit: BusinessUnitId
    aliases: tuple[Name, ...] = ()
    valid_from: Month | None = None
    valid_to: Month | None = None

    def valid_in(self, month: str) -> bool:
        """Whether the cost center can own cost in that month (YYYY-MM)."""
        return (self.valid_from or month) <= month <= (self.valid_to or month)


class Account(_Block):
    """A member account and, optionally, the cost center that owns what carries no owner tag there.

    ``ticket_group`` mends its tags; without it that of the cost center's business unit does.
    """

    id: AccountId
    name: Name
    cost_center: CostCenterId | None = None
    ticket_group: Name | None = None


class Target(_Block):
    """Where a line goes: exactly one of a pool, a cost center, or its owner (``owner: true``)."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["pool"]}, {"required": ["cost_center"]}, {"required": ["owner"]}],
        }
    )

    pool: Identifier | None = None
    cost_center: CostCenterId | None = None
    owner: Literal[True] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Target:
        if len([value for value in (self.pool, self.cost_center, self.owner) if value is not None]) != 1:
            raise ValueError("needs exactly one of pool, cost_center, or owner: true")
        return self

    @property
    def kind(self) -> TargetKind:
        """``pool``, ``cost_center`` or ``owner``."""
        if self.pool is not None:
            return "pool"
        return "owner" if self.cost_center is None else "cost_center"

    @property
    def id(self) -> str:
        """The pool's or cost center's id; ``""`` for the owner."""
        return self.pool or self.cost_center or ""


def _never_an_owner(target: Target) -> Target:
    if target.kind == "owner":
        raise ValueError("goes to a pool or a cost center, never to the owner of a line")
    return target


class ChargeClasses(_Block):
    """The target of every charge class. None may be left out: silence about tax would be money nobody pays."""

    usage: Target
    tax: Target
    support: Target
    credit: Target
    refund: Target
    fee: Target
    discount: Target
    commitment_fee: Target
    commitment_bridge: Annotated[Target, AfterValidator(_never_an_owner)]


Values = Annotated[tuple[Name, ...], Field(min_length=1)]


class Match(_Block):
    """Which lines a rule takes: all keys must hold (AND), each by any of its values (OR).

    ``service`` is line_item_product_code; ``tag`` values are compared as owner tags are, the others exactly;
    ``usage_type_prefix`` is the beginning of line_item_usage_type.
    """

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    account: Annotated[tuple[AccountId, ...], Field(min_length=1)] | None = None
    service: Values | None = None
    line_item_type: Values | None = None
    operation: Values | None = None
    charge_class: Annotated[tuple[ChargeClass, ...], Field(min_length=1)] | None = None
    usage_type_prefix: Values | None = None
    tag: Annotated[dict[Identifier, Values], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _matches_something(self) -> Match:
        if not self.terms():
            raise ValueError(f"is empty: name at least one of {', '.join(type(self).model_fields)}")
        return self

    def terms(self) -> dict[str, tuple[str, ...]]:
        """The values of each key in use; a tag's key is written ``tag:KEY``."""
        plain: dict[str, tuple[str, ...] | None] = {
            "account": self.account,
            "service": self.service,
            "line_item_type": self.line_item_type,
            "operation": self.operation,
            "charge_class": self.charge_class,
            "usage_type_prefix": self.usage_type_prefix,
        }
        used = {key: values for key, values in plain.items() if values is not None}
        return used | {f"tag:{key}": values for key, values in (self.tag or {}).items()}


class Rule(_Block):
    """One exception to the charge classes; the first rule in file order that matches a line decides."""

    id: Identifier
    match: Match
    to: Target

    @model_validator(mode="after")
    def _bridge_has_no_owner(self) -> Rule:
        if self.to.kind == "owner" and "commitment_bridge" in (self.match.charge_class or ()):
            raise ValueError("commitment_bridge goes to a pool or a cost center, never to the owner of a line")
        return self


Among = Annotated[tuple[CostCenterId, ...], Field(min_length=1)]


class ProportionalSplit(_Block):
    """By each cost center's own direct cost of the bill; those of ``among`` only, if given."""

    method: Literal["proportional"]
    among: Among | None = None


class EvenSplit(_Block):
    """The same for each cost center valid in the period; those of ``among`` only, if given."""

    method: Literal["even"]
    among: Among | None = None


class FixedSplit(_Block):
    """By stated shares that add up to 1; a recipient is a cost center or, as ``pool:ID``, another pool."""

    method: Literal["fixed"]
    shares: Annotated[dict[Identifier, Ratio], Field(min_length=1)]

    def pools_fed(self) -> tuple[str, ...]:
        """The ids of the pools among the recipients."""
        return tuple(key.removeprefix(POOL_PREFIX) for key in self.shares if key.startswith(POOL_PREFIX))


class DriverSplit(_Block):
    """By the period's values of a driver table; those of ``among`` only, if given."""

    method: Literal["driver"]
    driver: Identifier
    among: Among | None = None


Split = Annotated[ProportionalSplit | EvenSplit | FixedSplit | DriverSplit, Field(discriminator="method")]
SPLIT_METHODS = ("proportional", "even", "fixed", "driver")


class Pool(_Block):
    """Shared cost that is gathered first and then split among its recipients."""

    id: Identifier
    name: Name
    split: Split


class DriverFile(_Block):
    """Where a driver's values are: a CSV with the columns billing_period, cost_center and value."""

    file: DriverPath


class Adjustment(_Block):
    """Cost that is moved from one cost center to another in a month, as the outcome of a dispute or by agreement.

    ``billing_period`` is the open month in which it is charged; ``amount`` is in the billing currency, in cents, above
    zero. ``settles`` names the statement that was disputed.
    """

    id: Identifier
    billing_period: Month
    from_cost_center: CostCenterId
    to_cost_center: CostCenterId
    amount: Annotated[DecimalText, AfterValidator(_whole_cents), AfterValidator(_above_zero)]
    reason: Name
    settles: StatementName | None = None

    @model_validator(mode="after")
    def _moves_something(self) -> Adjustment:
        if self.from_cost_center == self.to_cost_center:
            raise ValueError(f"moves cost from {self.from_cost_center} to itself")
        return self


class Defaults(_Block):
    """Who receives a pool when nobody has weight."""

    unowned_cost_center: CostCenterId


class PolicyDocument(_Block):
    """The whole policy file.

    ``invoice_tolerance`` is the largest difference, in the billing currency, between an invoice of the Invoicing API
    and its control total that becomes a rounding line instead of a failure.
    """

    schema_version: Literal[1]
    organization: Organization
    cost_basis: Literal["effective", "billed"] = "effective"
    tags: Tags
    business_units: Annotated[tuple[BusinessUnit, ...], Field(min_length=1)]
    cost_centers: Annotated[tuple[CostCenter, ...], Field(min_length=1)]
    accounts: tuple[Account, ...] = ()
    charge_classes: ChargeClasses
    rules: tuple[Rule, ...] = ()
    pools: tuple[Pool, ...]
    drivers: Mapping[Identifier, DriverFile] = {}
    defaults: Defaults
    adjustments: tuple[Adjustment, ...] = ()
    invoice_tolerance: Annotated[DecimalText, AfterValidator(_whole_cents)] = Decimal("0.00")
