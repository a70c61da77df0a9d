"""The tags we bill by become active as soon as AWS knows them, however many there are and however often it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.activate_tags.logic import Activation
from functions.shared.adapters.cost_allocation_tags import CostAllocationTags, KnownTag
from functions.shared.errors import CostExplorerRefused
from local.aws.cost_allocation_tags import MOST_KEYS_CHANGED
from tests.unit.activate_tags.payer import Payer, payer_of

KEYS = [f"key-{number:03}" for number in range(2 * MOST_KEYS_CHANGED + 5)]
some_keys = st.lists(st.sampled_from(KEYS), unique=True)
on_one_account = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_a_tag_that_aws_knows_becomes_active(payer: Payer) -> None:
    payer.tags.appear("cost-center", "name")

    assert payer.run(["cost-center"]).activated == ("cost-center",)
    assert payer.tags.active == {"cost-center"}


def test_a_tag_that_aws_does_not_know_yet_is_told_and_stops_nothing(payer: Payer) -> None:
    payer.tags.appear("cost-center")

    activation = payer.run(["environment", "cost-center"])
    assert activation.not_yet_known == ("environment",)
    assert activation.active == ("cost-center",)


def test_a_tag_that_aws_learns_of_later_becomes_active_the_next_morning(payer: Payer) -> None:
    payer.run(["environment"])
    payer.tags.appear("environment")
    payer.sleep()

    assert payer.run(["environment"]).activated == ("environment",)


def test_more_tags_than_aws_takes_at_once_all_become_active(payer: Payer) -> None:
    payer.tags.appear(*KEYS)

    assert payer.run(KEYS).activated == tuple(KEYS)
    assert payer.tags.active == set(KEYS)
    assert payer.tags.requests["UpdateCostAllocationTagsStatus"] == 3


def test_more_tags_than_aws_answers_about_at_once_are_all_asked_for(payer: Payer) -> None:
    keys = [f"tag-{number:03}" for number in range(230)]
    payer.tags.appear(*keys[:-1])

    activation = payer.run(keys)
    assert len(activation.active) == 229
    assert activation.not_yet_known == (keys[-1],)


def test_an_answer_in_many_pages_is_read_to_the_end(payer: Payer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.aws.cost_allocation_tags.USUAL_PAGE", 2)
    payer.tags.appear(*KEYS)

    assert payer.run(KEYS).active == tuple(KEYS)


def test_a_key_that_is_wanted_twice_is_activated_once(payer: Payer) -> None:
    payer.tags.appear("cost-center")

    assert payer.run(["cost-center", "cost-center"]).active == ("cost-center",)


def test_keys_are_told_apart_by_case_as_aws_does(payer: Payer) -> None:
    payer.tags.appear("Cost-Center")

    assert payer.run(["cost-center"]).not_yet_known == ("cost-center",)


def test_a_tag_that_somebody_deactivated_becomes_active_again(payer: Payer) -> None:
    payer.tags.appear("cost-center")
    payer.run(["cost-center"])
    payer.tags.deactivate("cost-center")
    payer.sleep(3)

    assert payer.run(["cost-center"]).activated == ("cost-center",)


def test_tags_of_others_stay_as_they_are(payer: Payer) -> None:
    payer.tags.appear("cost-center", "theirs")
    payer.run(["theirs"])

    payer.run(["cost-center"])
    assert payer.tags.active == {"cost-center", "theirs"}


def test_a_key_that_vanishes_between_two_questions_is_refused_and_the_others_are_not(
    payer: Payer, register: CostAllocationTags
) -> None:
    payer.tags.appear("cost-center")

    [refused] = register.activate(["gone", "cost-center"])
    assert (refused.key, refused.reason.partition(":")[0]) == ("gone", "TagKeysNotFoundException")
    assert payer.tags.active == {"cost-center"}


def test_a_refused_key_is_told_with_the_reason_and_counts_as_no_change(payer: Payer) -> None:
    class Remembering(CostAllocationTags):
        """Lists a tag that was deactivated yesterday and that AWS has forgotten since."""

        def find(self, keys: Sequence[str]) -> list[KnownTag]:
            return [*super().find(keys), KnownTag("gone", is_active=False, changed_at=payer.now - timedelta(days=1))]

    payer.register = Remembering()

    activation = payer.run(["gone"])
    assert activation.active == activation.activated == activation.not_yet_known == ()
    assert "Tag keys not found: gone" in activation.refused["gone"]
    assert activation.backfill == "not needed"


def test_a_request_that_aws_refuses_whole_is_told_key_by_key(payer: Payer, register: CostAllocationTags) -> None:
    assert [refused.key for refused in register.activate(["gone", "gone too"])] == ["gone", "gone too"]
    assert not payer.tags.active


def test_an_account_that_is_not_the_payers_is_told_in_aws_own_words(payer: Payer) -> None:
    payer.tags.refuse("AccessDeniedException", "Linked account doesn't have access to cost allocation tags.")

    with pytest.raises(CostExplorerRefused, match=r"ListCostAllocationTags: AccessDenied.*: Linked account doesn't"):
        payer.run(["cost-center"])


@on_one_account
@given(wanted=some_keys, known=some_keys, before=some_keys)
def test_every_key_is_active_or_not_known_and_never_both(
    register: CostAllocationTags, wanted: list[str], known: list[str], before: list[str]
) -> None:
    with payer_of(register) as payer:
        payer.tags.appear(*known, *before)
        payer.run(before)
        there = {*known, *before}

        activation = payer.run(wanted)
        assert set(activation.active) == set(wanted) & there == set(wanted) & payer.tags.active
        assert set(activation.not_yet_known) == set(wanted) - there
        assert set(activation.activated) == (set(wanted) & there) - set(before)
        assert payer.tags.active == {*activation.active, *before}


@on_one_account
@given(wanted=some_keys, known=some_keys)
def test_run_again_it_changes_nothing(register: CostAllocationTags, wanted: list[str], known: list[str]) -> None:
    with payer_of(register) as payer:
        payer.tags.appear(*known)
        first = payer.run(wanted)
        again = [payer.run(wanted) for _ in range(2)]

        assert {repeated.activated for repeated in again} == {()}
        assert [standing(repeated) for repeated in again] == [standing(first)] * 2
        assert payer.tags.changes == len(first.activated)


def standing(activation: Activation) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return activation.active, activation.not_yet_known
