"""The CDK CLI deploys the rehearsal environment to the local cloud, where a delivered month closes by itself."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from infra.environments import REHEARSAL
from infra.names import stack_name
from local import cdk_cli
from local.assembly import ROOT
from local.aws.cloud import LocalCloud
from local.aws.endpoint import Endpoint
from local.cdk_cli import CdkCli, CdkFailed
from tests.e2e.bills import LINE_ITEMS
from tests.e2e.command import period_record, posted, run, start

pytestmark = pytest.mark.slow

STACKS = ("Replica", "Ci", "Data", "Pipeline", "Observability", "PayerCi", "BillingSource", "TagPolicies")


def test_a_deployed_environment_closes_the_month_that_is_delivered_to_it(tmp_path: Path) -> None:
    threads = set(threading.enumerate())

    ended = run("deploy-local", "--line-items", str(LINE_ITEMS), "--out", tmp_path)

    assert ended.code == 0, "\n".join(ended.err)
    deployed = [line.strip() for line in ended.out if line.startswith("  Chargeback-")]
    assert sorted(deployed) == sorted(stack_name(REHEARSAL, stack) for stack in STACKS)
    told = "\n".join(ended.out)
    for claim in (
        f"{len(STACKS)} stacks in 2 accounts",
        "each stack CREATE_COMPLETE",
        "is CLOSED: billed",
        f"no changes in {len(STACKS)} stacks",
        "no difference",
    ):
        assert claim in told
    assert period_record(tmp_path / "rehearsal", "2026-05")["status"] == {"S": "CLOSED"}
    assert posted(tmp_path / "rehearsal")
    assert set(threading.enumerate()) <= threads


def test_a_deployment_without_a_bootstrap_fails_with_the_clis_reason(tmp_path: Path) -> None:
    program = cdk_cli.install(ROOT / ".cache")
    with LocalCloud(tmp_path / "state") as cloud, Endpoint(cloud) as endpoint:
        cloud.accept_stacks()
        cli = CdkCli(program, endpoint.environment(), tmp_path / "logs")
        options = ("--context", f"env={REHEARSAL.name}", "--output", str(tmp_path / "cdk.out"))

        with pytest.raises(CdkFailed, match=r"^cdk deploy ended with 1: .*Has the environment been bootstrapped\?"):
            cli.run("deploy", "deploy", stack_name(REHEARSAL, "Ci"), *options)


def test_serving_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with start("serve", "--port", "0", "--out", tmp_path) as process:
        assert process.stdout is not None
        exported = [process.stdout.readline() for _ in range(9)]
        process.terminate()
        _, errors = process.communicate(timeout=30)

    assert exported[0].startswith("export AWS_ENDPOINT_URL=http://127.0.0.1:")
    assert "Ctrl-C stops it" in exported[-1]
    assert (process.returncode, errors) == (0, "")
