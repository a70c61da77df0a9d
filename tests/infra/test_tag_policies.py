"""AWS Organizations asks for the tags that the chargeback policy bills by, spelt as it spells them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from functions.shared.adapters.policy_source import PolicySource
from functions.shared.policy import load_policy
from functions.shared.policy.model import PolicyDocument
from infra.constructs.tag_policy import LONGEST_DOCUMENT, tag_policy, written
from local.assembly import ROOT
from tests.infra.stacks import Stacks

SOURCE = PolicySource.from_folder(ROOT / "policy" / "meridian.yaml")
POLICY = load_policy(SOURCE.text, SOURCE.drivers).document


def changed(**blocks: Any) -> PolicyDocument:
    return PolicyDocument.model_validate(yaml.safe_load(SOURCE.text) | blocks)


def centers(number: int) -> list[dict[str, str]]:
    return [{"id": f"CC-{n:05d}", "name": "one of many", "business_unit": "claims"} for n in range(number)]


def test_the_organisation_has_the_tag_policy_of_the_chargeback_policy(stacks_of: Callable[[str], Stacks]) -> None:
    [policy] = stacks_of("production").of("AWS::Organizations::Policy").values()

    assert policy.name == "TagPolicies/TagPolicy"
    assert policy.properties["Type"] == "TAG_POLICY"
    assert policy.properties["TargetIds"] == ["r-ab12"]
    assert policy.properties["Content"] == tag_policy(POLICY)
    assert not stacks_of("startup").of("AWS::Organizations::Policy"), "only where it is asked for"


def test_every_mandatory_tag_has_its_spelling_and_the_owner_tag_its_values() -> None:
    tags = tag_policy(POLICY)["tags"]

    assert {key: tag["tag_key"]["@@assign"] for key, tag in tags.items()} == {
        key: key for key in ("cost-center", "business-unit", "environment", "application")
    }
    assert [key for key, tag in tags.items() if "tag_value" in tag] == ["cost-center"]
    values = tags["cost-center"]["tag_value"]["@@assign"]
    assert {"CC-1001", "CC 1001", "CC-1705"} <= set(values), "ids and aliases"
    assert not {"CC-1005", "CC-2199"} & set(values), "cost centers that have ended"


def test_an_owner_tag_that_is_not_mandatory_is_in_it_all_the_same() -> None:
    tags = {"owner": "cost-center", "mandatory": ["environment"], "untagged_threshold": "0.05"}
    assert list(tag_policy(changed(tags=tags))["tags"]) == ["cost-center", "environment"]


def test_it_reports_only_unless_it_is_enforced_for_resource_types(stacks_of: Callable[[str], Stacks]) -> None:
    assert "enforced_for" not in written(tag_policy(POLICY))

    [rehearsed] = stacks_of("rehearsal").of("AWS::Organizations::Policy").values()
    enforced = [tag["enforced_for"] for tag in rehearsed.properties["Content"]["tags"].values()]
    assert enforced == [{"@@assign": ["ec2:instance"]}] * 4


@pytest.mark.parametrize(("number", "has_values"), [(700, True), (2_000, False)])
def test_values_are_left_out_when_organizations_would_not_take_the_document(number: int, has_values: bool) -> None:
    document = tag_policy(changed(cost_centers=centers(number)))

    assert ("tag_value" in document["tags"]["cost-center"]) == has_values
    assert len(written(document)) <= LONGEST_DOCUMENT


def test_keys_that_are_too_long_by_themselves_are_refused_with_what_to_do() -> None:
    tags = {"owner": "cost-center", "mandatory": [f"key-{n}" for n in range(300)], "untagged_threshold": "0.05"}
    with pytest.raises(ValueError, match=r"301 tag keys make a tag policy of \d+ characters.*make fewer tags mandat"):
        tag_policy(changed(tags=tags))
