"""``python -m local deploy-local``: the CDK CLI deploys every stack to the local cloud, where a month then closes.

Whatever is claimed is looked at over HTTP, as any program outside would; the first claim that does not hold ends it.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from functions.shared.errors import ChargebackError
from functions.shared.periods import BillingPeriod
from functions.shared.policy.ticket_groups import all_ticket_groups
from functions.shared.run_files import period_prefix
from infra.environments import REHEARSAL
from infra.names import stack_name
from local.assembly import ROOT
from local.aws.assembly import Assembly
from local.aws.cloud import LocalCloud
from local.aws.endpoint import Endpoint
from local.cdk_cli import CdkCli, install, version
from local.close import SAMPLE_POLICY, make_sample, read_policy
from local.outcome import ExecutionFailed
from local.progress import Show, counted, follow, in_thousands
from local.servicenow.server import ServiceNowStandIn
from local.signing import LocalRoot, install_identity
from local.world import month_files

PERIOD = BillingPeriod(2026, 5)
EXPENSES = "fm_expense_line"
_SECONDS_TO_START = 30.0


class RehearsalFailed(ChargebackError):
    """Something that a deployment promises does not hold; the message says what."""


class Rehearsal:
    """The environment that is deployed, seen from outside."""

    def __init__(self, endpoint: Endpoint, cli: CdkCli, folder: Path, show: Show) -> None:
        self._endpoint = endpoint
        self._cli = cli
        self._show = show
        self._assembly = folder / "cdk.out"
        self._options = ("--context", f"env={REHEARSAL.name}", "--output", str(self._assembly))

    @property
    def regions(self) -> list[str]:
        """Where something is deployed to."""
        places = (REHEARSAL.region, "us-east-1", REHEARSAL.replica_region)
        return [region for region in dict.fromkeys(places) if region]

    def client(self, service: str) -> Any:
        return self._endpoint.client(service)

    def bootstrap(self) -> str:
        environments = [f"aws://{REHEARSAL.finops_account}/{region}" for region in self.regions]
        self._cli.run("bootstrap", "bootstrap", *environments, "--output", str(self._assembly))
        for region in self.regions:
            self._expect_complete("CDKToolkit", region)
        return f"CDKToolkit in {' and '.join(self.regions)}"

    def deploy(self) -> str:
        self._cli.run("deploy", "deploy", "--all", "--require-approval", "never", *self._options, hear=self._hear)
        placed = Assembly(self._assembly).regions()
        resources = 0
        for stack, region in placed.items():
            self._expect_complete(stack, region)
            pages = self._endpoint.client("cloudformation", region).get_paginator("list_stack_resources")
            resources += sum(len(page["StackResourceSummaries"]) for page in pages.paginate(StackName=stack))
        return f"{counted(len(placed), 'stack')}, {counted(resources, 'resource')}, each stack CREATE_COMPLETE"

    def deploy_again(self) -> str:
        lines = self._cli.run("deploy-again", "deploy", "--all", "--require-approval", "never", *self._options)
        for stack, region in Assembly(self._assembly).regions().items():
            if not any(line.endswith(f"{stack} (no changes)") for line in lines):
                raise RehearsalFailed(f"a second deployment changes {stack}: nothing in the code has changed")
            self._expect_complete(stack, region)
        return f"no changes in {counted(len(Assembly(self._assembly).regions()), 'stack')}"

    def diff(self) -> str:
        """With ``--fail`` the CLI ends with an error when it finds a difference."""
        self._cli.run("diff", "diff", "--fail", *self._options)
        return "no difference"

    def outputs(self, stack: str) -> dict[str, str]:
        described = self.client("cloudformation").describe_stacks(StackName=stack_name(REHEARSAL, stack))
        return {output["OutputKey"]: output["OutputValue"] for output in described["Stacks"][0]["Outputs"]}

    def _expect_complete(self, stack: str, region: str) -> None:
        [found] = self._endpoint.client("cloudformation", region).describe_stacks(StackName=stack)["Stacks"]
        if found["StackStatus"] != "CREATE_COMPLETE":
            raise RehearsalFailed(f"stack {stack} in {region} is {found['StackStatus']}, not CREATE_COMPLETE")

    def _hear(self, line: str) -> None:
        if "✅" in line:
            self._show(f"  {line.replace('✅', '').strip()}")


def deploy_local(out: Path, line_items: int, show: Show) -> int:
    """Runs the whole rehearsal; returns the exit code 0. Raises the error of the first step that fails."""
    folder = out / "rehearsal"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.monotonic()
    with _timed(show, f"Installing the CDK CLI {version()}") as done:
        program = install(ROOT / ".cache")
        done("in .cache")
    with _timed(show, f"Making {PERIOD} of the sample organisation") as done:
        cur = make_sample(folder, (PERIOD,), line_items, lambda _: None)
        done(counted(line_items, "line item"))
    state = folder / ".cloud"
    with (
        LocalCloud(state, region=REHEARSAL.region) as cloud,
        ServiceNowStandIn(state) as books,
        Endpoint(cloud) as endpoint,
    ):
        cloud.accept_stacks()
        cli = CdkCli(program, endpoint.environment(), folder / "logs")
        rehearsal = Rehearsal(endpoint, cli, folder, show)
        with _timed(show, "cdk bootstrap") as done:
            done(rehearsal.bootstrap())
        with _timed(show, "cdk deploy --all") as done:
            done(rehearsal.deploy())
        with _timed(show, f"Delivering {PERIOD}, its manifest last; closing it") as done:
            install_identity(rehearsal.client("lambda"), *_certification(rehearsal, state))
            done(_close(rehearsal, books, cur, show))
        with _timed(show, "cdk deploy --all, again") as done:
            done(rehearsal.deploy_again())
        with _timed(show, "cdk diff --fail") as done:
            done(rehearsal.diff())
    show(f"Deployed, closed and unchanged in {time.monotonic() - began:.0f} s; logs are in {folder / 'logs'}")
    return 0


@contextmanager
def _timed(show: Show, what: str) -> Iterator[Callable[[str], None]]:
    """Says what begins, and at its end how long it took and what came of it."""
    show(f"{what} …")
    began = time.monotonic()
    result: list[str] = []
    yield result.append
    show(f"  {time.monotonic() - began:.1f} s  {' '.join(result)}")


def _certification(rehearsal: Rehearsal, state: Path) -> tuple[str, LocalRoot]:
    """The function that installs certificates, and the authority that issues them here."""
    return rehearsal.outputs("Pipeline")["IssueCertificateFunction"], LocalRoot(state / "signing")


def _close(rehearsal: Rehearsal, books: ServiceNowStandIn, cur: Path, show: Show) -> str:
    """Delivers the month as Data Exports does; waits for the close and the validation that the manifest starts."""
    data, pipeline = rehearsal.outputs("Data"), rehearsal.outputs("Pipeline")
    connection = json.dumps({"base_url": books.url, "credentials": books.credentials})
    secrets = rehearsal.client("secretsmanager")
    secrets.put_secret_value(SecretId=pipeline["ServiceNowSecret"], SecretString=connection)
    books.make_groups(all_ticket_groups(read_policy(SAMPLE_POLICY).document))
    machine = pipeline["MonthEndCloseArn"]
    s3 = rehearsal.client("s3")
    for file in month_files(cur, PERIOD):
        if _executions(rehearsal, machine):
            raise RehearsalFailed(f"a close began before {file.name} was delivered: the manifest alone may start it")
        key = REHEARSAL.export_prefix + file.relative_to(cur).as_posix()
        s3.put_object(Bucket=data["BillingBucket"], Key=key, Body=file.read_bytes())
    execution = _succeeded(rehearsal, machine, show)
    revision = json.loads(execution["output"])["period"]["revision"]
    key = f"{period_prefix(str(PERIOD), revision)}summary.json"
    text = s3.get_object(Bucket=data["LedgerBucket"], Key=key)["Body"].read()
    summary: dict[str, Any] = json.loads(text)
    invoiced = json.loads((cur / "truth" / f"BILLING_PERIOD={PERIOD}" / "invoices.json").read_text(encoding="utf-8"))
    check_close(_status(rehearsal, pipeline["PeriodsTable"]), summary, invoiced["billed_cost"], books)
    posted = counted(len(summary["postings"]), "charge")
    _succeeded(rehearsal, pipeline["DailyValidationArn"], lambda _: None)
    billed = in_thousands(summary["billed_cost"])
    return f"{PERIOD} is CLOSED: billed {billed}, delta 0.00, {posted} in the books; and validated"


def _succeeded(rehearsal: Rehearsal, machine: str, show: Show) -> dict[str, Any]:
    """The one execution that the manifest has started, once it has ended well."""
    execution = follow(rehearsal.client("stepfunctions"), _started(rehearsal, machine), show)
    if execution["status"] != "SUCCEEDED":
        raise ExecutionFailed(execution.get("error", execution["status"]), execution.get("cause", "no cause given"))
    return execution


def _executions(rehearsal: Rehearsal, machine: str) -> list[str]:
    found = rehearsal.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    return [execution["executionArn"] for execution in found]


def _started(rehearsal: Rehearsal, machine: str) -> str:
    """The one execution that the manifest has started."""
    deadline = time.monotonic() + _SECONDS_TO_START
    while not (found := _executions(rehearsal, machine)):
        if time.monotonic() > deadline:
            raise RehearsalFailed(
                f"the manifest has arrived and no execution of {machine} began within {_SECONDS_TO_START:.0f} s"
            )
        time.sleep(0.1)
    if len(found) > 1:
        raise RehearsalFailed(f"one manifest has started {len(found)} executions of {machine}")
    return found[0]


def _status(rehearsal: Rehearsal, table: str) -> str:
    key = {"billing_period": {"S": str(PERIOD)}}
    item = rehearsal.client("dynamodb").get_item(TableName=table, Key=key).get("Item", {})
    return str(item.get("status", {}).get("S", "unknown"))


def check_close(status: str, summary: dict[str, Any], invoiced: str, books: ServiceNowStandIn) -> None:
    """What a close promises: the period CLOSED, the invoices to the cent, and each charge in the books once."""
    if (status, summary["status"]) != ("CLOSED", "CLOSED"):
        raise RehearsalFailed(f"the period is {status} and its summary says {summary['status']}: both must be CLOSED")
    amounts = invoiced, summary["billed_cost"], summary["allocated_cost"]
    if summary["delta"] != "0.00" or len(set(amounts)) != 1:
        raise RehearsalFailed(
            f"invoiced {invoiced}, read {amounts[1]}, allocated {amounts[2]}, delta {summary['delta']}: not one amount"
        )
    owed = sorted((posting["key"], Decimal(posting["amount"])) for posting in summary["postings"])
    booked = sorted((line["u_chargeback_key"], Decimal(line["amount"])) for line in books.records(EXPENSES))
    if not owed or owed != booked:
        raise RehearsalFailed(f"the books hold {len(booked)} charges, the summary {len(owed)}: they are not the same")
