"""No path leads from an unlisted principal to the bill: every role of every stack is tried, and others are."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from infra.environments import ENVIRONMENTS, environment
from infra.names import BILL_READERS, REPLICATION, billing_bucket, name_of, role_arn
from tests.infra.other_environments import synthesized
from tests.infra.policies import EVERYTHING
from tests.infra.reach import (
    CONTENTS,
    DECRYPTS,
    DELETES,
    ENDS_KEY,
    LOOSENS,
    NAMES,
    RETAINS,
    VERSIONS,
    WRITES,
    Reach,
    reach_of,
)
from tests.infra.stacks import Stacks


@pytest.fixture(scope="module")
def reach(stacks: Stacks) -> Reach:
    return reach_of(stacks)


READERS = (
    "ReadManifest",
    "SealBillingData",
    "RestorePeriod",
    "month_end_close",
    "CheckDelivery",
    "daily_validation",
)


def listed(reach: Reach, *roles: str) -> set[str]:
    """Roles by their words, the one that copies only where there is a copy; and whom the environment lists."""
    config = reach.stacks.config
    copying = [REPLICATION] if config.replica_region else []
    return {name_of(config, role) for role in (*roles, *copying)} | set(config.bill_readers)


def test_only_listed_roles_read_what_is_in_the_bill(reach: Reach) -> None:
    assert reach.may(CONTENTS) == listed(reach, *READERS)


def test_only_listed_roles_decrypt_the_bill(reach: Reach) -> None:
    readers = listed(reach, *READERS)
    # Data Exports checks with it the key that a bucket keeps between two objects; it reads no object.
    assert reach.may_with_key(DECRYPTS) == readers | {"this payer's exports"}


def test_only_listed_roles_learn_of_versions(reach: Reach) -> None:
    # The role that copies is told by S3 what there is to copy.
    versions = listed(reach, "ReadManifest", "CheckSeal", "CheckDelivery") - {name_of(reach.stacks.config, REPLICATION)}
    assert reach.may(VERSIONS) == versions


def test_whoever_deploys_learns_the_names_in_the_bill_and_no_more(reach: Reach) -> None:
    assert reach.may(NAMES) == listed(reach, "month_end_close", "daily_validation") | {"deployer"}
    assert "deployer" not in reach.may((*CONTENTS, *VERSIONS)) | reach.may_with_key(DECRYPTS)


def test_only_this_payers_exports_write_the_bill(reach: Reach) -> None:
    assert reach.may(WRITES) == {"this payer's exports"}
    assert reach.may_with_key(["kms:GenerateDataKey", "kms:Encrypt"]) == {"this payer's exports"}


def test_nobody_deletes_from_the_bill(reach: Reach) -> None:
    assert reach.may(DELETES) == set()


def test_only_the_seal_sets_how_long_a_version_stays(reach: Reach) -> None:
    assert reach.may(RETAINS) == {name_of(reach.stacks.config, "SealBillingData")}


def test_nobody_puts_an_end_to_the_key_of_the_bill(reach: Reach) -> None:
    assert reach.may_with_key(ENDS_KEY) == set()


def test_nobody_steps_into_the_role_of_a_reader(reach: Reach) -> None:
    config = reach.stacks.config
    for role in (*BILL_READERS, *([REPLICATION] if config.replica_region else [])):
        trust = reach.cloud.trusts[role_arn(config.finops_account, config, role)]
        people = [caller for caller in reach.callers if caller.arn or not caller.service]
        assert not [caller.name for caller in people if trust.lets(caller, "sts:AssumeRole")], role


def test_an_administrator_can_mend_the_guard_and_no_role_of_ours_can_loosen_it(reach: Reach) -> None:
    config = reach.stacks.config
    menders = {f"administrator of {config.finops_account}", "root user", "deployer"}
    # A role in the same account as an administrator may be one; we cannot see what an AWS-managed policy contains.
    managed = {c.name for c in reach.cloud.roles.values() if EVERYTHING in c.statements}
    assert menders <= reach.may(LOOSENS) <= menders | managed
    assert menders <= reach.may_with_key(["kms:PutKeyPolicy"]) <= menders | managed


@pytest.mark.parametrize("name", [name for name, config in ENVIRONMENTS.items() if config.replica_region])
def test_a_copy_of_the_bill_is_guarded_as_the_bill_is(stacks_of: Callable[[str], Stacks], name: str) -> None:
    reach = reach_of(stacks_of(name), copy=True)
    copies, readers = {name_of(reach.stacks.config, REPLICATION)}, set(reach.stacks.config.bill_readers)
    assert reach.may((*CONTENTS, *VERSIONS)) == readers
    assert reach.may_with_key(["kms:Decrypt"]) == readers | copies
    assert reach.may(WRITES) == copies
    assert reach.may_with_key(["kms:GenerateDataKey", "kms:Encrypt"]) == copies
    assert reach.may((*RETAINS, *DELETES)) == set()
    assert reach.may_with_key(ENDS_KEY) == set()


def without(stacks: Stacks, *sids: str) -> dict[str, Any]:
    """The templates without some statements of the data stack's policies."""
    templates = deepcopy(stacks.templates)
    removed = set()
    for resource in templates[f"Chargeback-{stacks.config.name}-Data"]["Resources"].values():
        document = resource.get("Properties", {}).get("PolicyDocument") or resource.get("Properties", {}).get(
            "KeyPolicy"
        )
        if document:
            removed |= {s["Sid"] for s in document["Statement"] if s.get("Sid") in sids}
            document["Statement"] = [s for s in document["Statement"] if s.get("Sid") not in sids]
    assert removed == set(sids), "a control that removes nothing shows nothing"
    return templates


