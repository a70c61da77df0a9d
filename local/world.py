"""The local cloud with the product deployed in it: stacks, books and secrets, ready for executions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from functions.shared.adapters.policy_source import PolicySource
from functions.shared.errors import ManifestNotFound
from functions.shared.periods import BillingPeriod
from functions.shared.policy import policy_hash
from infra.config import environment
from local.assembly import ROOT, synthesize
from local.aws.cloud import LocalCloud
from local.servicenow.server import ServiceNowStandIn

CONFIG = environment("local")
ASSEMBLIES = ROOT / ".cache" / "assemblies"


class World:
    """One local cloud under one output folder, with every stack deployed."""

    def __init__(self, out: Path, cloud: LocalCloud, outputs: dict[str, str]) -> None:
        self.out = out
        self.cloud = cloud
        self._outputs = outputs

    @property
    def billing_bucket(self) -> str:
        """Where Data Exports delivers."""
        return self._outputs["BillingBucket"]

    @property
    def work_bucket(self) -> str:
        """Where runs keep their files."""
        return self._outputs["WorkBucket"]

    @property
    def ledger_bucket(self) -> str:
        """Where the ledger, the summaries and the evidence are."""
        return self._outputs["LedgerBucket"]

    @property
    def statements_bucket(self) -> str:
        """Where the statements are filed."""
        return self._outputs["StatementsBucket"]

    def deliver(self, cur: Path, period: BillingPeriod) -> None:
        """Delivers a month of an export folder as Data Exports does: data files first, the manifest last.

        The files are linked, not copied. Raises ManifestNotFound when the month has no manifest.
        """
        folder = f"BILLING_PERIOD={period}"
        manifests = sorted((cur / "metadata" / folder).rglob("*-Manifest.json"))
        if not manifests:
            raise ManifestNotFound(
                f"{cur}: no manifest for {period}; expected metadata/{folder}/…-Manifest.json, without which a "
                "delivery is incomplete"
            )
        data_files = sorted(file for file in (cur / "data" / folder).rglob("*") if file.is_file())
        for file in [*data_files, *manifests]:
            key = CONFIG.export_prefix + file.relative_to(cur).as_posix()
            self.cloud.link(self.billing_bucket, key, file.resolve())

    def put_policy(self, policy: Path) -> str:
        """Puts a policy with its drivers into the work bucket under its hash; returns the policy's key."""
        source = PolicySource.from_folder(policy)
        folder = f"policies/{policy_hash(source.text, source.drivers)}"
        for name, text in {source.name: source.text, **source.drivers}.items():
            self.cloud.client("s3").put_object(Bucket=self.work_bucket, Key=f"{folder}/{name}", Body=text.encode())
        return f"{folder}/{source.name}"

    def start_close(self, request: dict[str, Any]) -> str:
        """Starts the month-end close; returns the execution's ARN."""
        started = self.cloud.client("stepfunctions").start_execution(
            stateMachineArn=self._outputs["MonthEndCloseArn"], input=json.dumps(request)
        )
        arn: str = started["executionArn"]
        return arn

    def connect_books(self, books: ServiceNowStandIn) -> None:
        """Puts the books' address and our credentials where the deployed functions look for them."""
        secret = {"base_url": books.url, "credentials": books.credentials}
        self.cloud.client("secretsmanager").put_secret_value(
            SecretId=self._outputs["ServiceNowSecret"], SecretString=json.dumps(secret)
        )


@contextmanager
def open_world(out: Path) -> Iterator[World]:
    """Starts the local cloud on ``out/.cloud``, deploys the stacks into it, and opens the books; ends all of it."""
    assembly = synthesize(ASSEMBLIES)
    state = out / ".cloud"
    with LocalCloud(state, region=CONFIG.region) as cloud, ServiceNowStandIn(state) as books:
        outputs = {name: value for stack in cloud.deploy(assembly).values() for name, value in stack.items()}
        world = World(out, cloud, outputs)
        world.connect_books(books)
        yield world
