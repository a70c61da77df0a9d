"""The local cloud does not check rights; here every call that functions make in it is held against their roles."""

from __future__ import annotations

import json
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest

from functions.shared.periods import BillingPeriod
from functions.shared.policy.ticket_groups import all_ticket_groups
from local.assembly import ROOT
from local.close import read_policy
from local.progress import follow
from local.sample.invoices import MonthTruth
from local.sample.month import write_month
from local.world import CONFIG, World, open_world
from tests.infra.calls import Call, listening
from tests.infra.expected_rights import FUNCTIONS, OF_THE_REPLAY, OF_VALIDATION
from tests.infra.stacks import Stacks

pytestmark = pytest.mark.slow

FINAL, OPEN = "2026-05", "2026-06"
INVOICES = "invoices/2026-05.csv"

ROLES = {state: f"Functions/{state}Role" for state in FUNCTIONS | OF_THE_REPLAY}
ROLES |= {state: f"Validation/{state}Role" for state in OF_VALIDATION}
"""The roles of the functions that state machines call."""

OUT_OF_THE_ORDINARY = {
    "CheckChange": {
        "kms:Decrypt <Key>": "the policy and the evidence, where a changed policy needs a change request",
    },
    "ReadManifest": {"s3:ListBucket <Work>": "tells a run without a restored close from one that is forbidden"},
    "CompilePolicy": {"s3:ListBucket <Work>": "tells a driver file that is not there from one that is forbidden"},
    "FetchInvoiceTotals": {
        "s3:ListBucket <Work>": "tells an invoice file that is not there from one that is forbidden"
    },
    "PublishLedger": {"s3:GetObject <Ledger>/ledger/*": "compares with what an interrupted run has published"},
    "SummarizeRun": {
        "s3:GetObjectRetention <Ledger>/archive/*": "sees until when a file is kept that an earlier close has archived",
    },
    "RenderStatement": {"s3:GetObject <Work>/runs/*/rendered/*": "reads what an interrupted run has filed"},
    "RestorePeriod": {
        "s3:ListBucket <Ledger>": "tells an archived file that is gone from one that is forbidden",
        "s3:ListBucket <Statements>": "as for a statement's signature",
    },
    "CompareReplay": {
        "s3:ListBucket <Ledger>": "tells a summary that is gone from one that is forbidden",
        "s3:ListBucket <Statements>": "as for a statement",
        "s3:ListBucket <Work>": "as for a statement that was not rendered again",
    },
}
"""Rights that no preview, close, refused close, replay or validation uses, and what they are for."""


def ended(world: World, execution_arn: str) -> tuple[str, dict[str, Any]]:
    """The error of an execution, blank for none, and its output."""
    execution = follow(world.cloud.client("stepfunctions"), execution_arn, lambda _: None)
    return str(execution.get("error") or ""), json.loads(execution.get("output") or "{}")


def close(world: World, **request: Any) -> str:
    """Closes a month; returns what was done, or the error."""
    error, output = ended(world, world.start_close(request))
    return error or str(output["period"]["action"])


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> set[Call]:
    """What functions do in a preview, a close, the same close again, a close that AWS has no invoices for yet, in a
    replay of a revision that has another before it, and in a validation."""
    folder = tmp_path_factory.mktemp("rights")
    truth = write_month(folder / "cur", FINAL, line_items=2_000, seed=7)
    write_month(folder / "cur", OPEN, line_items=2_000, seed=7, final=False)
    with open_world(folder / "out") as world, listening(world) as heard:
        for period in (FINAL, OPEN):
            world.deliver(folder / "cur", BillingPeriod.parse(period))
        world.cloud.client("s3").put_object(Bucket=world.work_bucket, Key=INVOICES, Body=_invoices(truth))
        policy_key = world.put_policy(ROOT / "policy" / CONFIG.ratified_policy)
        assert close(world, billing_period=FINAL, preview=True, policy_key=policy_key) == "preview"
        assert close(world, billing_period=FINAL, invoices_key=INVOICES) == "close"
        assert close(world, billing_period=FINAL) == "closed"
        assert close(world, billing_period=OPEN) == "InvoicesNotFinal"
        write_month(folder / "restated", FINAL, line_items=2_000, seed=8)
        world.deliver(folder / "restated", BillingPeriod.parse(FINAL))
        assert close(world, billing_period=FINAL) == "close"
        error, _ = ended(world, world.start_replay({"billing_period": FINAL}))
        assert not error
        world.make_groups(all_ticket_groups(read_policy(ROOT / "policy" / CONFIG.ratified_policy).document))
        error, _ = ended(world, world.start_validation({"billing_period": OPEN}))
        assert not error
    return set(heard)


def _invoices(truth: MonthTruth) -> bytes:
    rows = [(i.billing_account_id, i.invoice_id, "USD", i.billed_cost) for i in truth.control_totals]
    header = ("billing_account_id", "invoice_id", "billing_currency", "total")
    return "".join(f"{','.join(row)}\n" for row in [header, *rows]).encode()


@pytest.mark.parametrize("state", ROLES)
def test_a_function_is_allowed_every_call_that_it_makes(
    calls: set[Call], stacks_of: Callable[[str], Stacks], state: str
) -> None:
    rights = stacks_of("local").roles[ROLES[state]]
    used = {right for caller, right in calls if caller == state}
    assert used
    assert not {use for use in used if not any(fnmatchcase(use, right) for right in rights)}


@pytest.mark.parametrize("state", ROLES)
def test_a_function_has_no_right_that_it_does_not_use(
    calls: set[Call], stacks_of: Callable[[str], Stacks], state: str
) -> None:
    rights = stacks_of("local").roles[ROLES[state]]
    used = {right for caller, right in calls if caller == state}
    unused = {right for right in rights if not any(fnmatchcase(use, right) for use in used)}
    unused = {right for right in unused if not right.startswith(("logs:", "xray:"))}
    assert unused == set(OUT_OF_THE_ORDINARY.get(state, {}))
