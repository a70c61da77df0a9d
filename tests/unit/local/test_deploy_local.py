"""A rehearsal ends with success only when what a deployment promises has been seen."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from local import cdk_cli
from local.aws.assembly import Assembly
from local.cdk_cli import CdkCli, CdkFailed
from local.deploy_local import EXPENSES, RehearsalFailed, check_close, check_invoices
from local.servicenow.server import ServiceNowStandIn

INVOICED = "100.10"
SUMMARY: dict[str, Any] = {
    "status": "CLOSED",
    "billed_cost": INVOICED,
    "allocated_cost": INVOICED,
    "delta": "0.00",
    "postings": [
        {"key": "2026-05-CC-1001-1", "amount": "60.10"},
        {"key": "2026-05-CC-1002-1", "amount": "40.00"},
    ],
}


@pytest.fixture
def books(tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    with ServiceNowStandIn(tmp_path) as running:
        for posting in SUMMARY["postings"]:
            charge = {"u_chargeback_key": posting["key"], "amount": posting["amount"]}
            running.add_record(EXPENSES, charge)
        yield running


def test_a_close_to_the_cent_that_is_in_the_books_passes(books: ServiceNowStandIn) -> None:
    check_close("CLOSED", SUMMARY, INVOICED, books)


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("status",), "POSTED", "the period is CLOSED and its summary says POSTED"),
        (("delta",), "0.01", "delta 0.01: not one amount"),
        (("billed_cost",), "100.11", "read 100.11, allocated 100.10"),
        (("allocated_cost",), "100.09", "allocated 100.09"),
        (("postings",), [], "the books hold 2 charges, the summary 0"),
        (("postings", 0, "amount"), "60.11", "they are not the same"),
        (("postings", 0, "key"), "2026-05-CC-1003-1", "they are not the same"),
    ],
)
def test_anything_else_fails(books: ServiceNowStandIn, path: tuple[Any, ...], value: Any, complaint: str) -> None:
    summary = deepcopy(SUMMARY)
    part: Any = summary
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value

    with pytest.raises(RehearsalFailed, match=complaint):
        check_close("CLOSED", summary, INVOICED, books)


def test_a_period_that_is_not_closed_fails(books: ServiceNowStandIn) -> None:
    with pytest.raises(RehearsalFailed, match="the period is RUNNING and its summary says CLOSED"):
        check_close("RUNNING", SUMMARY, INVOICED, books)


def test_another_invoice_total_fails(books: ServiceNowStandIn) -> None:
    with pytest.raises(RehearsalFailed, match=r"invoiced 100\.12"):
        check_close("CLOSED", SUMMARY, "100.12", books)


def test_a_charge_in_the_books_that_nobody_owes_fails(books: ServiceNowStandIn) -> None:
    books.add_record(EXPENSES, {"u_chargeback_key": "by hand", "amount": "1.00"})

    with pytest.raises(RehearsalFailed, match="the books hold 3 charges, the summary 2"):
        check_close("CLOSED", SUMMARY, INVOICED, books)


ISSUED = [{"invoice_id": "INV-1", "billed_cost": "60.10"}, {"invoice_id": "INV-2", "billed_cost": "40.00"}]


@pytest.mark.parametrize(
    "read",
    [[], [("INV-1", "60.10")], [("INV-1", "60.10"), ("INV-2", "40.01")], [("INV-1", "60.10"), ("INV-3", "40.00")]],
)
def test_a_close_that_did_not_read_all_of_the_payers_invoices_fails(read: list[tuple[str, str]]) -> None:
    totals = [{"invoice_id": number, "invoiced_cost": cost} for number, cost in read]

    with pytest.raises(RehearsalFailed, match=f"the close has read {len(read)} invoice"):
        check_invoices(totals, ISSUED)


def test_a_close_that_read_the_payers_invoices_in_another_order_passes() -> None:
    totals = [{"invoice_id": each["invoice_id"], "invoiced_cost": each["billed_cost"]} for each in reversed(ISSUED)]

    check_invoices(totals, ISSUED)


def cli(tmp_path: Path, program: str) -> CdkCli:
    file = tmp_path / "cdk.js"
    file.write_text(program, encoding="utf-8")
    return CdkCli(file, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, tmp_path / "logs")


def test_a_command_is_heard_line_by_line_and_kept_whole(tmp_path: Path) -> None:
    heard: list[str] = []
    program = "console.log('\\u001b[32mone\\u001b[39m'); console.error(process.argv[2], process.env.AWS_ENDPOINT_URL)"

    lines = cli(tmp_path, program).run("deploy", "deploy", "--all", hear=heard.append)

    assert lines == heard == ["one", "deploy http://127.0.0.1:9"]
    assert (tmp_path / "logs" / "deploy.log").read_text() == "one\ndeploy http://127.0.0.1:9\n"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (["Data | CREATE_FAILED | Ledger: no such key", "❌ Data failed", "‣ DeploymentError"], "no such key"),
        (["❌ Data failed to deploy", "‣ ValidationError: no stack", "more"], "‣ ValidationError: no stack"),
        (["starting", "Error: cannot find app.py", "bye"], "Error: cannot find app.py"),
        (["Traceback", "Error in it", "X: bad", "", "app.py: Subprocess exited with error 1"], "X: bad"),
        (["starting", "bye"], "bye"),
        ([], "no reason given"),
    ],
)
def test_a_failed_command_says_why_in_one_line(tmp_path: Path, said: list[str], told: str) -> None:
    text = "\n".join(said)
    program = f"console.log({text!r}); process.exitCode = 3"

    with pytest.raises(CdkFailed) as failed:
        cli(tmp_path, program).run("deploy", "deploy")

    message = str(failed.value)
    assert message.startswith("cdk deploy ended with 3: ")
    assert told in message
    assert message.endswith(f"(all of it is in {tmp_path / 'logs' / 'deploy.log'})")
    assert "\n" not in message


def test_what_a_command_has_started_ends_with_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    program = f"""
        const held = require('fs').openSync({str(pipe)!r}, 'w');
        require('child_process').spawn('sleep', ['600'], {{stdio: ['ignore', held, 'ignore']}}).unref();
        setImmediate(() => process.exit(0));
    """

    cli(tmp_path, program).run("deploy", "deploy")

    ended, _, _ = select.select([reader], [], [], 10)
    assert ended, "a process that the command has started still holds the pipe"
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_every_stack_of_an_assembly_is_looked_for_in_its_own_account_and_region(tmp_path: Path) -> None:
    stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "x.template.json"}}
    named = {**stack, "properties": {"stackName": "Chargeback-Replica"}, "environment": "aws://123456789012/us-west-2"}
    artifacts = {
        "Replica": named,
        "Data": {**stack, "environment": "aws://123456789012/us-east-1"},
        "Data.assets": {"type": "cdk:asset-manifest"},
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))

    assert Assembly(tmp_path).places() == {
        "Chargeback-Replica": ("123456789012", "us-west-2"),
        "Data": ("123456789012", "us-east-1"),
    }


def test_the_version_is_pinned_once() -> None:
    package = Path(cdk_cli.__file__).parent
    lock = (package / "package-lock.json").read_text(encoding="utf-8")

    assert f'"version": "{cdk_cli.version()}"' in lock
    assert '"integrity": "sha512-' in lock
