"""Every role may do what its code does, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any

import pytest

from infra.environments import ENVIRONMENTS
from infra.names import REPLICATION, SIGNERS, invoice_reader, name_of, role_arn, signing_alias
from tests.infra.expected_rights import (
    BESIDE_THE_CLOSE,
    CHANGE_GATE,
    EVERY_FUNCTION,
    FUNCTIONS,
    IN_OTHER_TESTS,
    INVOICES,
    MONTH_END_CLOSE,
    OF_EVERY_STATE_MACHINE,
    OF_THE_REPLAY,
    PATTERNS,
    READ_NOTHING_OF_OURS,
    READS_OURS,
    REPLAY_PERIOD,
    STARTERS,
    TAKEN_BY,
    WIDE_IN_POLICIES_OF_RESOURCES,
    WITHOUT_A_RESOURCE,
)
from tests.infra.stacks import Stacks, as_list


def expected(text: str, stacks: Stacks, state: str = "") -> set[str]:
    name = stacks.config.name
    filled = text.format(
        export=stacks.config.export_prefix,
        environment=name,
        payer=stacks.config.payer_account,
        workgroup=f"chargeback-{name}",
        state=state,
    )
    rights = {line.strip() for line in filled.splitlines() if line.strip()}
    vault = stacks.config.vault
    # What is kept in Vault is no right in AWS: the login needs none.
    return rights - {"secretsmanager:GetSecretValue <ServiceNow>"} if vault and vault.servicenow_secret else rights


def rights_of(stacks: Stacks, state: str) -> frozenset[str]:
    return stacks.roles[f"Functions/{state}Role"]


def trust_of(stacks: Stacks, role: str) -> list[dict[str, Any]]:
    """The statements that say who takes a role."""
    found: list[dict[str, Any]] = stacks.properties(role)["AssumeRolePolicyDocument"]["Statement"]
    return found


ALL_FUNCTIONS = FUNCTIONS | OF_THE_REPLAY | BESIDE_THE_CLOSE


@pytest.mark.parametrize("state", ALL_FUNCTIONS)
def test_a_function_may_do_exactly_what_its_code_does(stacks: Stacks, state: str) -> None:
    rights = expected(EVERY_FUNCTION + ALL_FUNCTIONS[state], stacks, state)
    if state not in READ_NOTHING_OF_OURS:
        rights.add(READS_OURS)
    if state == "FetchInvoiceTotals" and stacks.config.ties_to_invoices:
        rights |= expected(INVOICES, stacks)
    if state == "CheckChange" and stacks.config.change_gate:
        rights |= expected(CHANGE_GATE, stacks)
    if state == "IssueCertificate" and (authority := stacks.config.signing.private_ca):
        verbs = ("DescribeCertificateAuthority", "IssueCertificate", "GetCertificate")
        rights |= {f"acm-pca:{verb} {authority}" for verb in verbs}
    assert rights_of(stacks, state) == rights


def test_the_close_may_query_invoke_and_mark_the_period_and_nothing_else(stacks: Stacks) -> None:
    invokes = {f"lambda:InvokeFunction <Functions/{state}>" for state in FUNCTIONS}
    asks = {"sns:Publish <Approvals>"} if stacks.config.approvers else set()
    rights = expected(OF_EVERY_STATE_MACHINE + MONTH_END_CLOSE, stacks)
    assert stacks.roles["MonthEndCloseRole"] == rights | invokes | asks


def test_the_replay_may_run_the_close_and_compare_and_nothing_else(stacks: Stacks) -> None:
    invokes = {f"lambda:InvokeFunction <Functions/{state}>" for state in (*OF_THE_REPLAY, "RecordFailure")}
    rights = expected(OF_EVERY_STATE_MACHINE + REPLAY_PERIOD, stacks)
    assert stacks.roles["ReplayPeriodRole"] == rights | invokes


@pytest.mark.parametrize("role", STARTERS)
def test_what_starts_a_close_may_start_it_and_nothing_else(stacks: Stacks, role: str) -> None:
    assert stacks.roles[role] == expected(STARTERS[role], stacks)


def test_roles_that_policies_elsewhere_know_by_name_bear_it(stacks: Stacks) -> None:
    named = {f"Functions/{state}Role": state for state in ALL_FUNCTIONS}
    machines = {"MonthEndCloseRole": "month_end_close", "ReplayPeriodRole": "replay_period"}
    for role, word in (named | machines).items():
        assert stacks.properties(role)["RoleName"] == name_of(stacks.config, word)


def test_there_is_no_role_that_nobody_looked_at(stacks: Stacks) -> None:
    config = stacks.config
    here = {f"Functions/{state}Role" for state in ALL_FUNCTIONS} | {"MonthEndCloseRole", "ReplayPeriodRole", *STARTERS}
    by_setting = {
        "BillingSource/InvoiceReader": config.ties_to_invoices,
        "Ci/": config.github,
        "Observability/Datadog": config.datadog,
        "Observability/ThreatDetection/": config.detects_threats,
        "Observability/Wiz": config.wiz,
        "PayerCi/": config.github and len(config.accounts) > 1,
        "Replica/": config.replica_region,
    }
    left_out = tuple(name for name, is_there in by_setting.items() if not is_there)
    elsewhere = {role for role in IN_OTHER_TESTS if not role.startswith(left_out)}
    # S3's role gets its rights in two stacks, and the second knows it by its name.
    by_name = {name_of(config, REPLICATION)} if config.replica_region else set()
    assert set(stacks.roles) == here | elsewhere | by_name
    for kind in ("AWS::IAM::User", "AWS::IAM::Group", "AWS::IAM::ManagedPolicy"):
        assert not stacks.of(kind), kind


@pytest.mark.parametrize("role", IN_OTHER_TESTS)
def test_a_role_that_is_said_to_be_looked_at_elsewhere_has_a_test_there(role: str) -> None:
    module, _, name = IN_OTHER_TESTS[role].partition(":")
    assert callable(getattr(import_module(f"tests.infra.test_{module}"), f"test_{name}"))


def test_every_function_has_a_role_of_its_own_that_only_lambda_takes(stacks: Stacks) -> None:
    functions = stacks.of("AWS::Lambda::Function")
    assert {function.properties["Role"] for function in functions.values()} == {f"<{name}Role>" for name in functions}
    for name, function in functions.items():
        assert function.properties["Role"] == f"<{name}Role>"
        (trust,) = trust_of(stacks, f"{name}Role")
        assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}


@pytest.mark.parametrize("role", TAKEN_BY)
def test_a_role_of_a_service_is_taken_by_that_service_alone(stacks: Stacks, role: str) -> None:
    if role in stacks.resources:
        (trust,) = trust_of(stacks, role)
        assert (trust["Effect"], trust["Action"]) == ("Allow", "sts:AssumeRole")
        assert trust["Principal"] == {"Service": TAKEN_BY[role]}


def test_whoever_is_no_service_takes_a_role_only_with_something_to_show(stacks: Stacks) -> None:
    """Which ones may, and what they show, is looked at with each of them."""
    for name in stacks.of("AWS::IAM::Role"):
        for trust in trust_of(stacks, name):
            (kind,) = trust["Principal"]
            if kind != "Service":
                assert trust["Condition"], name
                assert name in IN_OTHER_TESTS


# --- wildcards -----------------------------------------------------------------------------------------------------


def allowed_to_roles(stacks: Stacks) -> Iterator[tuple[str, str, str, str]]:
    """Role, action, resource and, if there is one, condition of everything that a role is allowed."""
    for role, rights in stacks.roles.items():
        for right in rights:
            if not right.startswith(("never ", "all of ")):
                action, _, what = right.partition(" ")
                resource, _, condition = what.partition(" when ")
                yield role, action, resource, condition


def pattern_of(stacks: Stacks, resource: str, condition: str) -> str | None:
    """The pattern on the reasoned list that a resource with a wildcard is of."""
    config = stacks.config
    for pattern in PATTERNS:
        filled = pattern.replace("{export}", re.escape(config.export_prefix)).replace("{environment}", config.name)
        if re.fullmatch(filled, resource) or re.fullmatch(filled, f"{resource} when {condition}"):
            return pattern
    return None


def test_no_role_has_a_wildcard_for_an_action(stacks: Stacks) -> None:
    assert not [(role, action) for role, action, _, _ in allowed_to_roles(stacks) if "*" in action]


def test_no_role_has_a_right_on_every_resource_where_one_can_be_named(stacks: Stacks) -> None:
    everywhere = {(role, action) for role, action, resource, _ in allowed_to_roles(stacks) if resource == "*"}
    assert everywhere
    assert not {(role, action) for role, action in everywhere if action not in WITHOUT_A_RESOURCE}


def test_a_wildcard_in_the_name_of_a_resource_is_on_the_list(stacks: Stacks) -> None:
    wide = {(resource, condition) for _, _, resource, condition in allowed_to_roles(stacks) if "*" in resource[:-1]}
    wide |= {(r, c) for _, _, r, c in allowed_to_roles(stacks) if len(r) > 1 and r.endswith("*")}
    assert wide
    assert not {resource for resource, condition in wide if not pattern_of(stacks, resource, condition)}


def test_only_wiz_has_a_policy_that_aws_writes(stacks: Stacks) -> None:
    managed = {name for name, rights in stacks.roles.items() if any(right.startswith("all of ") for right in rights)}
    assert managed == ({"Observability/Wiz"} if stacks.config.wiz else set())


def own_policies(stacks: Stacks) -> Iterator[tuple[str, dict[str, Any]]]:
    """What resources' own policies allow, by the resource."""
    known = {"AWS::IAM::Policy", "AWS::KMS::Key", "AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy"}
    known |= {"AWS::SQS::QueuePolicy"}
    # A tag policy allows nobody anything: it says how tags are written.
    silent = {"AWS::IAM::Policy", "AWS::Organizations::Policy"}
    kinds = {resource.kind for resource in stacks.resources.values()}
    assert {kind for kind in kinds if re.search("Policy|Permission", kind)} <= known | silent, "another kind of policy"
    for name, resource in stacks.resources.items():
        if resource.kind in known - silent:
            document = resource.properties.get("KeyPolicy") or resource.properties["PolicyDocument"]
            for statement in document["Statement"]:
                if statement["Effect"] == "Allow":
                    yield name.removesuffix("/Policy"), statement


