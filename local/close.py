"""``python -m local close``: closes months of an export, or of the sample organisation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from functions.fetch_invoice_totals.logic import read_invoice_file
from functions.shared.adapters.policy_source import PolicySource
from functions.shared.errors import InvalidInvoiceFile, InvalidPeriod
from functions.shared.periods import BillingPeriod
from functions.shared.policy import Policy, compile_policy, load_policy
from functions.shared.policy.ticket_groups import all_ticket_groups
from local.assembly import ROOT
from local.executions import run_close
from local.export_run import export_run, is_exported
from local.hygiene import measure_month, show_hygiene, show_page
from local.outcome import CLOSED, ExecutionFailed, UsageError
from local.progress import Show, counted, in_thousands, size
from local.sample.month import FEWEST_LINE_ITEMS, write_month
from local.world import World, check_columns, month_files, open_world

SAMPLE_POLICY = ROOT / "policy" / "meridian.yaml"
SAMPLE_MONTHS = (BillingPeriod(2026, 3), BillingPeriod(2026, 4), BillingPeriod(2026, 5))
SAMPLE_YEARS = range(2020, 2100)
SAMPLE_SEED = 7


class CloseOptions(NamedTuple):
    """What the command line asks for; without ``cur`` the sample organisation's months.

    ``invoices`` is a CSV with the totals of AWS's invoices, to tie the month to. With ``change_gate`` changed rules
    need an approved change request.
    """

    cur: Path | None
    policy: Path | None
    periods: tuple[BillingPeriod, ...]
    out: Path
    preview: bool
    line_items: int
    invoices: Path | None = None
    change_gate: bool = False


def close(options: CloseOptions, show: Show) -> int:
    """Closes every month asked for, in order; returns the exit code.

    Raises the error of the first month that cannot be closed: BadInputError for what is found wrong before anything
    is started, ExecutionFailed for what the state machine reports.
    """
    policy = options.policy or SAMPLE_POLICY
    check_policy(policy, options.periods)
    _check_input(options)
    _check_invoices(options)
    make_folder(options.out)
    cur = options.cur or make_sample(options.out, options.periods, options.line_items, show)
    with open_world(options.out, tell=show) as world:
        if options.change_gate:
            world.ask_for_changes()
        policy_key = world.put_policy(policy)
        world.make_groups(all_ticket_groups(read_policy(policy).document))
        closed = []
        for period in options.periods:
            request = {"billing_period": str(period), "preview": options.preview, "policy_key": policy_key}
            if options.invoices:
                request["invoices_key"] = world.put_invoices(options.invoices)
            _deliver(world, cur, period, show)
            if _close_month(world, cur, request, show):
                closed.append(period)
        _measure(world, cur, closed, policy_key, show)
    return CLOSED


def check_policy(path: Path, periods: Sequence[BillingPeriod]) -> None:
    """Refuses a policy before anything is started; the deployed function checks it again."""
    policy = read_policy(path)
    for period in periods:
        compile_policy(policy, period)


def read_policy(path: Path) -> Policy:
    """A policy file with its drivers; raises InvalidPolicy that names every defect with the path."""
    source = PolicySource.from_folder(path)
    return load_policy(source.text, source.drivers, name=str(path))


def _check_invoices(options: CloseOptions) -> None:
    """Refuses a file of invoice totals before anything is started; the deployed function reads it again."""
    if options.invoices is None:
        return
    if len(options.periods) != 1:
        raise UsageError("--invoices needs --period as well: its totals are of one month")
    try:
        text = options.invoices.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInvoiceFile(f"{options.invoices}: cannot be read: {error}") from error
    read_invoice_file(str(options.invoices), text)


def _check_input(options: CloseOptions) -> None:
    """Refuses a bill before anything is started, as far as folders and numbers tell."""
    if options.cur is None:
        if options.line_items < FEWEST_LINE_ITEMS:
            raise UsageError(
                f"--line-items {options.line_items:,}: too few for everything a bill holds; "
                f"at least {FEWEST_LINE_ITEMS:,}"
            )
        check_sample_years(options.periods)
        return
    if not options.cur.is_dir():
        raise UsageError(f"--cur {options.cur}: no such folder; name a Data Exports folder, with data/ and metadata/")
    for period in options.periods:
        check_columns(options.cur, period)


def check_sample_years(periods: Sequence[BillingPeriod]) -> None:
    """Refuses a month that the sample organisation has no bill of."""
    for period in periods:
        if period.year not in SAMPLE_YEARS:
            raise InvalidPeriod(
                f"--period {period}: the sample organisation has bills from {SAMPLE_YEARS[0]} to {SAMPLE_YEARS[-1]}"
            )


def make_folder(out: Path) -> None:
    try:
        (out / ".cloud").mkdir(mode=0o700, parents=True, exist_ok=True)
        (out / ".cloud" / "lock").touch()
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written to ({error.strerror}); name another folder") from error


def make_sample(out: Path, periods: Sequence[BillingPeriod], line_items: int, show: Show) -> Path:
    """The sample organisation's export, with these months in it; months that are there are kept."""
    folder = out / f"sample-cur-{line_items}"
    for period in periods:
        if not list((folder / "metadata" / f"BILLING_PERIOD={period}").glob("*-Manifest.json")):
            show(f"Making {period} of the sample organisation, {counted(line_items, 'line item')} …")
            write_month(folder, str(period), line_items=line_items, seed=SAMPLE_SEED)
    return folder


