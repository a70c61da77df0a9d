"""What the command line shows of an execution while it goes on."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from local.progress import counted, follow, in_thousands, size

START = datetime.datetime(2026, 6, 3, 7, 15, tzinfo=datetime.UTC)
Event = dict[str, Any]


class History:
    """An execution whose events come into being as time goes by, and the clock that lets it go by."""

    def __init__(self, events: list[Event], *, ends_at: float) -> None:
        self._events = events
        self._ends_at = ends_at
        self.now = 0.0
        self.events_read = 0

    def clock(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds

    def describe_execution(self, **_: object) -> dict[str, Any]:
        return {"status": "SUCCEEDED" if self.now >= self._ends_at else "RUNNING"}

    def get_execution_history(self, **request: Any) -> dict[str, Any]:
        assert request["reverseOrder"]
        happened = [e for e in self._events if e["timestamp"] <= START + datetime.timedelta(seconds=self.now)]
        before = int(request.get("nextToken", len(self._events) + 1))
        left = [event for event in happened[::-1] if event["id"] < before]
        page = left[: request["maxResults"]]
        self.events_read += len(page)
        return {"events": page} | ({"nextToken": str(page[-1]["id"])} if len(left) > len(page) else {})

    def shown(self) -> list[str]:
        lines: list[str] = []
        follow(self, "arn", lines.append, clock=self.clock, pause=self.pause)
        return lines


def events(*states: tuple[str, float, float, dict[str, Any]]) -> list[Event]:
    """Entering and leaving states, each by name, the seconds of both, and its output."""
    found: list[Event] = []
    for name, entered, left, output in states:
        for kind, at, details in (
            ("TaskStateEntered", entered, {"stateEnteredEventDetails": {"name": name}}),
            ("TaskStateExited", left, {"stateExitedEventDetails": {"name": name, "output": json.dumps(output)}}),
        ):
            time = START + datetime.timedelta(seconds=at)
            found.append({"id": len(found) + 1, "type": kind, "timestamp": time, **details})
    return found


def ledger(entries: int) -> dict[str, Any]:
    return {"ledger": {"entries": entries}}


def test_a_state_is_shown_when_it_ends_with_its_duration_and_what_it_found() -> None:
    history = History(
        events(
            ("PublishLedger", 1, 2.5, ledger(1)), ("CheckSeal", 3, 120.25, {}), ("SplitPools", 121, 121, {"caught": {}})
        ),
        ends_at=122,
    )
    shown = [line for line in history.shown() if "still at work" not in line]
    assert shown == [
        "  PublishLedger           1.5 s  1 entry, locked",
        "  CheckSeal             117.2 s",
        "  SplitPools              0.0 s  failed",
    ]


def test_a_state_that_takes_long_shows_that_it_is_alive() -> None:
    history = History(events(("FoldLineItems", 1, 50, {"caught": {}})), ends_at=51)
    alive = [line for line in history.shown() if line.startswith("  FoldLineItems") and line.endswith("still at work")]
    assert len(alive) == 3


def test_following_reads_new_events_and_not_the_whole_history_again() -> None:
    short = [("PublishLedger", second, second + 0.5, ledger(second)) for second in range(1, 401)]
    history = History(events(*short), ends_at=402)
    assert len(history.shown()) == 400
    assert history.events_read < 402 / 0.3 * 60


def test_no_event_is_lost_when_many_happen_at_once() -> None:
    at_once = [("PublishLedger", 1.0, 1.0, ledger(number)) for number in range(130)]
    assert [line.split("s  ")[1] for line in History(events(*at_once), ends_at=1).shown()] == [
        f"{'1 entry' if number == 1 else f'{number} entries'}, locked" for number in range(130)
    ]


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 invoices"), (1, "1 invoice"), (6, "6 invoices"), (1234567, "1,234,567 invoices")]
)
def test_things_are_counted_in_words(count: int, words: str) -> None:
    assert counted(count, "invoice") == words


@pytest.mark.parametrize(
    ("amount", "words"),
    [("0.00", "0.00"), ("-0.50", "-0.50"), ("999.99", "999.99"), ("3104882.17", "3,104,882.17"), ("-1000", "-1,000")],
)
def test_amounts_have_thousands_separators(amount: str, words: str) -> None:
    assert in_thousands(amount) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (1_850_000, "1.8 MB"),
        (64_200_000_000, "64.2 GB"),
    ],
)
def test_sizes_are_in_the_unit_people_read(count: int, words: str) -> None:
    assert size(count) == words