def wide_of(stacks: Stacks, statement: Mapping[str, Any]) -> set[str]:
    """The actions with a wildcard that a statement allows, and to whom."""
    roots = {f"arn:aws:iam::{account}:root" for account in stacks.config.accounts}
    who = "the account" if statement["Principal"].get("AWS") in roots else str(statement["Principal"])
    return {f"{action} by {who}" for action in as_list(statement["Action"]) if "*" in action}


def test_no_resource_lets_in_anybody_whoever_it_is(stacks: Stacks) -> None:
    for name, statement in own_policies(stacks):
        assert "*" not in as_list(statement["Principal"]), name
        assert "*" not in as_list(statement["Principal"].get("AWS", [])), name


def test_no_resource_allows_whatever_the_action(stacks: Stacks) -> None:
    for name, statement in own_policies(stacks):
        assert wide_of(stacks, statement) <= WIDE_IN_POLICIES_OF_RESOURCES.keys(), name


def test_a_resources_own_policy_is_about_that_resource(stacks: Stacks) -> None:
    for name, statement in own_policies(stacks):
        for resource in as_list(statement["Resource"]):
            # A key's policy cannot name the key: everything means the key itself.
            itself = resource == "*" if stacks.resources[name].kind == "AWS::KMS::Key" else resource == f"<{name}>"
            assert itself or resource.startswith(f"<{name}>/"), name


