"""What a policy file must look like before its values are compared with each other."""

from __future__ import annotations

import pytest

from functions.shared.errors import InvalidPolicy
from functions.shared.policy import driver_files, load_policy
from tests.unit.shared.policy_sample import HEADCOUNT, defects, drop, put, sample, sample_text, text_defects


def test_the_sample_policy_is_valid() -> None:
    assert text_defects(sample_text()) == []


@pytest.mark.parametrize(
    ("text", "defect"),
    [
        ("", "is not a policy: the file holds no mapping"),
        ("- a list", "is not a policy: the file holds no mapping"),
        ("just words", "is not a policy: the file holds no mapping"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1: is not YAML: but found another document"),
        ("a: *nowhere", "line 1, column 4: is not YAML: found undefined alias"),
        ("a: !!python/name:os.system x", "line 1, column 4: is not YAML: could not determine a constructor"),
        ("a: &loop {b: *loop}", "cannot be read as YAML: a.b contains itself"),
        ("? [x]\n: 1", "cannot be read as YAML: the file has a key that is a list or mapping"),
        ("a: 2026-99-99", "cannot be read as YAML: month must be in 1..12"),
        ("a: \x00", "is not YAML: unacceptable character #x0000"),
    ],
)
def test_a_file_that_is_no_yaml_mapping_is_refused_with_its_place(text: str, defect: str) -> None:
    (found,) = text_defects(text)
    assert found.startswith(defect)
    with pytest.raises(InvalidPolicy):
        driver_files(text)


def test_a_key_written_twice_is_refused_although_yaml_would_keep_the_last() -> None:
    text = sample_text() + "defaults: {unowned_cost_center: CC-1001}\n"
    assert text_defects(text) == ["defaults: is written twice, again in line 36"]


def test_a_key_written_twice_deep_inside_is_named_with_its_path() -> None:
    text = sample_text().replace("tax: {pool: untaggable}", "tax: {pool: untaggable, pool: support}")
    assert text_defects(text) == ["charge_classes.tax.pool: is written twice, again in line 18"]


def test_a_key_that_yaml_reads_as_a_boolean_or_number_must_be_quoted() -> None:
    text = sample_text().replace('account: ["999988887777"]', "tag: {on: [x], 7: [y]}")
    assert text_defects(text) == [
        'rules[0].match.tag.on: the key on is not text: write "on", in quotes',
        'rules[0].match.tag.7: the key 7 is not text: write "7", in quotes',
    ]


@pytest.mark.parametrize(
    ("written", "instead", "defect"),
    [
        ('"0.7"', "0.7", 'pools[1].split.shares.CC-1001: 0.7 is a number: write it in quotes, as "0.7"'),
        ('"0.05"', "0.05", 'tags.untagged_threshold: 0.05 is a number: write it in quotes, as "0.05"'),
        ('"111122223333"', "111122223333", "accounts[0].id: 111122223333 is a number: write it in quotes"),
        ('["CC 1001"]', "[1001]", "cost_centers[0].aliases[0]: 1001 is a number: write it in quotes"),
        ("name: Payments", "name: no", "cost_centers[1].name: false is a boolean: write it in quotes"),
        ("name: Payments", "name: ~", "cost_centers[1].name: is empty, not text"),
        ("name: Payments", "name: [x]", "cost_centers[1].name: this is a list, not text"),
        (
            "name: Payments",
            "name: Payments, valid_from: 2026-01-01",
            "cost_centers[1].valid_from: 2026-01-01 is a date: write a month, as 2026-01",
        ),
    ],
)
def test_text_that_yaml_reads_as_something_else_is_refused_with_the_remedy(
    written: str, instead: str, defect: str
) -> None:
    assert text_defects(sample_text().replace(written, instead, 1)) == [defect]


def test_a_month_needs_no_quotes() -> None:
    text = sample_text().replace("name: Payments", "name: Payments, valid_from: 2026-01, valid_to: 2026-12", 1)
    center = load_policy(text, HEADCOUNT).document.cost_centers[1]
    assert (center.valid_from, center.valid_to) == ("2026-01", "2026-12")


@pytest.mark.parametrize(
    ("path", "value", "defect"),
    [
        ("schema_version", 2, "schema_version: 2 is not 1"),
        ("cost_basis", "amortized", "cost_basis: 'amortized' is not 'effective' or 'billed'"),
        ("surprise", 1, "surprise: is not a key of the policy format"),
        ("organization.vat", "x", "organization.vat: is not a key of the policy format"),
        ("organization.billing_currency", "usd", "organization.billing_currency: 'usd' is not an ISO 4217 currency"),
        ("organization.name", "  ", "organization.name: is empty"),
        ("tags.untagged_threshold", "1.01", "tags.untagged_threshold: 1.01 is not between 0 and 1"),
        ("tags.untagged_threshold", "5%", "tags.untagged_threshold: '5%' is not a plain decimal such as 0.25"),
        ("tags.untagged_threshold", "NaN", "tags.untagged_threshold: 'NaN' is not a plain decimal such as 0.25"),
        ("tags.mandatory", "cost-center", "tags.mandatory: 'cost-center' is text, not a list"),
        ("business_units.1.id", "", "business_units[1].id: is empty"),
        ("business_units.1.id", "a/b", "business_units[1].id: 'a/b' cannot name a statement file"),
        ("business_units.1.id", "../x", "business_units[1].id: '../x' cannot name a statement file"),
        ("rules", None, "rules: is empty, not a list"),
        ("rules.0", "all of it", "rules[0]: 'all of it' is text, not a mapping"),
        ("rules.0.id", "a\tb", "rules[0].id: 'a\\tb' contains a control or invisible character"),
        ("rules.0.id", "zero\u200bwidth", "rules[0].id: 'zero\\u200bwidth' contains a control or invisible"),
        ("rules.0.id", " x", "rules[0].id: ' x' begins or ends with a space"),
        ("rules.0.match", {}, "rules[0].match: is empty: name at least one of account, service,"),
        ("rules.0.match", {"service": []}, "rules[0].match.service: is empty: name at least one"),
        ("rules.0.match", {"service": "AWSGlue"}, "rules[0].match.service: 'AWSGlue' is text, not a list"),
        ("rules.0.match", {"region": ["x"]}, "rules[0].match.region: is not a key of the policy format"),
        ("rules.0.match", {"charge_class": ["taxes"]}, "rules[0].match.charge_class[0]: 'taxes' is not 'usage', 'tax'"),
        ("rules.0.match", {"account": ["1"]}, "rules[0].match.account[0]: '1' is not an AWS account id of 12 digits"),
        ("rules.0.match", {"tag": {"team": ["  "]}}, "rules[0].match.tag.team[0]: is empty"),
        ("rules.0.to", {}, "rules[0].to: needs exactly one of pool, cost_center, or owner: true"),
        (
            "rules.0.to",
            {"pool": "logging", "owner": True},
            "rules[0].to: needs exactly one of pool, cost_center, or owner: true",
        ),
        ("rules.0.to", {"owner": False}, "rules[0].to.owner: false is not true"),
        ("rules.0.to", {"team": "x"}, "rules[0].to.team: is not a key of the policy format"),
        ("charge_classes.taxes", {"owner": True}, "charge_classes.taxes: is not a charge class; they are usage, tax,"),
        (
            "charge_classes.commitment_bridge",
            {"owner": True},
            "charge_classes.commitment_bridge: goes to a pool or a cost center, never to the owner of a line",
        ),
        ("accounts.0.id", "1111", "accounts[0].id: '1111' is not an AWS account id of 12 digits"),
        ("cost_centers.1.valid_from", "2026-13", "cost_centers[1].valid_from: '2026-13' is not a month of the form"),
        ("cost_centers.1.id", "pool:x", "cost_centers[1].id: 'pool:x' begins with 'pool:', which marks a pool"),
        ("cost_centers.1.aliases", [" "], "cost_centers[1].aliases[0]: is empty"),
        ("cost_centers", [], "cost_centers: is empty: name at least one"),
        ("pools.2.split", {"method": "evenly"}, "pools[2].split.method: 'evenly' is not one of proportional, even,"),
        ("pools.2.split", {}, "pools[2].split.method: is missing; one of proportional, even, fixed, driver"),
        (
            "pools.2.split",
            {"method": "even", "shares": {"CC-1001": "1"}},
            "pools[2].split.shares: does not belong to method even",
        ),
        (
            "pools.2.split",
            {"method": "proportional", "driver": "headcount"},
            "pools[2].split.driver: does not belong to method proportional",
        ),
        (
            "pools.2.split",
            {"method": "fixed", "shares": {"CC-1001": "1"}, "among": ["CC-1001"]},
            "pools[2].split.among: does not belong to method fixed",
        ),
        ("pools.2.split", {"method": "fixed"}, "pools[2].split.shares: is missing"),
        ("pools.2.split", {"method": "fixed", "shares": {}}, "pools[2].split.shares: is empty: name at least one"),
        ("pools.2.split", {"method": "driver"}, "pools[2].split.driver: is missing"),
        ("pools.2.split", {"method": "even", "among": []}, "pools[2].split.among: is empty: name at least one"),
        ("pools.1.split.shares", {"CC-1001": "-1"}, "pools[1].split.shares.CC-1001: '-1' is not a plain decimal"),
        ("pools.1.split.shares", {"CC-1001": "2"}, "pools[1].split.shares.CC-1001: 2 is not between 0 and 1"),
        ("drivers.headcount", "headcount.csv", "drivers.headcount: 'headcount.csv' is text, not a mapping"),
        ("drivers.headcount.file", "../x.csv", "drivers.headcount.file: '../x.csv' is not a path below the policy's"),
        ("drivers.headcount.file", "/x.csv", "drivers.headcount.file: '/x.csv' is not a path below the policy's"),
        ("invoice_tolerance", "0.005", "invoice_tolerance: 0.005 is not a whole number of cents"),
        ("invoice_tolerance", "-1.00", "invoice_tolerance: '-1.00' is not a plain decimal such as 0.25"),
    ],
)
def test_a_value_of_the_wrong_form_is_named_with_its_path(path: str, value: object, defect: str) -> None:
    found = defects(put(path, value))
    assert [one for one in found if one.startswith(defect)], found


@pytest.mark.parametrize(
    ("path", "defect"),
    [
        ("organization", "organization: is missing"),
        ("tags.owner", "tags.owner: is missing"),
        ("tags.untagged_threshold", "tags.untagged_threshold: is missing"),
        ("cost_centers.1.business_unit", "cost_centers[1].business_unit: is missing"),
        ("charge_classes.tax", "charge_classes: tax is not declared"),
        ("charge_classes.commitment_bridge", "charge_classes: commitment_bridge is not declared"),
        ("rules.0.to", "rules[0].to: is missing"),
        ("pools.1.split", "pools[1].split: is missing"),
        ("defaults.unowned_cost_center", "defaults.unowned_cost_center: is missing"),
    ],
)
def test_a_value_that_is_missing_is_named_with_its_path(path: str, defect: str) -> None:
    assert defect in defects(drop(path))


def test_a_policy_may_leave_out_what_has_a_default() -> None:
    text = sample(drop("cost_basis"), drop("accounts"), drop("rules"))
    document = load_policy(text, HEADCOUNT).document
    assert (document.cost_basis, document.accounts, document.rules) == ("effective", (), ())
    assert str(document.invoice_tolerance) == "0.00"


def test_the_driver_files_to_read_are_listed_once_each_and_only_below_the_policy() -> None:
    drivers = {
        "headcount": {"file": "drivers/headcount.csv"},
        "seats": {"file": "seats.csv"},
        "desks": {"file": "seats.csv"},
        "outside": {"file": "../secrets.csv"},
        "broken": {},
    }
    assert driver_files(sample(put("drivers", drivers))) == ["drivers/headcount.csv", "seats.csv"]
    assert driver_files(sample(drop("drivers"))) == []
