"""Every role may do what its code does, and nothing else."""

from __future__ import annotations

import re

import pytest

from infra.names import SIGNERS, role_arn, signing_alias
from tests.infra.expected_rights import (
    BESIDE_THE_CLOSE,
    EVERY_FUNCTION,
    FUNCTIONS,
    MONTH_END_CLOSE,
    MONTH_END_CLOSE_EVENTS,
    WITHOUT_A_RESOURCE,
)
from tests.infra.stacks import Stacks, as_list, statements


def expected(text: str, stacks: Stacks, state: str = "") -> set[str]:
    name = stacks.config.name
    filled = text.format(
        export=stacks.config.export_prefix, environment=name, workgroup=f"chargeback-{name}", state=state
    )
    return {line.strip() for line in filled.splitlines() if line.strip()}


def rights_of(stacks: Stacks, state: str) -> frozenset[str]:
    return stacks.roles[f"Functions/{state}Role"]


@pytest.mark.parametrize("state", FUNCTIONS | BESIDE_THE_CLOSE)
def test_a_function_may_do_exactly_what_its_code_does(stacks: Stacks, state: str) -> None:
    rights = expected(EVERY_FUNCTION + (FUNCTIONS | BESIDE_THE_CLOSE)[state], stacks, state)
    if state == "FetchInvoiceTotals" and stacks.config.invoice_reader_role:
        rights |= {f"sts:AssumeRole {stacks.config.invoice_reader_role}"}
    assert rights_of(stacks, state) == rights


def test_the_close_may_query_invoke_and_mark_the_period_and_nothing_else(stacks: Stacks) -> None:
    invokes = {f"lambda:InvokeFunction <Functions/{state}>" for state in FUNCTIONS}
    assert stacks.roles["MonthEndClose/Role"] == expected(MONTH_END_CLOSE, stacks) | invokes


def test_an_arrival_may_start_the_close_and_nothing_else(stacks: Stacks) -> None:
    assert stacks.roles["MonthEndClose/EventsRole"] == expected(MONTH_END_CLOSE_EVENTS, stacks)


def test_there_is_no_role_that_nobody_looked_at(stacks: Stacks) -> None:
    known = {f"Functions/{state}Role" for state in FUNCTIONS | BESIDE_THE_CLOSE} | {"MonthEndClose/Role", "MonthEndClose/EventsRole"}
    assert set(stacks.roles) == known
    for name, role in stacks.of("AWS::IAM::Role").items():
        assert "ManagedPolicyArns" not in role.properties, name
        assert "Policies" not in role.properties, name


def test_every_function_has_a_role_of_its_own_that_only_lambda_takes(stacks: Stacks) -> None:
    for state, function in stacks.functions.items():
        assert function.properties["Role"] == f"<Functions/{state}Role>"
        role = stacks.resources[f"Functions/{state}Role"]
        (trust,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_no_action_is_a_wildcard_and_every_resource_is_named_where_one_can_be(stacks: Stacks) -> None:
    for policy in stacks.of("AWS::IAM::Policy").values():
        for statement in statements(policy):
            assert not [action for action in as_list(statement["Action"]) if "*" in action], policy.name
            if "*" in as_list(statement["Resource"]):
                assert set(as_list(statement["Action"])) <= WITHOUT_A_RESOURCE.keys(), policy.name


def test_nobody_may_delete_a_record_or_shorten_its_retention(stacks: Stacks) -> None:
    forbidden = re.compile(
        r"s3:(Delete|Bypass|PutBucket|PutLifecycle|PutEncryption)|kms:(Schedule|Disable)|\w+:Delete\w*Item"
    )
    assert not [(role, right) for role, rights in stacks.roles.items() for right in rights if forbidden.match(right)]


def test_only_the_seal_touches_the_bills_retention(stacks: Stacks) -> None:
    holders = {
        role for role, rights in stacks.roles.items() for r in rights if r.startswith("s3:PutObjectRetention <B")
    }
    assert holders == {"Functions/SealBillingDataRole"}


def test_whoever_renders_statements_cannot_read_the_bill(stacks: Stacks) -> None:
    assert not [right for right in rights_of(stacks, "RenderStatement") if "<Billing>" in right]
    assert not [right for right in rights_of(stacks, "RenderStatement") if "<Ledger>" in right]


def test_only_whoever_posts_charges_knows_the_books_credentials(stacks: Stacks) -> None:
    holders = {role for role, rights in stacks.roles.items() for right in rights if right.startswith("secretsmanager:")}
    assert holders == {"Functions/PostChargeRole"}


def test_whoever_signs_evidence_reads_and_writes_nothing_else(stacks: Stacks) -> None:
    touched = {right.split(" ", 1)[1] for right in rights_of(stacks, "SignEvidence") if right.startswith("s3:")}
    assert all(right.startswith("<Ledger>") and "evidence.json" in right for right in touched)


def test_the_signing_key_signs_for_the_functions_that_sign_and_for_no_administrator(stacks: Stacks) -> None:
    signers = {role for role, rights in stacks.roles.items() for right in rights if right.startswith("kms:Sign ")}
    assert signers == {f"Functions/{state}Role" for state in SIGNERS}
    key = stacks.properties("SigningKey")
    (denied,) = (s for s in key["KeyPolicy"]["Statement"] if s["Effect"] == "Deny")
    assert (denied["Principal"], denied["Action"]) == ({"AWS": "*"}, "kms:Sign")
    account = stacks.config.finops_account
    assert denied["Condition"] == {
        "ArnNotEquals": {"aws:PrincipalArn": [role_arn(account, stacks.config, state) for state in SIGNERS]}
    }


def test_the_signing_key_is_an_rsa_key_that_is_kept_and_found_by_its_number(stacks: Stacks) -> None:
    key = stacks.resources["SigningKey"]
    assert (key.properties["KeySpec"], key.properties["KeyUsage"]) == ("RSA_3072", "SIGN_VERIFY")
    assert key.is_retained
    aliases = {a.properties["AliasName"]: a.properties["TargetKeyId"] for a in stacks.of("AWS::KMS::Alias").values()}
    assert aliases[signing_alias(stacks.config, 1)] == "<SigningKey>"


def test_the_ledger_and_the_statements_have_their_writers_and_no_other(stacks: Stacks) -> None:
    for what, *its_writers in (
        ("<Ledger>/ledger/", "PublishLedger"),
        ("<Ledger>/archive/", "SummarizeRun"),
        ("<Ledger>/periods/", "SummarizeRun", "SignEvidence"),
    ):
        writers = {
            role for role, rights in stacks.roles.items() for r in rights if r.startswith(f"s3:PutObject {what}")
        }
        assert writers == {f"Functions/{writer}Role" for writer in its_writers}
    writers = {
        role for role, rights in stacks.roles.items() for r in rights if r.startswith("s3:PutObject <Statements>")
    }
    assert writers == {"Functions/RenderStatementRole"}
