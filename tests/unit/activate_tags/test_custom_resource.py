"""CloudFormation always gets its answer: that the tags are looked after, or in one line why not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.activate_tags.logic import Activation
from functions.activate_tags.resource import PHYSICAL_ID, TagRequest, failed, succeeded
from functions.shared.adapters.cloudformation import send_answer
from functions.shared.errors import AnswerNotDelivered
from local.aws.cost_allocation_tags import PayerTags
from local.aws.patching import Patches
from local.aws.resources_custom import LONGEST_ANSWER, mailbox
from tests.unit.function_bench import VALUES, FunctionBench

QUESTION = {
    "StackId": "arn:aws:cloudformation:us-east-1:111111111111:stack/Chargeback-production-BillingSource/1",
    "RequestId": "2f1a",
    "LogicalResourceId": "Tags",
    "ResourceType": "Custom::CostAllocationTags",
    "ResourceProperties": {"TagKeys": ["cost-center"], "BackfillMonths": "1"},
}


@pytest.fixture
def tags(bench: FunctionBench) -> Iterator[PayerTags]:  # noqa: ARG001 - the account that they are in
    tags, patches = PayerTags(), Patches()
    tags.install(patches)
    yield tags
    patches.undo()


def ask(bench: FunctionBench, request_type: str, **more: Any) -> dict[str, Any]:
    """What CloudFormation is answered."""
    with mailbox() as (url, answers):
        bench.invoke("activate_tags", QUESTION | {"RequestType": request_type, "ResponseURL": url} | more)
    [answer] = answers
    assert len(answer) <= LONGEST_ANSWER
    read: dict[str, Any] = json.loads(answer)
    assert {name: read[name] for name in ("StackId", "RequestId", "LogicalResourceId")} == {
        name: QUESTION[name] for name in ("StackId", "RequestId", "LogicalResourceId")
    }
    return read


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_a_deployment_activates_the_tags_and_learns_which_aws_does_not_know(
    bench: FunctionBench, tags: PayerTags, request_type: str
) -> None:
    tags.appear("cost-center")

    answer = ask(bench, request_type)
    assert answer["Status"] == "SUCCESS"
    assert answer["Data"]["Activated"] == answer["Data"]["Active"] == "cost-center"
    assert answer["Data"]["NotYetKnown"] == "environment"
    assert answer["Data"]["Refused"] == "none"
    assert answer["Data"]["Backfill"].startswith("started from ")
    assert tags.active == {"cost-center"}


def test_an_update_keeps_the_resource_that_there_is(bench: FunctionBench, tags: PayerTags) -> None:  # noqa: ARG001
    assert ask(bench, "Create")["PhysicalResourceId"] == PHYSICAL_ID
    assert ask(bench, "Update", PhysicalResourceId="as-it-was")["PhysicalResourceId"] == "as-it-was"


def test_deleting_the_resource_deactivates_nothing(bench: FunctionBench, tags: PayerTags) -> None:
    tags.appear("cost-center")
    ask(bench, "Create")

    assert ask(bench, "Delete", PhysicalResourceId=PHYSICAL_ID)["Status"] == "SUCCESS"
    assert tags.active == {"cost-center"}


def test_what_never_came_to_be_can_be_deleted(bench: FunctionBench, tags: PayerTags) -> None:
    tags.refuse("AccessDeniedException", "no")

    assert ask(bench, "Delete", PhysicalResourceId="failed-to-create")["Status"] == "SUCCESS"


def test_a_refusal_of_aws_is_the_reason_that_cloudformation_shows(bench: FunctionBench, tags: PayerTags) -> None:
    tags.refuse("AccessDeniedException", "Linked account\ndoesn't have access.")

    answer = ask(bench, "Create")
    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == (
        "CostExplorerRefused: ListCostAllocationTags: AccessDeniedException: Linked account doesn't have access."
    )


def test_a_function_without_its_settings_answers_too(
    bench: FunctionBench, tags: PayerTags, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(VALUES, "TAG_KEYS", "cost-center, environment")

    answer = ask(bench, "Create")
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("InvalidConfiguration: environment of functions.activate_tags.handler: TAG_KEYS")
    assert not tags.active


def test_the_daily_run_needs_nobody_who_waits(bench: FunctionBench, tags: PayerTags) -> None:
    tags.appear("environment")

    assert bench.invoke("activate_tags", {"RequestType": "Daily"})["Status"] == "SUCCESS"
    assert tags.active == {"environment"}


def test_a_daily_run_that_fails_is_a_failed_run(bench: FunctionBench, tags: PayerTags) -> None:
    tags.refuse("AccessDeniedException", "no")

    with pytest.raises(Exception, match="AccessDeniedException: no"):
        bench.invoke("activate_tags", {"RequestType": "Daily"})


def test_an_answer_about_very_many_tags_is_short_enough_for_cloudformation() -> None:
    keys = tuple(f"a-tag-of-a-very-organised-organisation-{number:03}" for number in range(300))
    activation = Activation(
        activated=keys, active=keys, not_yet_known=keys, refused=dict.fromkeys(keys, "no"), backfill="x" * 5000
    )
    request = TagRequest.model_validate(QUESTION | {"RequestType": "Create"})
    for answer in (succeeded(request, activation), failed(request, ValueError("y" * 5000))):
        assert len(json.dumps(answer).encode()) <= LONGEST_ANSWER


def test_an_answer_is_sent_again_when_the_address_is_busy() -> None:
    waited: list[float] = []
    with mailbox() as (url, answers):
        with pytest.raises(AnswerNotDelivered, match=r"127\.0\.0\.1 did not take the answer: HTTP Error 403"):
            send_answer(f"{url}-of-another", {"Status": "SUCCESS"}, sleep=waited.append)
        assert not answers
        assert len(waited) == 2


def test_an_answer_goes_over_tls_and_its_address_is_not_told() -> None:
    with pytest.raises(AnswerNotDelivered) as refused:
        send_answer("http://bucket.example/answer?X-Amz-Signature=secret", {"Status": "SUCCESS"})
    assert "must be https" in str(refused.value)
    assert "secret" not in str(refused.value)
