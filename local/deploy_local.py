"""``python -m local deploy-local``: the CDK CLI deploys every stack to the local cloud, where a month then closes.

FinOps' and the payer's are two accounts, each bootstrapped and deployed to with its own credentials, as GitHub does it.
Whatever is claimed is looked at over HTTP, as any program outside would; the first claim that does not hold ends it.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from local.aws.invoices import Invoice
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

    def __init__(self, endpoint: Endpoint, program: Path, folder: Path, show: Show) -> None:
        self._endpoint = endpoint
        self._clis = {
            account_id: CdkCli(program, endpoint.environment(account_id), folder / "logs")
            for account_id in REHEARSAL.accounts
        }
        self._show = show
        self._assembly = folder / "cdk.out"

    def client(self, service: str) -> Any:
        """A client of the FinOps account."""
        return self._endpoint.client(service)

    def bootstrap(self) -> str:
        bootstrapped = []
        for account_id, cli in self._clis.items():
            regions = REHEARSAL.regions(account_id)
            environments = [f"aws://{account_id}/{region}" for region in regions]
            cli.run(f"bootstrap-{account_id}", "bootstrap", *environments, "--output", str(self._assembly))
            for region in regions:
                self._expect_complete("CDKToolkit", account_id, region)
            bootstrapped.append(f"{account_id} in {' and '.join(regions)}")
        return f"CDKToolkit of {', '.join(bootstrapped)}"

    def synth(self, name: str) -> str:
        options = ("--context", f"env={REHEARSAL.name}", "--output", str(self._assembly))
        self._clis[REHEARSAL.finops_account].run(name, "synth", "--all", "--quiet", *options)
        return counted(len(Assembly(self._assembly).places()), "stack")

    def deploy(self) -> str:
        self._run_on_stacks("deploy", "deploy", "--require-approval", "never", hear=self._hear)
        placed = Assembly(self._assembly).places()
        resources = 0
        for stack, place in placed.items():
            self._expect_complete(stack, *place)
            pages = self._cloudformation(*place).get_paginator("list_stack_resources")
            resources += sum(len(page["StackResourceSummaries"]) for page in pages.paginate(StackName=stack))
        accounts = counted(len(REHEARSAL.accounts), "account")
        told = f"{counted(len(placed), 'stack')} in {accounts}, {counted(resources, 'resource')}"
        return f"{told}, each stack CREATE_COMPLETE"

    def deploy_again(self) -> str:
        self.synth("synth-again")
        lines = self._run_on_stacks("deploy-again", "deploy", "--require-approval", "never")
        placed = Assembly(self._assembly).places()
        for stack, place in placed.items():
            if not any(line.endswith(f"{stack} (no changes)") for line in lines):
                raise RehearsalFailed(f"a second deployment changes {stack}: nothing in the code has changed")
            self._expect_complete(stack, *place)
        return f"no changes in {counted(len(placed), 'stack')}"

    def diff(self) -> str:
        """With ``--fail`` the CLI ends with an error when it finds a difference."""
        self._run_on_stacks("diff", "diff", "--fail")
        return "no difference"

    def _run_on_stacks(self, name: str, *arguments: str, hear: Callable[[str], None] = lambda _: None) -> list[str]:
        """Runs a command of the CLI on each account's stacks with that account's credentials; FinOps comes first."""
        placed = Assembly(self._assembly).places()
        lines = []
        for account_id, cli in self._clis.items():
            stacks = [stack for stack, (of, _) in placed.items() if of == account_id]
            of_assembly = ("--app", str(self._assembly), "--exclusively", *stacks)
            lines += cli.run(f"{name}-{account_id}", *arguments, *of_assembly, hear=hear)
        return lines

    def outputs(self, stack: str) -> dict[str, str]:
        described = self.client("cloudformation").describe_stacks(StackName=stack_name(REHEARSAL, stack))
        return {output["OutputKey"]: output["OutputValue"] for output in described["Stacks"][0]["Outputs"]}

    def _cloudformation(self, account_id: str, region: str) -> Any:
        return self._endpoint.client("cloudformation", region, account_id)

    def _expect_complete(self, stack: str, account_id: str, region: str) -> None:
        [found] = self._cloudformation(account_id, region).describe_stacks(StackName=stack)["Stacks"]
        if found["StackStatus"] != "CREATE_COMPLETE":
            where = f"{account_id}, {region}"
            raise RehearsalFailed(f"stack {stack} in {where} is {found['StackStatus']}, not CREATE_COMPLETE")

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
        rehearsal = Rehearsal(endpoint, program, folder, show)
        with _timed(show, "cdk bootstrap, in each account") as done:
            done(rehearsal.bootstrap())
        with _timed(show, "cdk synth") as done:
            done(rehearsal.synth("synth"))
        with _timed(show, "cdk deploy, in each account") as done:
            done(rehearsal.deploy())
        with _timed(show, f"Delivering {PERIOD}, its manifest last; closing it") as done:
            install_identity(rehearsal.client("lambda"), *_certification(rehearsal, state))
            truth = json.loads(
                (cur / "truth" / f"BILLING_PERIOD={PERIOD}" / "invoices.json").read_text(encoding="utf-8")
            )
            invoices = [Invoice(each["invoice_id"], each["billed_cost"]) for each in truth["control_totals"]]
            cloud.invoices.issue(REHEARSAL.payer_account, str(PERIOD), *invoices)
            done(_close(rehearsal, books, cur, truth, show))
        with _timed(show, "cdk synth and deploy, again") as done:
            done(rehearsal.deploy_again())
        with _timed(show, "cdk diff --fail, in each account") as done:
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


def _close(rehearsal: Rehearsal, books: ServiceNowStandIn, cur: Path, truth: dict[str, Any], show: Show) -> str:
    """Delivers the month as Data Exports does; waits for the close and the validation that the manifest starts.

    ``truth`` is what the sample's generator says that the month's invoices are.
    """
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
    filed = period_prefix(str(PERIOD), revision)
    summary, evidence = (
        json.loads(s3.get_object(Bucket=data["LedgerBucket"], Key=f"{filed}{file}")["Body"].read())
        for file in ("summary.json", "evidence.json")
    )
    check_close(_status(rehearsal, pipeline["PeriodsTable"]), summary, truth["billed_cost"], books)
    check_invoices(evidence["invoice_totals"], truth["control_totals"])
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


def check_invoices(read: Iterable[Mapping[str, Any]], issued: Iterable[Mapping[str, Any]]) -> None:
    """What the close read of AWS's invoices, with the payer's role, is what AWS has issued."""
    known = sorted((str(each["invoice_id"]), str(each["invoiced_cost"])) for each in read)
    if known != sorted((str(each["invoice_id"]), str(each["billed_cost"])) for each in issued):
        raise RehearsalFailed(
            f"the close has read {counted(len(known), 'invoice')}: not what AWS has issued to the payer"
        )


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
