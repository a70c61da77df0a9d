"""Renders the queries of the daily validation: the fold and owners of the month, and what is measured on them."""

from __future__ import annotations

from collections.abc import Sequence

from functions.render_queries.logic import fold_values
from functions.shared import run_files
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.delivery import Delivery
from functions.shared.payload import Payload
from functions.shared.sql_catalog import load_statement, render, unload

UNLOADED = ("f010_charges", "a010_divided_charges", "a020_owned_charges")
"""Statements whose rows the measures read: they are unloaded into the run's folder."""

MEASURES = ("v020_untagged_cost", "v040_owner_tag_values", "v050_costly_untagged", "v060_owner_costs")
"""Statements that take the run's id and nothing else."""


class RenderChecksRequest(Payload):
    """The run whose delivery and policy are rendered for."""

    run_id: str


class ChecksRendered(Payload):
    """Queries in Athena's SQL by statement name."""

    queries: dict[str, str]


def render_checks(
    run_id: str,
    delivery: Delivery,
    policy: PolicyOfRun,
    *,
    flattened_tags: Sequence[str],
    billing_bucket: str,
    work_bucket: str,
) -> ChecksRendered:
    """All queries of a validation, in their final form."""
    fold, flat_tags = fold_values(delivery, policy, flattened_tags=flattened_tags, billing_bucket=billing_bucket)
    queries = {
        "f010_charges": render("f010_charges", fold, flat_tags=flat_tags),
        "a010_divided_charges": render("a010_divided_charges", {"run_id": run_id}),
        "a020_owned_charges": render("a020_owned_charges", {"run_id": run_id}),
        "v030_tag_coverage": render("v030_tag_coverage", {"run_id": run_id, "tag_count": len(policy.mandatory_tags)}),
        **{name: render(name, {"run_id": run_id}) for name in MEASURES},
    }
    for name in UNLOADED:
        prefix = run_files.table_prefix(run_id, load_statement(name).relation)
        queries[name] = unload(queries[name], f"s3://{work_bucket}/{prefix}")
    return ChecksRendered(queries=queries)
