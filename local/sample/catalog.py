"""What the sample organisation uses: about 60 AWS services, one row per usage type in services.csv.

``weight`` says how many resources use an offer, ``level`` how much one of them costs compared with the others (0 is
free, ``tiny`` is a few requests at a millionth of a cent), ``resource`` is the shape of the resource id (empty: AWS
bills the account and not a resource, so there is nothing to tag), ``homes`` are the kinds of account it is found in.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple, cast, get_args

from local.sample.organisation import Home

_TABLE = Path(__file__).with_name("services.csv")
_REGION_PREFIX = {"us-east-1": "USE1-", "us-west-2": "USW2-", "eu-west-1": "EU-"}
TINY = -1


class Offer(NamedTuple):
    """One usage type of one service."""

    product_code: str
    product_name: str
    product_family: str
    usage_type: str
    operation: str
    unit: str
    rate: str
    weight: int
    level: int
    resource: str
    homes: tuple[Home, ...]

    @property
    def is_instance(self) -> bool:
        """Whether it is an EC2 instance: covered by Compute Savings Plans, host of containers."""
        return self.product_code == "AmazonEC2" and self.usage_type.startswith("BoxUsage:")

    @property
    def is_database(self) -> bool:
        """Whether it is an RDS instance, which the organisation buys reservations for."""
        return self.product_code == "AmazonRDS"

    def resource_id(self, *, region: str, account: str, name: str, hexadecimal: str) -> str:
        """The resource id as AWS writes it, empty if AWS bills no resource."""
        service = self.product_code.removeprefix("Amazon").removeprefix("AWS").lower()
        arn = f"arn:aws:{service}:{region}:{account}:"
        return self.resource.format(arn=arn, account=account, name=name, hex=hexadecimal)


def usage_type_in(region: str, usage_type: str) -> str:
    """The usage type with the prefix it has in a region."""
    return _REGION_PREFIX[region] + usage_type


@cache
def offers() -> tuple[Offer, ...]:
    """Every usage type of the organisation, in the order of the table."""
    with _TABLE.open(encoding="utf-8", newline="") as lines:
        return tuple(_offer(row) for row in csv.DictReader(lines))


def _offer(row: dict[str, str]) -> Offer:
    homes = get_args(Home) if row["homes"] == "any" else tuple(row["homes"].split())
    return Offer(
        product_code=row["product_code"],
        product_name=row["product_name"],
        product_family=row["product_family"],
        usage_type=row["usage_type"],
        operation=row["operation"],
        unit=row["unit"],
        rate=row["rate"],
        weight=int(row["weight"]),
        level=TINY if row["level"] == "tiny" else int(row["level"]),
        resource=row["resource"],
        homes=cast("tuple[Home, ...]", homes),
    )