@pytest.mark.parametrize(
    ("missing", "actions"),
    [
        ("OnlyReadersRead", CONTENTS),
        ("OnlyReadersRead", VERSIONS),
        ("OnlyReadersList", NAMES),
        ("NobodyDeletes", DELETES),
        ("OnlyTheRoleRetains", RETAINS),
    ],
)
def test_without_its_denial_an_administrator_would_get_there(
    stacks_of: Callable[[str], Stacks], missing: str, actions: tuple[str, ...]
) -> None:
    stacks = stacks_of("production")
    administrator = f"administrator of {stacks.config.finops_account}"
    assert administrator not in reach_of(stacks).may(actions)
    assert administrator in reach_of(stacks, templates=without(stacks, missing)).may(actions)


def test_either_of_the_two_denials_keeps_an_administrator_from_writing(stacks_of: Callable[[str], Stacks]) -> None:
    stacks = stacks_of("production")
    administrator = f"administrator of {stacks.config.finops_account}"
    both = ("OnlyTheServiceWrites", "OnlyForTheAccount")
    for one in both:
        assert administrator not in reach_of(stacks, templates=without(stacks, one)).may(WRITES)
    assert administrator in reach_of(stacks, templates=without(stacks, *both)).may(WRITES)


def data_resource(templates: dict[str, Any], stacks: Stacks, kind: str, construct: str) -> dict[str, Any]:
    resources = templates[f"Chargeback-{stacks.config.name}-Data"]["Resources"]
    (found,) = (r for name, r in resources.items() if r["Type"] == kind and name.startswith(construct))
    properties: dict[str, Any] = found["Properties"]
    return properties


