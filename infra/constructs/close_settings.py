"""What the functions of the close are told: each value by the name that it has in the function's settings model."""

from __future__ import annotations

import json

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_secretsmanager as secretsmanager

from functions.fetch_invoice_totals.handler import NO_ROLE
from functions.issue_certificate.logic import NOT_SET_UP
from functions.render_statement.timestamps import NO_AUTHORITY
from infra.code_version import code_version
from infra.config import EnvironmentConfig
from infra.constructs.vault_access import next_signing_key, servicenow_secret, vault_setting
from infra.names import invoice_reader, signing_identity_parameter
from infra.stacks.data_stack import DataStack

CERTIFICATE_DAYS = 3 * 365
"""For how long a certificate authority that answers at once is asked to certify the signing key."""


def close_settings(
    config: EnvironmentConfig,
    data: DataStack,
    periods: dynamodb.TableV2,
    responses: dynamodb.TableV2,
    servicenow: secretsmanager.Secret | None,
) -> dict[str, dict[str, str]]:
    """The settings of every function, by its folder."""
    work = {"work_bucket": data.work.bucket_name}
    billing = {"billing_bucket": data.billing.bucket_name}
    ledger = {"ledger_bucket": data.ledger.bucket_name}
    statements = {"statements_bucket": data.statements.bucket_name}
    periods_table = {"periods_table": periods.table_name}
    export = {"export_prefix": config.export_prefix}
    retention = {"retention_years": str(config.retention_years)}
    version = {"code_version": code_version()}
    books = {"servicenow_secret": servicenow_secret(config, servicenow), "vault": vault_setting(config, "books")}
    signing = {"identity_parameter": signing_identity_parameter(config), "vault": vault_setting(config, "signing")}
    return {
        "read_manifest": work | billing | export,
        "compile_policy": work | {"ratified_policy": config.ratified_policy},
        "render_queries": work | billing | {"flattened_tags": json.dumps(config.flattened_tags)},
        "check_invoices": work,
        "take_period_lock": periods_table,
        "check_change": work | ledger | {"change_gate": str(config.change_gate).lower()} | books,
        "seal_billing_data": work | billing | retention,
        "fetch_invoice_totals": work
        | {"invoice_reader_role": invoice_reader(config) if config.ties_to_invoices else NO_ROLE},
        "reconcile_ledger": work,
        "check_seal": work | billing | export,
        "publish_ledger": work | ledger | retention,
        "prepare_statements": work | version,
        "render_statement": work
        | statements
        | retention
        | signing
        | {"timestamp_url": config.signing.timestamp_url or NO_AUTHORITY},
        "post_charge": work | books,
        "check_postings": work | ledger | books,
        "attach_statement": work | statements | books,
        "summarize_run": work | ledger | retention | version,
        "sign_evidence": ledger | retention | signing,
        "record_failure": periods_table,
        "restore_period": work | billing | ledger | statements,
        "compare_replay": work | ledger | statements | version,
        "decide_approval": periods_table,
        "record_response": ledger | {"responses_table": responses.table_name},
        "issue_certificate": signing | _certificate(config),
    }


def _certificate(config: EnvironmentConfig) -> dict[str, str]:
    return {
        "signing_key": next_signing_key(config),
        "private_ca_arn": config.signing.private_ca or NOT_SET_UP,
        "vault_pki_role": (config.vault and config.vault.pki_role) or NOT_SET_UP,
        "certificate_days": str(CERTIFICATE_DAYS),
    }