def test_nothing_is_on_the_lists_that_no_environment_needs(stacks_of: Callable[[str], Stacks]) -> None:
    used: set[str] = set()
    for stacks in map(stacks_of, ENVIRONMENTS):
        for _, action, resource, condition in allowed_to_roles(stacks):
            used |= {action} if resource == "*" else set()
            used |= {pattern_of(stacks, resource, condition) or ""} if "*" in resource else set()
        used |= {wide for _, statement in own_policies(stacks) for wide in wide_of(stacks, statement)}
    assert not {*WITHOUT_A_RESOURCE, *PATTERNS, *WIDE_IN_POLICIES_OF_RESOURCES} - used


# --- who may do what to the records --------------------------------------------------------------------------------


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


def test_only_whoever_works_in_the_books_knows_their_credentials(stacks: Stacks) -> None:
    holders = {role for role, rights in stacks.roles.items() for right in rights if right.startswith("secretsmanager:")}
    of_close = {f"Functions/{state}Role" for state in ("PostCharge", "CheckPostings", "AttachStatement")}
    of_validation = {f"Validation/{state}Role" for state in ("UpdateTicket", "CountTickets")}
    in_vault = stacks.config.vault is not None and stacks.config.vault.servicenow_secret
    assert holders == (set() if in_vault else of_close | of_validation)
    assert bool(stacks.of("AWS::SecretsManager::Secret")) is not bool(in_vault)


