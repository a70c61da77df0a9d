"""What becomes of an account's ticket from day to day."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from functions.shared.errors import InvalidPeriod
from functions.update_ticket import words
from functions.update_ticket.logic import decide
from functions.update_ticket.standing import AccountStanding
from tests.unit.update_ticket.drifting import GROUP, RULES, Notebook, day, standing


@pytest.mark.parametrize(("ratio", "act"), [("0.0500", "leave"), ("0.0501", "open"), ("1", "open"), (None, "leave")])
def test_a_ticket_is_opened_above_the_threshold_only(ratio: str | None, act: str) -> None:
    assert decide(standing(0, ratio), RULES, None).act == act


@pytest.mark.parametrize(
    ("ratio", "act"), [("0.0400", "note"), ("0.0399", "resolve"), ("0.0000", "resolve"), (None, "leave")]
)
def test_a_ticket_is_resolved_below_threshold_and_hysteresis_only(ratio: str | None, act: str) -> None:
    books = Notebook()
    books.see(0, "0.08")

    assert books.see(1, ratio).act == act


def test_an_account_without_untagged_cost_is_clean_whatever_the_threshold() -> None:
    strict = RULES.model_copy(update={"threshold": Decimal(0)})
    books = Notebook()
    books.see(0, "0.08")

    decision = decide(standing(1, "0"), strict, books.latest("tag-hygiene/"))
    assert decision.act == "resolve"


def test_a_ticket_ends_with_the_usage_it_is_about_when_the_next_month_is_a_week_old() -> None:
    """Untagged resources can be mended by deleting them, and accounts by closing them."""
    books = Notebook()
    number = books.see(20, "0.08").number

    acts = [books.see(later, None).act for later in (30, 35, 36, 37, 38)]
    assert acts == ["leave", "leave", "leave", "resolve", "leave"]
    assert books.see(60, "0.08").number == number, "it is taken up again like any other"
    assert words.resolution(standing(37, None), RULES) == (
        "2026-07-08: nothing that could be tagged has been used in July 2026."
    )


def test_a_month_of_before_says_nothing_of_a_ticket_whose_last_change_nobody_knows() -> None:
    books = Notebook()
    number = books.see(20, "0.08").number
    books.by_hand(number, last_update="")

    assert books.see(40, None, billing_period="2026-05").act == "leave"
    assert books.see(40, None).act == "resolve"


def test_an_account_with_nothing_but_credits_is_unused() -> None:
    books = Notebook()
    books.see(20, "0.08")

    assert books.see(40, "0.08", taggable_cost="-1.00", untagged_cost="2.00").act == "resolve"


def test_a_day_on_which_nothing_is_new_adds_no_note() -> None:
    books = Notebook()
    books.see(0, "0.08")

    assert [books.see(number, ratio).act for number, ratio in ((1, "0.08"), (2, "0.07"), (3, "0.07"))] == [
        "leave",
        "note",
        "leave",
    ]


def test_a_day_has_one_note_though_a_second_delivery_says_something_else() -> None:
    books = Notebook()
    books.see(0, "0.08")

    assert [books.see(1, ratio).act for ratio in ("0.07", "0.06", "0.02", "0.09")] == [
        "note",
        "leave",
        "resolve",
        "leave",
    ]


def test_a_ticket_past_due_is_escalated_once_and_noted_on() -> None:
    books = Notebook()
    due = books.see(0, "0.08").due_on

    acts = [books.see(number, f"0.08{number:02d}").act for number in range(13, 18)]
    assert due == day(14)
    assert acts == ["note", "note", "escalate", "note", "note"]


def test_whoever_works_on_a_late_ticket_may_make_it_less_urgent() -> None:
    books = Notebook()
    number = books.see(0, "0.08").number
    acts = []
    for later in range(15, 20):
        acts.append(books.see(later, "0.08").act)
        books.by_hand(number, is_escalated=False)

    assert acts == ["escalate", "leave", "leave", "leave", "leave"]


def test_a_late_ticket_whose_numbers_change_is_escalated_once_all_the_same() -> None:
    books = Notebook()
    number = books.see(0, "0.08").number
    acts = []
    for later in range(15, 19):
        acts.append(books.see(later, f"0.08{later}").act)
        books.by_hand(number, is_escalated=False)

    assert acts == ["escalate", "note", "note", "note"]


def test_a_due_date_that_was_moved_counts_whichever_way_it_was_moved() -> None:
    earlier, later = Notebook(), Notebook()
    number = earlier.see(0, "0.08").number
    earlier.see(6, "0.081")
    earlier.by_hand(number, due_on=day(5))
    assert earlier.see(7, "0.081").act == "escalate"

    number = later.see(0, "0.08").number
    assert later.see(15, "0.08").act == "escalate"
    later.by_hand(number, due_on=day(20), is_escalated=False)
    assert [later.see(on, "0.08").act for on in (20, 21)] == ["leave", "escalate"]


def test_a_ticket_that_somebody_took_up_again_is_escalated_when_it_is_late() -> None:
    books = Notebook()
    number = books.see(0, "0.08").number
    assert books.see(15, "0.01").act == "resolve"
    books.by_hand(number, status="open")

    assert [books.see(on, "0.08").act for on in (20, 21)] == ["escalate", "leave"]


def test_a_month_that_is_over_opens_no_ticket_for_nobody_can_mend_it() -> None:
    """AWS delivers past months again, after a backfill of tags or with a correction."""
    books = Notebook()

    assert books.see(0, "0.08", billing_period="2025-11").act == "leave"
    assert books.see(30, "0.08", billing_period="2026-06").act == "leave"
    assert books.see(29, "0.08", billing_period="2026-06").act == "open"


def test_a_month_that_is_over_takes_up_no_ticket_that_has_ended_but_ends_one_that_is_open() -> None:
    books = Notebook()
    number = books.see(0, "0.08").number
    assert books.see(30, "0.01", billing_period="2026-06").act == "resolve"

    assert books.see(31, "0.08", billing_period="2026-06").act == "leave"
    books.by_hand(number, status="closed")
    assert books.see(32, "0.08", billing_period="2026-06").act == "leave"


def test_a_threshold_below_the_hysteresis_can_be_reached() -> None:
    """A policy of before may have it: half of the threshold is clean then, not a share below nothing."""
    strict = RULES.model_copy(update={"threshold": Decimal("0.005")})
    books = Notebook()
    books.see(0, "0.08")

    acts = [decide(standing(1, ratio), strict, books.latest("tag-hygiene/")).act for ratio in ("0.0025", "0.0024")]

    assert acts == ["note", "resolve"]
    assert "less than 0.25 %" in words.description(standing(0, "0.08"), strict, day(14))


def test_whoever_works_on_a_ticket_may_move_its_due_date() -> None:
    books = Notebook()
    number = books.see(0, "0.08").number
    books.by_hand(number, due_on=day(20))

    assert [books.see(n, "0.08").act for n in (15, 20, 21)] == ["leave", "leave", "escalate"]


def test_a_relapse_within_thirty_days_takes_the_ticket_up_again_with_time_to_mend_it() -> None:
    books = Notebook()
    books.see(0, "0.08")
    books.see(15, "0.081")
    books.see(16, "0.01")

    again = books.see(46, "0.09")
    assert (again.act, again.status, again.due_on, len(books.tickets)) == ("reopen", "open", day(60), 1)
    assert [books.see(number, "0.09").act for number in (60, 61, 62)] == ["leave", "escalate", "leave"]


def test_a_later_relapse_is_a_new_ticket() -> None:
    books = Notebook()
    first = books.see(0, "0.08").number
    books.see(1, "0.01")

    second = books.see(32, "0.08")
    assert (second.act, second.number == first) == ("open", False)
    assert [ticket.correlation_id for ticket in books.tickets.values()] == [
        "tag-hygiene/410010010101/0001",
        "tag-hygiene/410010010101/0002",
    ]


def test_a_ticket_that_was_closed_for_good_is_followed_by_another() -> None:
    books = Notebook()
    number = books.see(0, "0.08").number
    books.by_hand(number, status="closed")

    assert [books.see(n, "0.08").act for n in (0, 1, 1, 2)] == ["leave", "open", "leave", "leave"]


def test_a_ticket_resolved_by_hand_while_the_account_drifts_is_taken_up_again() -> None:
    books = Notebook()
    number = books.see(0, "0.08").number
    books.by_hand(number, status="resolved")

    assert [books.see(n, "0.08").act for n in (1, 2)] == ["reopen", "leave"]


def test_a_day_or_a_month_left_behind_changes_nothing() -> None:
    books = Notebook()
    books.see(0, "0.08")
    books.see(5, "0.07")

    assert books.see(4, "0.01").act == "leave"
    assert books.see(6, "0.01", billing_period="2026-05").act == "leave"


Days = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=20),
        st.one_of(st.none(), st.integers(min_value=0, max_value=1000).map(lambda n: f"{n / 10000:.4f}")),
        st.integers(min_value=1, max_value=3),
    ),
    max_size=25,
)


@given(Days)
def test_however_days_are_repeated_or_skipped_an_account_has_at_most_one_open_ticket(
    days: list[tuple[int, str | None, int]],
) -> None:
    books, today = Notebook(), 0
    for skipped, ratio, repeated in days:
        today += skipped
        outcomes = [books.see(today, ratio) for _ in range(repeated)]

        assert len(books.open_tickets) <= 1
        assert all(outcome.act == "leave" for outcome in outcomes[1:])


@given(st.sampled_from(["0.0200", "0.0900"]), st.lists(st.integers(400, 500), min_size=1, max_size=20))
def test_a_value_within_the_band_never_changes_whether_there_is_a_ticket(before: str, band: list[int]) -> None:
    books = Notebook()
    books.see(0, before)
    was = [ticket.number for ticket in books.open_tickets]

    for number, ratio in enumerate(band, start=1):
        books.see(number, f"{Decimal(ratio) / 10000:.4f}")
    assert [ticket.number for ticket in books.open_tickets] == was
    assert {act for act, _ in books.acts} <= {"open", "note", "escalate"}


def test_a_ticket_says_what_is_at_stake_until_when_and_how_it_is_mended() -> None:
    seen = standing(3, "0.0731")

    assert words.summary(seen) == "claims-prod (410010010101): cost without cost-center"
    assert words.description(seen, RULES, day(17)).splitlines() == [
        "AWS account claims-prod (410010010101)",
        "2026-06-04: 731.00 USD of 10,000.00 USD in June 2026 have no tag cost-center, 7.31 %.",
        "At most 5 % may be without it: what it pays for cannot be charged to who uses it.",
        "Due 2026-06-18. The ticket is resolved by itself when less than 4 % is left.",
        "",
        "The 3 most costly without cost-center:",
        "- 412.50 USD  AmazonEC2  i-0123456789abcdef0",
        "- 88.10 USD  AmazonRDS  arn:aws:rds:us-east-1:410010010101:db:claims",
        "- 3.00 USD  AmazonS3  claims-exports",
        "",
        "How to mend it:",
        "aws resourcegroupstaggingapi tag-resources --region us-east-1 --resource-arn-list "
        "arn:aws:rds:us-east-1:410010010101:db:claims --tags cost-center=VALUE",
        "aws ec2 create-tags --resources i-0123456789abcdef0 --tags Key=cost-center,Value=VALUE",
        "Set the tag cost-center on the others in their service's console, or in the code that makes them.",
        "VALUE is the cost center that pays. AWS bills a tag from the hour in which it is set, so a month's share "
        "falls from day to day, and is known a day later.",
    ]


def test_a_resource_with_a_malicious_name_is_no_command() -> None:
    name = "arn:aws:s3:::x$(rm -rf ~)"
    resource = {"resource_id": name, "service_name": "AmazonS3", "cost": "1.00"}
    text = words.description(standing(0, "0.08", untagged_resources=[resource]), RULES, day(14))

    assert f"--resource-arn-list '{name}' --tags" in text


def test_resources_are_tagged_in_their_regions_and_global_ones_in_the_first() -> None:
    west, east = ("arn:aws:sqs:us-west-2:1:b", "arn:aws:sqs:us-west-2:1:a"), ("arn:aws:sqs:eu-west-1:1:c",)
    arns = (west[0], "arn:aws:s3:::bucket", west[1], *east)
    resources = [{"resource_id": arn, "service_name": "S", "cost": "1.00"} for arn in arns]
    text = words.description(standing(0, "0.08", untagged_resources=resources), RULES, day(14))

    called = [line.split() for line in text.splitlines() if line.startswith("aws ")]
    assert [(call[4], call[6:-2]) for call in called] == [
        ("eu-west-1", list(east)),
        ("us-east-1", ["arn:aws:s3:::bucket"]),
        ("us-west-2", list(west)),
    ]


def test_a_ticket_is_never_longer_than_an_incident_holds_and_loses_the_cheapest_resources() -> None:
    resources = [
        {"resource_id": f"arn:aws:x:::{number}{'y' * 700}", "service_name": "S", "cost": "1.00"} for number in range(10)
    ]
    text = words.description(standing(0, "0.08", untagged_resources=resources), RULES, day(14))

    assert len(text) <= words.LONGEST_DESCRIPTION
    assert "The 2 most costly" in text
    assert text.endswith("known a day later.")


@pytest.mark.parametrize("wrong", [{"untagged_ratio": 0.08}, {"account_id": "claims"}, {"billing_period": "2026-13"}])
def test_a_measurement_that_is_none_is_refused(wrong: dict[str, object]) -> None:
    given = standing(0, "0.08").model_dump(mode="json")
    assert AccountStanding.model_validate(given).ticket_group == GROUP
    with pytest.raises((ValidationError, InvalidPeriod)):
        AccountStanding.model_validate(given | wrong)
