"""Accounts of the local cloud are apart, and let each other in as their roles' trust policies say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from functions.shared.adapters.invoicing import list_invoices
from functions.shared.periods import BillingPeriod
from local.aws.clients import client, client_where
from local.aws.cloud import LocalCloud
from local.aws.endpoint import Endpoint
from local.aws.invoices import PAGE, Invoice
from tests.contract.cloud_support import create_function, write_handler

FINOPS, PAYER, STRANGER = "123456789012", "410010010001", "999999999999"
MAY = BillingPeriod(2026, 5)


def role(account_id: str, trusted: str, *, action: str = "sts:AssumeRole", **conditions: dict[str, str]) -> str:
    """A role of an account that trusts another account under conditions; its ARN."""
    statement = {"Effect": "Allow", "Action": action, "Principal": {"AWS": f"arn:aws:iam::{trusted}:root"}}
    policy = {"Version": "2012-10-17", "Statement": [statement | ({"Condition": conditions} if conditions else {})]}
    iam = client("iam", "us-east-1", account_id)
    made = iam.create_role(RoleName=f"of-{account_id}", AssumeRolePolicyDocument=json.dumps(policy))
    return str(made["Role"]["Arn"])


def is_let_in(sts: Any, arn: str, **options: str) -> bool:
    try:
        sts.assume_role(RoleArn=arn, RoleSessionName="test", **options)
    except ClientError as refused:
        if refused.response["Error"]["Code"] == "AccessDenied":
            return False
        raise
    return True


@pytest.mark.usefixtures("cloud")
def test_what_an_account_has_another_does_not_see(endpoint: Endpoint) -> None:
    endpoint.client("sqs", account_id=PAYER).create_queue(QueueName="of-the-payer")

    assert "QueueUrls" not in endpoint.client("sqs").list_queues()
    assert len(endpoint.client("sqs", account_id=PAYER).list_queues()["QueueUrls"]) == 1
    identities = [endpoint.client("sts", account_id=of).get_caller_identity()["Account"] for of in (FINOPS, PAYER)]
    assert identities == [FINOPS, PAYER]


@pytest.mark.usefixtures("cloud")
def test_a_role_lets_in_the_account_that_it_trusts(endpoint: Endpoint) -> None:
    arn = role(PAYER, FINOPS)

    let_in = {of: is_let_in(endpoint.client("sts", account_id=of), arn) for of in (FINOPS, STRANGER, PAYER)}

    assert let_in == {FINOPS: True, STRANGER: False, PAYER: False}


@pytest.mark.usefixtures("cloud")
def test_a_role_that_asks_for_an_external_id_takes_no_other(endpoint: Endpoint) -> None:
    arn = role(PAYER, FINOPS, StringEquals={"sts:ExternalId": "agreed"})
    sts = endpoint.client("sts")

    assert is_let_in(sts, arn, ExternalId="agreed")
    assert not is_let_in(sts, arn, ExternalId="guessed")
    assert not is_let_in(sts, arn)


@pytest.mark.usefixtures("cloud")
def test_a_condition_that_is_not_understood_lets_nobody_in(endpoint: Endpoint) -> None:
    arn = role(PAYER, FINOPS, IpAddress={"aws:SourceIp": "10.0.0.0/8"})

    assert not is_let_in(endpoint.client("sts"), arn)


@pytest.mark.usefixtures("cloud")
def test_a_role_for_signed_in_people_is_not_assumed_by_an_account(endpoint: Endpoint) -> None:
    assert not is_let_in(endpoint.client("sts"), role(PAYER, FINOPS, action="sts:AssumeRoleWithWebIdentity"))


def test_a_function_is_let_in_by_its_role_and_then_works_in_the_other_account(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    source = """
        import boto3

        def handler(event, context):
            given = boto3.client("sts").assume_role(RoleArn=event["role"], RoleSessionName="there")["Credentials"]
            there = boto3.client("sts", aws_access_key_id=given["AccessKeyId"],
                aws_secret_access_key=given["SecretAccessKey"], aws_session_token=given["SessionToken"])
            return [boto3.client("sts").get_caller_identity()["Account"], there.get_caller_identity()["Account"]]
    """
    function = create_function(cloud, write_handler(tmp_path, "reader", source))
    its_role = cloud.client("lambda").get_function(FunctionName=function)["Configuration"]["Role"]
    only_it = role(PAYER, FINOPS, ArnEquals={"aws:PrincipalArn": its_role})
    only_another = role(STRANGER, FINOPS, ArnEquals={"aws:PrincipalArn": f"{its_role}-of-another"})

    def invoke(arn: str) -> Any:
        answer = cloud.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"role": arn}).encode())
        return json.loads(answer["Payload"].read())

    assert invoke(only_it) == [FINOPS, PAYER]
    assert "AccessDenied" in invoke(only_another)["errorMessage"]


def test_each_function_works_in_the_account_of_its_role_whichever_ran_first(cloud: LocalCloud, tmp_path: Path) -> None:
    source = """
        import boto3

        def handler(event, context):
            return boto3.client("sts").get_caller_identity()["Account"]
    """
    handler = write_handler(tmp_path, "where", source)
    functions = [create_function(cloud, handler, account_id=of) for of in (PAYER, FINOPS)]

    seen = [client_where(of).invoke(FunctionName=of)["Payload"].read() for of in (*functions, functions[0])]

    assert [json.loads(account_id) for account_id in seen] == [PAYER, FINOPS, PAYER]


def test_invoices_are_read_with_the_payers_role_to_the_last_page(cloud: LocalCloud) -> None:
    issued = [Invoice(f"INV-{number}", f"{number}.00") for number in range(2 * PAGE + 1)]
    cloud.invoices.issue(PAYER, "2026-05", *issued)
    cloud.invoices.issue(PAYER, "2026-04", Invoice("INV-APRIL", "1.00"))

    listed = list(list_invoices(PAYER, MAY, role(PAYER, FINOPS)))

    assert [(each["InvoiceId"], each["BaseCurrencyAmount"]["TotalAmount"]) for each in listed] == [
        (invoice.invoice_id, invoice.total) for invoice in issued
    ]
    assert {each["AccountId"] for each in listed} == {PAYER}


def test_nobody_sees_the_invoices_of_another_account(cloud: LocalCloud) -> None:
    cloud.invoices.issue(PAYER, "2026-05", Invoice("INV-1", "1.00"))

    with pytest.raises(ClientError, match="AccessDeniedException"):
        list(list_invoices(PAYER, MAY, role(STRANGER, FINOPS)))


def test_a_month_that_nobody_was_invoiced_for_has_no_invoices(cloud: LocalCloud, endpoint: Endpoint) -> None:
    cloud.invoices.issue(PAYER, "2026-05", Invoice("INV-1", "1.00"))
    asked = {"ResourceType": "ACCOUNT_ID", "Value": PAYER}, {"BillingPeriod": {"Month": 6, "Year": 2026}}

    answer = endpoint.client("invoicing", account_id=PAYER).list_invoice_summaries(Selector=asked[0], Filter=asked[1])

    assert answer["InvoiceSummaries"] == []


def test_an_external_program_sees_its_invoices_too(cloud: LocalCloud, endpoint: Endpoint) -> None:
    cloud.invoices.issue(PAYER, "2026-05", Invoice("INV-1", "1.00"))
    given = endpoint.client("sts").assume_role(RoleArn=role(PAYER, FINOPS), RoleSessionName="test")["Credentials"]
    session: Any = boto3.session.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

    pages = session.client("invoicing", region_name="us-east-1", endpoint_url=endpoint.url).list_invoice_summaries(
        Selector={"ResourceType": "ACCOUNT_ID", "Value": PAYER},
        Filter={"BillingPeriod": {"Month": 5, "Year": 2026}},
    )

    assert [each["InvoiceId"] for each in pages["InvoiceSummaries"]] == ["INV-1"]
