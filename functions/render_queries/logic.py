"""Renders a run's queries from the SQL files: which parameters each takes, and where its rows go."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from functions.shared import run_files
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.delivery import Delivery
from functions.shared.errors import MissingColumn
from functions.shared.payload import Payload
from functions.shared.periods import BillingPeriod
from functions.shared.policy import tag_column_suffix
from functions.shared.restored_sql import SqlCatalog
from functions.shared.sql_catalog import ParameterValue, load_statements, unload

TREND_MONTHS = 11
"""How many earlier months a statement shows."""

UNLOADED = (
    "r010_control_totals",
    "r015_invoice_differences",
    "f010_charges",
    "a010_divided_charges",
    "a020_owned_charges",
    "a030_invoice_items",
    "a050_ledger_entries",
)
"""Statements whose rows later statements read: they are unloaded into the run's folder."""

RUN_STATEMENTS = (
    "r030_pools",
    "s010_ledger_entries",
    "s020_pool_shares",
    "s030_top_resources",
    "s050_untagged_cost",
    "s060_unrecognized_tags",
)
"""Statements that take the run's id and nothing else."""


STATEMENT_QUERIES = (
    "s010_ledger_entries",
    "s020_pool_shares",
    "s030_top_resources",
    "s040_earlier_months",
    "s050_untagged_cost",
    "s060_unrecognized_tags",
)
"""Statements that a resumed run asks again; its ledger stands as those before them have made it."""


class RenderQueriesRequest(Payload):
    """The run; ``survey`` renders the query before the lock, ``close`` all that follow it.

    A ``replay`` renders the SQL of the original close, over the bill and the ledger that were restored.
    """

    stage: Literal["survey", "close"]
    run_id: str
    billing_period: str
    charge_period: str
    revision: int
    has_invoices: bool = False
    replay: bool = False


class RenderedQueries(Payload):
    """Queries in Athena's SQL by statement name; pool shares have one query a level."""

    queries: dict[str, str]
    pool_shares: list[str]


def render_survey(period: BillingPeriod, catalog: SqlCatalog) -> RenderedQueries:
    """The query that looks over a delivery."""
    return RenderedQueries(
        queries={"v010_delivered_lines": catalog.render("v010_delivered_lines", {"billing_period": str(period)})},
        pool_shares=[],
    )


def sources_to_keep(rendered: RenderedQueries, kept: Collection[str]) -> dict[str, str]:
    """The SQL files behind a run's queries, by name, as far as the run has not kept them yet (``kept``).

    When a run is resumed with newer code, the files that its ledger was made with stay.
    """
    used = {"v010_delivered_lines", "a040_pool_shares", *rendered.queries}
    return {
        name: statement.text
        for name, statement in load_statements().items()
        if name in used and (name in STATEMENT_QUERIES or name not in kept)
    }


def tag_columns(delivery: Delivery, policy: PolicyOfRun, flattened_tags: Sequence[str]) -> frozenset[str]:
    """The flattened tag columns that the table has and the delivery fills.

    Raises MissingColumn when a tag that the policy goes by is in no column: it would be read as absent everywhere, and
    the whole cost as untagged.
    """
    columns = delivery.flat_tags & {f"tag_{tag_column_suffix(tag)}" for tag in flattened_tags}
    needed = {f"tag_{tag_column_suffix(tag)}" for tag in (policy.owner_tag, *policy.policy_tags)}
    if "resource_tags" not in delivery.columns and not needed <= columns:
        raise MissingColumn(
            f"{delivery.manifest_key}: the export has neither resource_tags nor {', '.join(sorted(needed - columns))}, "
            f"by which {policy.file} assigns and measures cost; add resource_tags to the export's query, or deploy the "
            "export with the policy that names them"
        )
    return columns


def fold_values(
    delivery: Delivery, policy: PolicyOfRun, *, flattened_tags: Sequence[str], billing_bucket: str
) -> tuple[dict[str, ParameterValue], frozenset[str]]:
    """The parameters of the fold, and the tag columns that it reads.

    A tag is read from a column of its own where the table has one (``flattened_tags``) and the delivery fills it.
    Raises MissingColumn as ``tag_columns`` does.
    """
    values: dict[str, ParameterValue] = {
        "billing_period": delivery.billing_period,
        "data_files": [f"s3://{billing_bucket}/{file.key}" for file in delivery.files],
        "cost_basis": policy.cost_basis,
        "keeps_operation": policy.keeps_operation,
        "keeps_usage_type": policy.keeps_usage_type,
        "owner_tag": policy.owner_tag,
        "policy_tags": policy.policy_tags,
    }
    return values, tag_columns(delivery, policy, flattened_tags)


def render_close(
    request: RenderQueriesRequest,
    delivery: Delivery,
    policy: PolicyOfRun,
    catalog: SqlCatalog,
    *,
    flattened_tags: Sequence[str],
    billing_bucket: str,
    work_bucket: str,
) -> RenderedQueries:
    """All queries of a close, in their final form: nothing is put into them afterwards."""
    run_id, period = request.run_id, BillingPeriod.parse(request.charge_period)
    fold, flat_tags = fold_values(delivery, policy, flattened_tags=flattened_tags, billing_bucket=billing_bucket)
    scan = {name: fold[name] for name in catalog.statement("r010_control_totals").parameters}
    revision: dict[str, ParameterValue] = {"run_id": run_id, "charge_period": str(period), "revision": request.revision}
    run: dict[str, ParameterValue] = {"run_id": run_id}
    ledger: dict[str, ParameterValue] = {
        **revision,
        "billing_period": request.billing_period,
        "unowned_cost_center": policy.unowned_cost_center,
    }
    queries = {
        "r010_control_totals": catalog.render("r010_control_totals", scan),
        "r015_invoice_differences": catalog.render(
            "r015_invoice_differences", {**run, "has_invoices": request.has_invoices}
        ),
        "f010_charges": catalog.render("f010_charges", fold, flat_tags=flat_tags),
        "a010_divided_charges": catalog.render("a010_divided_charges", run),
        "a020_owned_charges": catalog.render("a020_owned_charges", run),
        "a030_invoice_items": catalog.render("a030_invoice_items", run),
        "a050_ledger_entries": catalog.render("a050_ledger_entries", ledger),
        "r020_invoices": catalog.render("r020_invoices", revision),
        "s040_earlier_months": catalog.render(
            "s040_earlier_months",
            {"first_period": str(period.previous(TREND_MONTHS)), "last_period": str(period.previous())},
        ),
        **{name: catalog.render(name, run) for name in RUN_STATEMENTS},
    }
    for name in UNLOADED:
        prefix = run_files.table_prefix(run_id, catalog.statement(name).relation)
        queries[name] = unload(queries[name], f"s3://{work_bucket}/{prefix}")
    return RenderedQueries(queries=queries, pool_shares=_render_levels(run_id, policy, catalog, work_bucket))


def _render_levels(run_id: str, policy: PolicyOfRun, catalog: SqlCatalog, work_bucket: str) -> list[str]:
    return [
        unload(
            catalog.render(
                "a040_pool_shares",
                {"run_id": run_id, "pool_level": level, "unowned_cost_center": policy.unowned_cost_center},
            ),
            f"s3://{work_bucket}/{run_files.pool_level_prefix(run_id, level)}",
        )
        for level in policy.pool_levels
    ]
