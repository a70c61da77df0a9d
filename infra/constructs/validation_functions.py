"""The functions of the daily validation, each with its settings and exactly the rights it needs."""

from __future__ import annotations

import json

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.config import EnvironmentConfig
from infra.constructs.concurrency import reserved_concurrency
from infra.constructs.python_function import PythonFunction
from infra.constructs.vault_access import servicenow_secret, vault_setting
from infra.names import name_of, state_of
from infra.stacks.data_stack import DataStack


def add_validation_functions(
    scope: Construct,
    *,
    config: EnvironmentConfig,
    data: DataStack,
    key: kms.IKey,
    table: dynamodb.TableV2,
    servicenow: secretsmanager.Secret | None,
    code: lambda_.Code,
    layers: list[lambda_.ILayerVersion],
) -> dict[str, PythonFunction]:
    """The functions by the name of their state; the grants are the whole of what they may do."""
    made = [
        PythonFunction(
            scope,
            verb_noun,
            code=code,
            layers=layers,
            settings=settings,
            log_key=key,
            function_name=name_of(config, state_of(verb_noun)),
            memory_mib=1024,
            timeout=cdk.Duration.minutes(5),
            reserved_concurrency=reserved_concurrency(config, verb_noun),
        )
        for verb_noun, settings in _settings(config, data, table, servicenow).items()
    ]
    functions = {function.state_name: function for function in made}
    _grant(functions, config, data, key)
    _grant_table(functions, table)
    if servicenow is not None:
        ask = iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[servicenow.secret_arn])
        for state in ("UpdateTicket", "CountTickets"):
            functions[state].add_to_role_policy(ask)
    return functions


def _settings(
    config: EnvironmentConfig, data: DataStack, table: dynamodb.TableV2, servicenow: secretsmanager.Secret | None
) -> dict[str, dict[str, str]]:
    work = {"work_bucket": data.work.bucket_name}
    billing = {"billing_bucket": data.billing.bucket_name}
    hygiene = {"hygiene_table": table.table_name}
    books = {"servicenow_secret": servicenow_secret(config, servicenow), "vault": vault_setting(config, "books")}
    plotted = {"datadog_metrics": json.dumps(config.datadog is not None and config.datadog.reads_logs)}
    return {
        "check_delivery": work
        | billing
        | plotted
        | {"export_prefix": config.export_prefix, "freshness_hours": str(config.freshness_hours)},
        "render_checks": work | billing | {"flattened_tags": json.dumps(config.flattened_tags)},
        "measure_hygiene": work | plotted | {"athena_usd_per_tb": str(config.athena_usd_per_tb)} | hygiene,
        "record_hygiene": work | hygiene | {"hygiene_days": str(config.hygiene_days)},
        "update_ticket": work | books | hygiene,
        "count_tickets": work | books | plotted,
    }


def _grant(functions: dict[str, PythonFunction], config: EnvironmentConfig, data: DataStack, key: kms.IKey) -> None:
    def allow(state: str, actions: list[str], resources: list[str]) -> None:
        functions[state].add_to_role_policy(iam.PolicyStatement(actions=actions, resources=resources))

    read = {
        "RenderChecks": ("runs/*/delivery.json", "runs/*/policy.json"),
        "MeasureHygiene": ("runs/*/policy.json", "athena-results/*"),
        "RecordHygiene": ("runs/*/hygiene.json",),
        "CountTickets": ("runs/*/tickets/*",),
    }
    write = {
        "CheckDelivery": ("runs/*/delivery.json",),
        "MeasureHygiene": ("runs/*/hygiene.json", "runs/*/ticket_items.json"),
        "UpdateTicket": ("runs/*/tickets/*",),
    }
    for state, keys in read.items():
        allow(state, ["s3:GetObject"], [data.work.arn_for_objects(each) for each in keys])
    for state, keys in write.items():
        allow(state, ["s3:PutObject"], [data.work.arn_for_objects(each) for each in keys])
        allow(state, ["kms:GenerateDataKey"], [key.key_arn])
    for state in (state for state in functions if state != "CheckDelivery"):
        # Whatever a function reads is encrypted with the one key: objects, and the table's own key. CheckDelivery reads
        # nothing but the bill, which has another.
        allow(state, ["kms:Decrypt"], [key.key_arn])
    manifests, files = f"{config.export_prefix}metadata/", f"{config.export_prefix}data/"
    allow("CheckDelivery", ["s3:GetObject"], [data.billing.arn_for_objects(f"{manifests}*")])
    allow("CheckDelivery", ["kms:Decrypt"], [data.billing_key.key_arn])
    for state, bucket, prefixes in (
        ("CheckDelivery", data.billing, [f"{part}BILLING_PERIOD=*/" for part in (files, manifests)]),
        ("CountTickets", data.work, ["runs/*/tickets/"]),
    ):
        functions[state].add_to_role_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucketVersions"],
                resources=[bucket.bucket_arn],
                conditions={"StringLike": {"s3:prefix": prefixes}},
            )
        )


def _grant_table(functions: dict[str, PythonFunction], table: dynamodb.TableV2) -> None:
    """Not the table's own grant, which would be one on its indexes as well."""
    for state, actions in {
        "RecordHygiene": ["dynamodb:PutItem", "dynamodb:Query"],
        "MeasureHygiene": ["dynamodb:Query"],
        "UpdateTicket": ["dynamodb:PutItem"],
    }.items():
        functions[state].add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[table.table_arn]))
