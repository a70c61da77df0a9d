"""What the values of a policy must be to each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.shared.errors import InvalidPolicy
from tests.unit.shared.policy_sample import Change, defects, drop, load, put


def _center(center: str, **more: object) -> dict[str, object]:
    return {"id": center, "name": "Another", "business_unit": "claims", **more}


def _fixed(pool: str, **shares: str) -> dict[str, Any]:
    written = {key.replace("_", ":").replace("CC", "CC-"): value for key, value in shares.items()}
    return {"id": pool, "name": pool, "split": {"method": "fixed", "shares": written}}


@pytest.mark.parametrize(
    ("path", "value", "defect"),
    [
        ("rules.0.to", {"cost_center": "CC-9999"}, "rules[0].to.cost_center: CC-9999 is not a cost center"),
        ("rules.0.to", {"pool": "networks"}, "rules[0].to.pool: networks is not a pool"),
        ("charge_classes.tax", {"pool": "taxes"}, "charge_classes.tax.pool: taxes is not a pool"),
        (
            "charge_classes.tax",
            {"cost_center": "CC-9999"},
            "charge_classes.tax.cost_center: CC-9999 is not a cost center",
        ),
        ("cost_centers.1.business_unit", "sales", "cost_centers[1].business_unit: sales is not a business unit"),
        ("accounts.1.cost_center", "CC-9999", "accounts[1].cost_center: CC-9999 is not a cost center"),
        ("pools.0.split.driver", "seats", "pools[0].split.driver: seats is not a driver"),
        ("pools.3.split.among", ["CC-1001", "CC-9999"], "pools[3].split.among[1]: CC-9999 is not a cost center"),
        ("pools.3.split.among", ["CC-1001", "CC-1001"], "pools[3].split.among[1]: CC-1001 is named twice"),
        ("pools.1.split.shares", {"CC-9999": "1"}, "pools[1].split.shares.CC-9999: CC-9999 is not a cost center"),
        ("pools.1.split.shares", {"pool:x": "1"}, "pools[1].split.shares.pool:x: x is not a pool"),
        ("defaults.unowned_cost_center", "CC-9999", "defaults.unowned_cost_center: CC-9999 is not a cost center"),
    ],
)
def test_a_reference_to_nothing_is_named_with_its_path(path: str, value: object, defect: str) -> None:
    assert defects(put(path, value)) == [defect]


def test_references_use_ids_as_written_and_not_aliases() -> None:
    found = defects(put("accounts.0.cost_center", "CC 1001"))
    assert found == ["accounts[0].cost_center: CC 1001 is not a cost center"]


@pytest.mark.parametrize(
    ("section", "duplicate", "defect"),
    [
        ("business_units", {"id": "claims", "name": "Again"}, "business_units[2].id: claims is also the id of"),
        ("rules", {"id": "shared-logging", "match": {"service": ["x"]}, "to": {"owner": True}}, "rules[1].id: shared-"),
        ("accounts", {"id": "111122223333", "name": "again"}, "accounts[2].id: 111122223333 is also the id of"),
        ("pools", {"id": "untagged", "name": "Again", "split": {"method": "even"}}, "pools[5].id: untagged is also"),
    ],
)
def test_an_id_declared_twice_is_refused(section: str, duplicate: object, defect: str) -> None:
    (found,) = defects(lambda document: document[section].append(duplicate))
    assert found.startswith(defect)


@pytest.mark.parametrize("pool", ["untagged", "untaggable", "unrecognized"])
def test_the_pools_of_owner_resolution_must_exist(pool: str) -> None:
    def without(document: dict[str, Any]) -> None:
        document["pools"] = [one for one in document["pools"] if one["id"] != pool]

    found = defects(without, put("charge_classes.tax", {"pool": "support"}))
    assert found == [f"pools: {pool} is not declared; owner resolution needs untagged, untaggable, unrecognized"]


@pytest.mark.parametrize(
    ("shares", "added"),
    [
        ({"CC-1001": "0.7", "CC-1002": "0.2"}, "0.9"),
        ({"CC-1001": "0.7", "CC-1002": "0.4"}, "1.1"),
        ({"CC-1001": "0.333333", "CC-1002": "0.666666"}, "0.999999"),
        ({"CC-1001": "0"}, "0"),
    ],
)
def test_fixed_shares_add_up_to_exactly_one(shares: dict[str, str], added: str) -> None:
    assert defects(put("pools.1.split.shares", shares)) == [f"pools[1].split.shares: add up to {added}, not 1"]


def test_thirds_may_be_written_with_the_rest_in_one_of_them() -> None:
    shares = {"CC-1001": "0.333333", "CC-1002": "0.333333", "CC-9000": "0.333334"}
    assert defects(put("pools.1.split.shares", shares)) == []


@pytest.mark.parametrize(
    ("pools", "found"),
    [
        ([_fixed("network", pool_network="1")], ["pools: network → network is a cycle"]),
        (
            [_fixed("network", CC1001="0.5", pool_logs="0.5"), _fixed("logs", pool_network="1")],
            ["pools: network → logs → network is a cycle"],
        ),
        (
            [_fixed("start", pool_a="1"), _fixed("a", pool_b="1"), _fixed("b", pool_c="1"), _fixed("c", pool_a="1")],
            ["pools: a → b → c → a is a cycle"],
        ),
        (
            [_fixed("a", pool_a="1"), _fixed("b", pool_c="0.5", pool_untagged="0.5"), _fixed("c", pool_b="1")],
            ["pools: a → a is a cycle", "pools: b → c → b is a cycle"],
        ),
    ],
)
def test_pools_that_feed_each_other_in_a_circle_are_refused(pools: list[Any], found: list[str]) -> None:
    assert defects(lambda document: document["pools"].extend(pools)) == found


def test_pools_may_meet_again_without_being_a_circle() -> None:
    pools = [_fixed("top", pool_a="0.5", pool_b="0.5"), _fixed("a", pool_b="1"), _fixed("b", CC1001="1")]
    assert defects(lambda document: document["pools"].extend(pools)) == []


def test_valid_to_before_valid_from_is_refused_and_one_month_is_enough() -> None:
    found = defects(put("cost_centers.1.valid_from", "2026-03"), put("cost_centers.1.valid_to", "2026-02"))
    assert "cost_centers[1].valid_to: 2026-02 is before valid_from 2026-03" in found
    assert defects(put("cost_centers.1.valid_from", "2026-05"), put("cost_centers.1.valid_to", "2026-05")) == []


@pytest.mark.parametrize(
    ("center", "defect"),
    [
        (
            _center("CC-1003", aliases=["cc 1001 "]),
            'cost_centers[3].aliases[0]: "cc 1001 " is also an alias of CC-1001',
        ),
        (_center("CC-1003", aliases=["cc-1001"]), 'cost_centers[3].aliases[0]: "cc-1001" is also the id of CC-1001'),
        (_center("cc 1001"), 'cost_centers[3].id: "cc 1001" is also an alias of CC-1001'),
        (_center("cc-1001"), 'cost_centers[3].id: "cc-1001" is also the id of CC-1001'),
        (_center("CC-1001"), 'cost_centers[3].id: "CC-1001" is also the id of cost_centers[0]'),
        (
            _center("CC-1003", aliases=["CC 1001"], valid_from="2026-01"),
            'cost_centers[3].aliases[0]: "CC 1001" is also an alias of CC-1001 from 2026-01',
        ),
    ],
)
def test_a_tag_value_means_one_cost_center_however_it_is_spelled(center: dict[str, object], defect: str) -> None:
    assert defects(put("cost_centers.3", center)) == [defect]


def test_spellings_are_compared_in_their_composed_form() -> None:
    composed, decomposed = "Santé", "SANTE\u0301"
    found = defects(put("cost_centers.1.aliases", [composed]), put("cost_centers.2.aliases", [decomposed]))
    assert found == [f'cost_centers[2].aliases[0]: "{decomposed}" is also an alias of CC-1002']


def test_a_spelling_may_pass_on_once_its_cost_center_has_ended() -> None:
    ended = put("cost_centers.0.valid_to", "2026-05")
    assert defects(ended, put("cost_centers.3", _center("X", aliases=["CC 1001"], valid_from="2026-06"))) == []
    assert defects(ended, put("cost_centers.3", _center("X", aliases=["CC 1001"], valid_from="2026-05"))) == [
        'cost_centers[3].aliases[0]: "CC 1001" is also an alias of CC-1001 from 2026-05'
    ]


def test_a_cost_center_may_move_to_another_business_unit_from_one_month_to_the_next() -> None:
    moved = {**_center("CC-1001", valid_from="2026-06"), "business_unit": "finance"}
    assert defects(put("cost_centers.0.valid_to", "2026-05"), put("cost_centers.3", moved)) == []


def test_a_cost_center_may_repeat_its_own_spelling() -> None:
    assert defects(put("cost_centers.0.aliases", ["cc-1001", "CC 1001", "cc 1001"])) == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (
            [put("tags.mandatory", ["cost-center", "Cost Center"])],
            ["tags.mandatory[1]: Cost Center and cost-center are both user_cost_center in the export"],
        ),
        (
            [put("tags.owner", "COST-CENTER")],
            ["tags.mandatory[0]: cost-center and COST-CENTER are both user_cost_center in the export"],
        ),
        (
            [put("rules.0.match", {"tag": {"Environment": ["prod"]}})],
            ["rules[0].match.tag.Environment: Environment and environment are both user_environment in the export"],
        ),
        ([put("tags.mandatory", ["team", "team"])], ["tags.mandatory[1]: team is named twice"]),
    ],
)
def test_two_tag_keys_that_the_export_spells_alike_are_refused(changes: list[Change], found: list[str]) -> None:
    assert defects(*changes) == found


def test_every_defect_is_reported_at_once_the_form_and_the_references_together() -> None:
    changes = [
        put("organization.billing_currency", "dollars"),
        put("cost_centers.1.name", 7),
        put("accounts.0.cost_center", "CC-9999"),
        drop("charge_classes.tax"),
        put("rules.0", {"id": "r", "match": {}, "to": {"pool": "nowhere"}}),
        put("pools.1.split.shares", {"CC-1002": "0.9"}),
    ]
    bad_row = {"headcount.csv": "billing_period,cost_center,value\n2026-05,CC-1001,-1\n"}
    found = defects(*changes, drivers=bad_row)
    assert [one.partition(": ")[0] for one in found] == [
        "organization.billing_currency",
        "cost_centers[1].name",
        "charge_classes",
        "rules[0].match",
        "accounts[0].cost_center",
        "rules[0].to.pool",
        "pools[1].split.shares",
        "headcount.csv line 2",
    ]


def test_a_defect_inside_a_cost_center_does_not_make_every_mention_of_it_a_defect() -> None:
    assert defects(put("cost_centers.0.name", 7)) == ["cost_centers[0].name: 7 is a number: write it in quotes"]


def test_the_error_is_one_line_that_names_the_file_and_counts_the_defects() -> None:
    with pytest.raises(InvalidPolicy) as refused:
        load(put("rules.0.to", {"pool": "x"}), put("defaults.unowned_cost_center", "y"))
    assert str(refused.value) == (
        "policy.yaml: 2 defects: rules[0].to.pool: x is not a pool; "
        "defaults.unowned_cost_center: y is not a cost center"
    )
    assert type(refused.value) is InvalidPolicy


def test_the_line_stays_readable_when_there_are_hundreds_of_defects_and_the_list_has_them_all() -> None:
    centers = [_center(f"X-{number}", business_unit="nobody") for number in range(300)]
    with pytest.raises(InvalidPolicy) as refused:
        load(lambda document: document["cost_centers"].extend(centers))
    assert str(refused.value).startswith("policy.yaml: 300 defects: cost_centers[3].business_unit: nobody")
    assert str(refused.value).endswith("; and 250 more")
    assert len(refused.value.defects) == 300  # type: ignore[attr-defined]


def test_the_error_stays_one_line_whatever_the_policy_contains() -> None:
    rule = {"id": "a\nb", "match": {"service": ["x"]}, "to": {"owner": True}}
    with pytest.raises(InvalidPolicy) as refused:
        load(put("rules.0", rule), put("rules.1", rule))
    assert "\n" not in str(refused.value)


def test_a_rule_cannot_give_the_commitment_bridge_to_the_owner_of_a_line() -> None:
    def rule(document: dict[str, Any]) -> None:
        to_owner = {"id": "bridge", "match": {"charge_class": ["commitment_bridge"]}, "to": {"owner": True}}
        document["rules"].append(to_owner)

    (found,) = defects(rule)
    assert found.endswith("commitment_bridge goes to a pool or a cost center, never to the owner of a line")


def test_pools_can_feed_each_other_over_as_many_levels_as_can_be_split() -> None:
    def chain(length: int) -> Callable[[dict[str, Any]], None]:
        def extend(document: dict[str, Any]) -> None:
            for i in range(length - 1):
                split = {"method": "fixed", "shares": {f"pool:chain-{i + 1}": "1"}}
                document["pools"].append({"id": f"chain-{i}", "name": "Chain", "split": split})
            last = {"id": f"chain-{length - 1}", "name": "Chain", "split": {"method": "proportional"}}
            document["pools"].append(last)

        return extend

    assert defects(chain(32)) == []
    assert defects(chain(33)) == ["pools: feed each other over 33 levels; at most 32 can be split"]
