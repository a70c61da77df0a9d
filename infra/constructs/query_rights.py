"""The rights of a state machine that runs queries: Athena reads and writes with those of whoever starts a query."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_stepfunctions as sfn

from infra.stacks.data_stack import DataStack

RESULTS = ("runs/*", "athena-results/*")
"""The folders of the work bucket that queries read and write."""


Rights = list[tuple[list[str], list[str]]]


def let_run_queries(
    machine: sfn.StateMachine, data: DataStack, key: kms.IKey, *, reads_bill: bool = False, reads_ledger: bool = False
) -> None:
    """Lets a state machine query the tables of runs, and the bill or the published ledger where it reads them."""
    rights = [*_of_athena(machine, data), *_of_runs(data, key)]
    rights += _of_bill(data) if reads_bill else []
    rights += _of_ledger(data) if reads_ledger else []
    for actions, resources in rights:
        machine.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=resources))


def _of_athena(machine: sfn.StateMachine, data: DataStack) -> Rights:
    stack = cdk.Stack.of(machine)

    def arn(service: str, resource: str, name: str | None = None) -> str:
        return stack.format_arn(service=service, resource=resource, resource_name=name)

    ours = [arn("glue", "database", data.database.ref), arn("glue", "table", f"{data.database.ref}/*")]
    return [
        (
            ["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:StopQueryExecution"],
            [arn("athena", "workgroup", data.workgroup.name)],
        ),
        (["athena:GetDataCatalog"], [arn("athena", "datacatalog", "AwsDataCatalog")]),
        (
            ["glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartitions"],
            [arn("glue", "catalog"), *ours],
        ),
        # Athena looks at the database of this name whatever a query is about.
        (["glue:GetDatabase"], [arn("glue", "database", "default")]),
    ]


def _of_runs(data: DataStack, key: kms.IKey) -> Rights:
    work = [data.work.arn_for_objects(folder) for folder in RESULTS]
    return [
        (["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"], [data.work.bucket_arn]),
        (["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"], work),
        (["kms:Decrypt", "kms:GenerateDataKey"], [key.key_arn]),
    ]


def _of_bill(data: DataStack) -> Rights:
    return [
        (["s3:GetBucketLocation", "s3:ListBucket"], [data.billing.bucket_arn]),
        (["s3:GetObject"], [data.billing.arn_for_objects(f"{data.export_prefix}data/*")]),
        (["kms:Decrypt"], [data.billing_key.key_arn]),
    ]


def _of_ledger(data: DataStack) -> Rights:
    return [
        (["s3:GetBucketLocation", "s3:ListBucket"], [data.ledger.bucket_arn]),
        (["s3:GetObject"], [data.ledger.arn_for_objects("ledger/*")]),
    ]