def _deliver(world: World, cur: Path, period: BillingPeriod, show: Show) -> None:
    files = month_files(cur, period)
    if sum(file.stat().st_size for file in files) >= _LARGE_BYTES:
        show(f"\nDelivering {period}: {counted(len(files), 'file')}, {size(sum(f.stat().st_size for f in files))} …")
    world.deliver(cur, period)


def _close_month(world: World, cur: Path, request: dict[str, Any], show: Show) -> bool:
    """Whether anything was closed or previewed: a month that is closed already is left as it is."""
    period = BillingPeriod.parse(request["billing_period"])
    show(f"\n{period}  {'Previewing' if request['preview'] else 'Closing'} {period.title}")
    try:
        execution, output = run_close(world, request, show)
    except ExecutionFailed as failure:
        raise ExecutionFailed(failure.error, world.in_paths_of(cur, str(failure))) from failure
    found = output["period"]
    if found["action"] != "closed":
        _show_summary(export_run(world, period, execution), show)
        return True
    if not is_exported(world, period, found["revision"]):
        export_run(world, period, execution)
    show(f"{period}  CLOSED already (revision {found['revision']}), nothing to do: {world.out / str(period)}")
    return False


def _measure(world: World, cur: Path, periods: Sequence[BillingPeriod], policy_key: str, show: Show) -> None:
    """Measures how well the months are tagged; a bill that cannot be measured is closed all the same."""
    measured = ""
    if periods:
        show(f"\nMeasuring tags of {counted(len(periods), 'month')} …")
    for period in periods:
        try:
            hygiene = measure_month(world, cur, period, policy_key, show=lambda _: None)
        except ExecutionFailed as failure:
            show(f"{period}  tags not measured: {failure.error}: {failure}")
        else:
            show_hygiene(hygiene, show)
            measured = str(period)
    if measured:
        show_page(measured, world.out, show)


def _show_summary(folder: Path, show: Show) -> None:
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    currency = summary["billing_currency"]
    show(
        f"{summary['billing_period']}  {summary['status']}: billed {in_thousands(summary['billed_cost'])} {currency}, "
        f"allocated {in_thousands(summary['allocated_cost'])} {currency}, delta {in_thousands(summary['delta'])}"
    )
    statements = counted(len(summary["statements"]), "business unit")
    for name, path, note in (
        ("summary", folder / "summary.json", ""),
        ("statements", folder / "statements", f"  ({statements})"),
        ("ledger", folder / "ledger", ""),
        ("evidence", folder / "evidence.json", ""),
        ("signed by", folder.parent / "root-ca.pem", "  (the root of the certificates)"),
    ):
        show(f"  {name:<11} {path}{note}")


_LARGE_BYTES = 200_000_000
"""Reading so much to register it takes a while."""
