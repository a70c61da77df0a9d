"""What the state PrepareStatements takes and gives."""

from __future__ import annotations

from functions.shared.money import Cents
from functions.shared.payload import Payload


class StatementResults(Payload):
    """Where Athena put the rows of the statement queries."""

    entries: str
    pool_shares: str
    top_resources: str
    earlier_months: str
    untagged_cost: str
    unrecognized_tags: str


class PrepareStatementsRequest(Payload):
    """The run whose statements are prepared; a preview's are drafts, but for those of a replay."""

    run_id: str
    billing_period: str
    charge_period: str
    revision: int
    preview: bool
    replay: bool = False
    results: StatementResults


class ItemsReference(Payload):
    """The items of a Map in the work bucket."""

    bucket: str
    key: str
    count: int


class StatementsPrepared(Payload):
    """Whose statements are rendered, where the charges to post lie, and what they come to together."""

    business_units: list[str]
    charges: ItemsReference
    total: Cents