def test_with_a_grant_that_forgets_the_payer_another_payers_exports_are_still_denied(
    stacks_of: Callable[[str], Stacks],
) -> None:
    stacks = stacks_of("production")
    forgetful = deepcopy(stacks.templates)
    careless = without(stacks, "OnlyForTheAccount")
    for templates in (forgetful, careless):
        policy = data_resource(templates, stacks, "AWS::S3::BucketPolicy", "Billing")
        (grant,) = (s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Allow")
        del grant["Condition"]
    assert reach_of(stacks, templates=forgetful).may(WRITES) == {"this payer's exports"}
    assert "another payer's exports" in reach_of(stacks, templates=careless).may(WRITES)


def test_with_a_key_that_the_account_administers_as_usual_an_administrator_would_decrypt(
    stacks_of: Callable[[str], Stacks],
) -> None:
    stacks = stacks_of("production")
    templates = deepcopy(stacks.templates)
    key = data_resource(templates, stacks, "AWS::KMS::Key", "BillingKey")
    (administration,) = (s for s in key["KeyPolicy"]["Statement"] if s["Sid"] == "Administration")
    administration["Action"] = "kms:*"
    administrator = f"administrator of {stacks.config.finops_account}"
    assert administrator in reach_of(stacks, templates=templates).may_with_key(DECRYPTS)
    assert administrator in reach_of(stacks, templates=templates).may_with_key(ENDS_KEY)


def test_a_role_of_any_stack_that_is_trusted_too_widely_would_be_found(stacks_of: Callable[[str], Stacks]) -> None:
    stacks = stacks_of("production")
    config = stacks.config
    templates = deepcopy(stacks.templates)
    for resource in templates[f"Chargeback-{config.name}-Pipeline"]["Resources"].values():
        if resource.get("Properties", {}).get("RoleName") == name_of(config, "SealBillingData"):
            (trust,) = resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            trust["Principal"] = {"AWS": f"arn:aws:iam::{config.finops_account}:root"}
    reach = reach_of(stacks, templates=templates)
    trust = reach.cloud.trusts[role_arn(config.finops_account, config, "SealBillingData")]
    callers = {caller.name for caller in reach.callers if trust.lets(caller, "sts:AssumeRole")}
    assert f"administrator of {config.finops_account}" in callers


def test_a_grant_in_a_bucket_policy_or_a_role_of_another_stack_would_be_found(
    stacks_of: Callable[[str], Stacks],
) -> None:
    stacks = stacks_of("production")
    templates = without(stacks, "OnlyReadersRead")
    statement = {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::*"}
    trust = {
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]
    }
    inline = [{"PolicyName": "p", "PolicyDocument": {"Statement": [statement]}}]
    spy = {
        "Type": "AWS::IAM::Role",
        "Properties": {"RoleName": "spy", "AssumeRolePolicyDocument": trust, "Policies": inline},
    }
    templates[f"Chargeback-{stacks.config.name}-Observability"]["Resources"]["Spy"] = spy
    policy = data_resource(templates, stacks, "AWS::S3::BucketPolicy", "Billing")
    everything = f"arn:aws:s3:::{billing_bucket(stacks.config)}/*"
    opened = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": everything}
    assert "spy" in reach_of(stacks, templates=templates).may(CONTENTS)
    policy["PolicyDocument"]["Statement"].append(opened)
    assert {"anybody", f"administrator of {'9' * 12}"} <= reach_of(stacks, templates=templates).may(CONTENTS)


@pytest.fixture(scope="module")
def with_readers(tmp_path_factory: pytest.TempPathFactory) -> Stacks:
    """Production with an analyst of the FinOps account, and two of the payer's whom two policies must let in: people
    who sign in through IAM Identity Center, whose roles have the longest names."""
    production = environment("production")
    path = "aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO"
    signed_in = [
        f"{path}_{access}_0123456789abcdef" for access in ("FinOpsAnalystReadOnlyAccess12345", "BillingAuditor")
    ]
    analysts = [f"arn:aws:iam::{production.finops_account}:role/analyst"]
    analysts += [f"arn:aws:iam::{production.payer_account}:role/{role}" for role in signed_in]
    config = production.model_copy(update={"bill_readers": tuple(analysts)})
    return synthesized(config, tmp_path_factory.mktemp("with-readers") / "assembly")


def test_a_reader_that_an_environment_lists_reads_the_bill_from_its_own_account_or_another(
    with_readers: Stacks,
) -> None:
    reach = reach_of(with_readers)
    analysts = set(with_readers.config.bill_readers)
    assert len(analysts) == 3
    assert analysts <= reach.may(["s3:GetObject"]) & reach.may_with_key(["kms:Decrypt"])
    assert reach.may(CONTENTS) == listed(reach, *READERS)
    assert not analysts & reach.may((*WRITES, *DELETES, *RETAINS))


def test_aws_config_has_room_for_the_most_that_readers_of_another_account_are_allowed(with_readers: Stacks) -> None:
    [parameters] = [
        rule.properties["InputParameters"]
        for rule in with_readers.of("AWS::Config::ConfigRule").values()
        if rule.properties["Source"]["SourceIdentifier"] == "S3_BUCKET_POLICY_NOT_MORE_PERMISSIVE"
    ]

    assert len(json.dumps(parameters, separators=(",", ":"))) <= 1024, "AWS Config takes no more"
    exports, readers = json.loads(parameters["controlPolicy"])["Statement"]
    assert exports["Principal"] == {"Service": "bcm-data-exports.amazonaws.com"}
    assert readers["Principal"] == {"AWS": f"arn:aws:iam::{with_readers.config.payer_account}:root"}
    assert "s3:PutObject" not in readers["Action"]