def test_whoever_signs_evidence_reads_and_writes_nothing_else(stacks: Stacks) -> None:
    touched = {right.split(" ", 1)[1] for right in rights_of(stacks, "SignEvidence") if right.startswith("s3:")}
    assert all(right.startswith("<Ledger>") and "evidence.json" in right for right in touched)


def test_the_signing_key_signs_for_the_functions_that_sign_and_for_no_administrator(stacks: Stacks) -> None:
    signers = {role for role, rights in stacks.roles.items() for right in rights if right.startswith("kms:Sign ")}
    assert signers == {f"Functions/{state}Role" for state in SIGNERS}
    for name in signing_keys(stacks):
        assert_only_signers_sign(stacks, stacks.properties(name))


def signing_keys(stacks: Stacks) -> dict[str, str]:
    """Every key that signs, by its name, with its alias."""
    aliases = {a.properties["TargetKeyId"]: a.properties["AliasName"] for a in stacks.of("AWS::KMS::Alias").values()}
    usages = {name: key.properties.get("KeyUsage") for name, key in stacks.of("AWS::KMS::Key").items()}
    return {name: aliases[f"<{name}>"] for name, usage in usages.items() if usage == "SIGN_VERIFY"}


def assert_only_signers_sign(stacks: Stacks, key: dict[str, Any]) -> None:
    (denied,) = (s for s in key["KeyPolicy"]["Statement"] if s["Effect"] == "Deny")
    assert (denied["Principal"], denied["Action"]) == ({"AWS": "*"}, "kms:Sign")
    account = stacks.config.finops_account
    assert denied["Condition"] == {
        "ArnNotEquals": {"aws:PrincipalArn": [role_arn(account, stacks.config, state) for state in SIGNERS]}
    }


def test_signing_keys_are_rsa_keys_that_are_kept_and_found_by_their_numbers(stacks: Stacks) -> None:
    keys = signing_keys(stacks)
    assert set(keys.values()) == {signing_alias(stacks.config, n + 1) for n in range(stacks.config.signing.keys)}
    for name in keys:
        key = stacks.resources[name]
        assert key.properties["KeySpec"] == "RSA_3072"
        assert key.is_retained


def test_the_newest_key_is_the_one_that_gets_a_certificate(stacks: Stacks) -> None:
    settings = stacks.properties("Functions/IssueCertificate")["Environment"]["Variables"]
    vault = stacks.config.vault
    newest = signing_alias(stacks.config, stacks.config.signing.keys)
    assert settings["SIGNING_KEY"] == ((vault and vault.signing_key) or newest)


def test_only_the_function_that_compares_invoices_takes_the_payers_role_that_lists_them(stacks: Stacks) -> None:
    right = f"sts:AssumeRole {invoice_reader(stacks.config)}"
    takers = {role for role, rights in stacks.roles.items() if right in rights}
    assert takers == ({"Functions/FetchInvoiceTotalsRole"} if stacks.config.ties_to_invoices else set())


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
