"""A close that is stopped, whoever stops it, goes on at the next run and charges everybody exactly once."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from decimal import Decimal
from pathlib import Path

import pytest

from local.servicenow.faults import FaultKind
from local.servicenow.server import ServiceNowStandIn
from tests.e2e.bills import PERIOD, Bill
from tests.e2e.command import close, period_record, posted, posted_by_cost_center, start, summary_of

pytestmark = pytest.mark.slow

A_MINUTE_OR_TWO = 150.0


def started(bill: Bill, policy: Path, out: Path) -> subprocess.Popen[str]:
    return start("close", "--cur", bill.folder, "--policy", policy, "--period", PERIOD, "--out", out)


def read_until(process: subprocess.Popen[str], state: str) -> None:
    """Reads what the process shows until a state has ended."""
    assert process.stdout
    for line in process.stdout:
        if line.startswith(f"  {state} "):
            return
    process.wait()
    pytest.fail(f"{state} was never shown; exit {process.returncode}")


def wait_for_charges(process: subprocess.Popen[str], out: Path, count: int) -> None:
    deadline = time.monotonic() + A_MINUTE_OR_TWO
    while len(posted(out)) < count:
        assert process.poll() is None, "the close ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=A_MINUTE_OR_TWO)
    assert process.returncode == -signal.SIGKILL


def assert_everybody_is_charged_once(out: Path) -> None:
    summary = summary_of(out, PERIOD)
    assert (summary["status"], summary["revision"], summary["delta"]) == ("CLOSED", 1, "0.00")
    owed = {center["cost_center"]: Decimal(center["total"]) for center in summary["cost_centers"]}
    assert posted_by_cost_center(out) == {center: amount for center, amount in owed.items() if amount}
    assert len(posted(out)) == len(posted_by_cost_center(out))


def test_a_close_killed_again_and_again_goes_on_and_charges_everybody_once(
    bill: Bill, policy: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for state in ("FoldLineItems", "PublishLedger"):
        process = started(bill, policy, out)
        read_until(process, state)
        kill(process)
        assert posted(out) == []
        assert not (out / PERIOD).exists()
    published_by = period_record(out, PERIOD)["run_id"]
    process = started(bill, policy, out)
    read_until(process, "RenderStatements")
    wait_for_charges(process, out, 3)
    kill(process)
    some = len(posted(out))
    ended = close(bill.folder, policy, PERIOD, out)
    assert (ended.code, ended.err) == (0, [])
    assert_everybody_is_charged_once(out)
    assert 3 <= some < len(posted(out))
    assert period_record(out, PERIOD)["run_id"] == published_by


def test_ctrl_c_stops_everything_and_the_next_run_closes(bill: Bill, policy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = started(bill, policy, out)
    read_until(process, "CheckInvoices")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=A_MINUTE_OR_TWO)
    assert process.returncode == 130
    assert err.splitlines() == ["Interrupted: nothing is left running; run again to go on"]
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert not (out / PERIOD).exists()
    assert close(bill.folder, policy, PERIOD, out).code == 0
    assert_everybody_is_charged_once(out)


def test_charges_that_the_books_refuse_are_posted_by_the_next_run(
    bill: Bill, policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr("local.world.ServiceNowStandIn", refusing("403", times=2))
    ended = close(bill.folder, policy, PERIOD, out)
    assert ended.code == 5
    [line] = ended.err
    assert line.startswith("PostingForbidden: ")
    assert "2 of 49 charges are not posted" in line
    assert line.endswith("Run again to resume")
    assert len(posted(out)) == 47
    assert not (out / PERIOD).exists()
    monkeypatch.undo()
    ended = close(bill.folder, policy, PERIOD, out)
    assert (ended.code, ended.err) == (0, [])
    assert not [line for line in ended.out if "FoldLineItems" in line]  # the ledger is there already
    assert_everybody_is_charged_once(out)


def refusing(kind: FaultKind, times: int) -> type[ServiceNowStandIn]:
    """Books whose first requests to write fail."""

    class Refusing(ServiceNowStandIn):
        def __enter__(self) -> Refusing:
            super().__enter__()
            self.fail_next(times, kind, on="POST")
            return self

    return Refusing
