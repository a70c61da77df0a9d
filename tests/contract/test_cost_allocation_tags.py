"""Cost Explorer's tags in the local cloud answer as AWS documents them, in this process and over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws.cloud import LocalCloud
from local.aws.cost_allocation_tags import MOST_KEYS_ASKED, MOST_KEYS_CHANGED, PayerTags
from local.aws.endpoint import Endpoint
from local.aws.patching import Patches

NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)
APRIL = "2026-04-01T00:00:00Z"


class Clock:
    """The time that the tests tell."""

    now = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_days(self, days: float) -> None:
        self.now += timedelta(days=days)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path_factory.mktemp("payer") / "state") as running:
        yield running


@pytest.fixture(scope="module")
def endpoint(cloud: LocalCloud) -> Iterator[Endpoint]:
    with Endpoint(cloud) as serving:
        yield serving


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tags(cloud: LocalCloud, clock: Clock) -> Iterator[PayerTags]:  # noqa: ARG001 - where they are
    tags, patches = PayerTags(clock), Patches()
    tags.install(patches)
    yield tags
    patches.undo()


@pytest.fixture(params=["in this process", "over HTTP"])
def ce(request: pytest.FixtureRequest, tags: PayerTags, cloud: LocalCloud, endpoint: Endpoint) -> Any:  # noqa: ARG001
    if request.param == "over HTTP":
        return endpoint.client("ce", "us-east-1")
    return cloud.client("ce")


def activate(ce: Any, *keys: str, status: str = "Active") -> list[dict[str, str]]:
    asked = [{"TagKey": key, "Status": status} for key in keys]
    errors: list[dict[str, str]] = ce.update_cost_allocation_tags_status(CostAllocationTagsStatus=asked)["Errors"]
    return errors


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    """The code and the message with which a call is refused."""
    with pytest.raises(ClientError) as refused:
        call()
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_tag_is_listed_once_billed_usage_carries_it_and_is_inactive_at_first(ce: Any, tags: PayerTags) -> None:
    assert ce.list_cost_allocation_tags()["CostAllocationTags"] == []
    tags.appear("cost-center")

    [tag] = ce.list_cost_allocation_tags(TagKeys=["cost-center", "environment"])["CostAllocationTags"]
    assert tag == {"TagKey": "cost-center", "Type": "UserDefined", "Status": "Inactive"}


def test_a_tag_says_when_its_status_changed_and_only_when_it_did(ce: Any, tags: PayerTags, clock: Clock) -> None:
    tags.appear("cost-center")
    for _ in range(2):
        assert activate(ce, "cost-center") == []
        clock.pass_days(1)

    [tag] = ce.list_cost_allocation_tags(Status="Active")["CostAllocationTags"]
    assert tag["LastUpdatedDate"] == "2026-05-20T12:00:00Z"
    activate(ce, "cost-center", status="Inactive")
    [tag] = ce.list_cost_allocation_tags(Status="Inactive")["CostAllocationTags"]
    assert tag["LastUpdatedDate"] == "2026-05-22T12:00:00Z"


def test_an_unknown_key_among_known_ones_is_an_error_of_its_own(ce: Any, tags: PayerTags) -> None:
    tags.appear("cost-center")

    [error] = activate(ce, "cost-center", "tagC")
    assert error == {
        "TagKey": "tagC",
        "Code": "TagKeysNotFoundException",
        "Message": "Failed to update Cost Allocation Tag: tagC",
    }
    assert tags.active == {"cost-center"}


def test_a_request_of_unknown_keys_alone_is_refused(ce: Any) -> None:
    code, message = refusal(lambda: activate(ce, "Platform", "AgentName"))
    assert code == "ValidationException"
    assert message == "Failed to update Cost Allocation Tag: Tag keys not found: Platform,AgentName"


def test_too_many_keys_at_once_are_refused(ce: Any, tags: PayerTags) -> None:
    keys = [f"key-{number}" for number in range(MOST_KEYS_ASKED + 1)]
    tags.appear(*keys)

    assert activate(ce, *keys[:MOST_KEYS_CHANGED]) == []
    assert refusal(lambda: activate(ce, *keys[: MOST_KEYS_CHANGED + 1]))[0] == "ValidationException"
    assert len(tags.active) == MOST_KEYS_CHANGED
    assert refusal(lambda: ce.list_cost_allocation_tags(TagKeys=keys))[0] == "ValidationException"


def test_a_long_list_comes_in_pages(ce: Any, tags: PayerTags) -> None:
    keys = sorted(f"key-{number:03}" for number in range(7))
    tags.appear(*keys)
    listed: list[str] = []
    token: dict[str, str] = {}
    sizes: list[int] = []
    while not sizes or token:
        page = ce.list_cost_allocation_tags(MaxResults=3, **token)
        listed += [tag["TagKey"] for tag in page["CostAllocationTags"]]
        sizes.append(len(page["CostAllocationTags"]))
        token = {"NextToken": page["NextToken"]} if "NextToken" in page else {}

    assert (listed, sizes) == (keys, [3, 3, 1])
    assert refusal(lambda: ce.list_cost_allocation_tags(NextToken="?"))[0] == "InvalidNextTokenException"


def test_a_backfill_runs_until_it_ends_and_is_in_the_history(ce: Any, tags: PayerTags, clock: Clock) -> None:
    tags.appear("cost-center")
    activate(ce, "cost-center")

    begun = ce.start_cost_allocation_tag_backfill(BackfillFrom=APRIL)["BackfillRequest"]
    assert begun == {
        "BackfillFrom": APRIL,
        "BackfillStatus": "PROCESSING",
        "RequestedAt": "2026-05-20T12:00:00Z",
        "LastUpdatedAt": "2026-05-20T12:00:00Z",
    }
    clock.pass_days(1)
    tags.end_backfill()
    [ended] = ce.list_cost_allocation_tag_backfill_history()["BackfillRequests"]
    assert (ended["BackfillStatus"], ended["CompletedAt"]) == ("SUCCEEDED", "2026-05-21T12:00:00Z")


def test_while_a_backfill_runs_no_other_one_is_taken(ce: Any, clock: Clock) -> None:
    ce.start_cost_allocation_tag_backfill(BackfillFrom=APRIL)
    clock.pass_days(3)

    code, message = refusal(lambda: ce.start_cost_allocation_tag_backfill(BackfillFrom=APRIL))
    assert (code, message) == ("BackfillLimitExceededException", "A request to backfill is already in progress.")


def test_one_backfill_is_taken_in_24_hours(ce: Any, tags: PayerTags, clock: Clock) -> None:
    tags.appear("cost-center")
    ce.start_cost_allocation_tag_backfill(BackfillFrom=APRIL)
    tags.end_backfill()
    clock.pass_days(0.9)
    activate(ce, "cost-center")
    assert refusal(lambda: ce.start_cost_allocation_tag_backfill(BackfillFrom=APRIL))[0].startswith("BackfillLimit")

    clock.pass_days(0.1)
    begun = ce.start_cost_allocation_tag_backfill(BackfillFrom=APRIL)["BackfillRequest"]
    assert begun["BackfillStatus"] == "PROCESSING"


def test_a_backfill_that_would_change_nothing_is_skipped_for_the_last_one(
    ce: Any, tags: PayerTags, clock: Clock
) -> None:
    ce.start_cost_allocation_tag_backfill(BackfillFrom=APRIL)
    tags.end_backfill()
    clock.pass_days(5)

    answered = ce.start_cost_allocation_tag_backfill(BackfillFrom=APRIL)["BackfillRequest"]
    assert (answered["BackfillStatus"], answered["RequestedAt"]) == ("SUCCEEDED", "2026-05-20T12:00:00Z")
    assert len(ce.list_cost_allocation_tag_backfill_history()["BackfillRequests"]) == 1


def test_a_backfill_that_failed_can_be_asked_for_again(ce: Any, tags: PayerTags, clock: Clock) -> None:
    ce.start_cost_allocation_tag_backfill(BackfillFrom=APRIL)
    tags.end_backfill("FAILED")
    clock.pass_days(1)

    ce.start_cost_allocation_tag_backfill(BackfillFrom=APRIL)
    history = ce.list_cost_allocation_tag_backfill_history()["BackfillRequests"]
    assert [entry["BackfillStatus"] for entry in history] == ["PROCESSING", "FAILED"]


@pytest.mark.parametrize("since", ["2026-05-01T00:00:00Z", "2025-05-01T00:00:00Z", "2025-12-31T19:00:00-05:00"])
def test_a_backfill_begins_with_a_month_at_most_a_year_ago(ce: Any, since: str) -> None:
    assert (
        ce.start_cost_allocation_tag_backfill(BackfillFrom=since)["BackfillRequest"]["BackfillStatus"] == "PROCESSING"
    )


@pytest.mark.parametrize(
    "since", ["2026-04-02T00:00:00Z", "2026-04-01T00:00:01Z", "2026-06-01T00:00:00Z", "2025-04-01T00:00:00Z"]
)
def test_a_backfill_of_anything_else_is_refused(ce: Any, since: str) -> None:
    assert refusal(lambda: ce.start_cost_allocation_tag_backfill(BackfillFrom=since))[0] == "ValidationException"


def test_an_account_that_is_not_the_payers_is_refused_everything(ce: Any, tags: PayerTags) -> None:
    tags.refuse("AccessDeniedException", "Linked account doesn't have access to cost allocation tags.")

    for call in (ce.list_cost_allocation_tags, ce.list_cost_allocation_tag_backfill_history):
        assert refusal(call)[0] == "AccessDeniedException"


def test_what_moto_answers_itself_it_still_answers(ce: Any) -> None:
    rule = {"Value": "claims", "Rule": {"Tags": {"Key": "cost-center", "Values": ["CC-1001"]}}}
    created = ce.create_cost_category_definition(
        Name="business unit", RuleVersion="CostCategoryExpression.v1", Rules=[rule]
    )
    assert created["CostCategoryArn"].startswith("arn:aws:ce::")


def test_a_new_cloud_knows_no_tag(tmp_path: Path) -> None:
    with LocalCloud(tmp_path / "state") as cloud:
        cloud.accept_stacks()
        assert cloud.client("ce").list_cost_allocation_tags()["CostAllocationTags"] == []
