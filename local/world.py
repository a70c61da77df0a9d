"""The local cloud with the product deployed in it: stacks, books and secrets, ready for executions."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from functions.shared.adapters.policy_source import PolicySource
from functions.shared.delivery import NEEDED_COLUMNS, parse_manifest
from functions.shared.errors import InvalidManifest, ManifestNotFound, MissingColumn
from functions.shared.periods import BillingPeriod
from functions.shared.policy import policy_hash
from infra.config import EnvironmentConfig
from infra.environments import environment
from local.assembly import ROOT, synthesize
from local.aws.cloud import LocalCloud
from local.servicenow.server import ServiceNowStandIn
from local.signing import LocalRoot, has_identity, install_identity, issue_identity
from local.vault.server import VaultStandIn
from local.vault.set_up import put_secret, tell_functions, vault_of

CONFIG = environment("local")
ASSEMBLIES = ROOT / ".cache" / "assemblies"


class World:
    """One local cloud under one output folder, with every stack of an environment deployed."""

    def __init__(
        self,
        out: Path,
        cloud: LocalCloud,
        outputs: dict[str, str],
        config: EnvironmentConfig = CONFIG,
        vault: VaultStandIn | None = None,
    ) -> None:
        self.out = out
        self.cloud = cloud
        self.vault = vault
        self._outputs = outputs
        self._config = config
        self._books: ServiceNowStandIn | None = None

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

    @property
    def periods_table(self) -> str:
        """Where every month stands."""
        return self._outputs["PeriodsTable"]

    @property
    def responses_table(self) -> str:
        """What owners said to their statements."""
        return self._outputs["ResponsesTable"]

    @property
    def hygiene_table(self) -> str:
        """How well every account was tagged, day by day."""
        return self._outputs["TagHygieneTable"]

    @property
    def record_response(self) -> str:
        """The function that takes what an owner says."""
        return self._outputs["RecordResponse"]

    def deliver(self, cur: Path, period: BillingPeriod) -> None:
        """Delivers a month of an export folder as Data Exports does: data files first, the manifest last.

        The files are linked, not copied; what an earlier delivery had and this one has not is deleted. Raises
        ManifestNotFound when the month has no manifest.
        """
        files = {CONFIG.export_prefix + file.relative_to(cur).as_posix(): file for file in month_files(cur, period)}
        s3 = self.cloud.client("s3")
        for part in ("metadata", "data"):
            prefix = f"{CONFIG.export_prefix}{part}/BILLING_PERIOD={period}/"
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.billing_bucket, Prefix=prefix)
            for key in [stored["Key"] for page in pages for stored in page.get("Contents", [])]:
                if key not in files:
                    s3.delete_object(Bucket=self.billing_bucket, Key=key)
        for key, file in files.items():
            self.cloud.link(self.billing_bucket, key, file.resolve())
        self._put_manifests_last({key: file for key, file in files.items() if "/metadata/" in key}, period)

    def _put_manifests_last(self, manifests: dict[str, Path], period: BillingPeriod) -> None:
        """A manifest whose bytes are the same as before is delivered again all the same when data files are new."""
        s3 = self.cloud.client("s3")

        def delivered_at(prefix: str) -> list[datetime]:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.billing_bucket, Prefix=prefix)
            return [stored["LastModified"] for page in pages for stored in page.get("Contents", [])]

        newest = max(delivered_at(f"{CONFIG.export_prefix}data/BILLING_PERIOD={period}/"), default=None)
        for key, file in manifests.items():
            if newest and newest > max(delivered_at(key)):
                s3.put_object(Bucket=self.billing_bucket, Key=key, Body=file.read_bytes())

    def in_paths_of(self, cur: Path, text: str) -> str:
        """A message about objects of the billing bucket, in the paths of the folder that was delivered."""
        for name in (f"s3://{self.billing_bucket}/{CONFIG.export_prefix}", CONFIG.export_prefix):
            text = text.replace(name, f"{cur}/")
        return text

    def put_policy(self, policy: Path) -> str:
        """Puts a policy with its drivers into the work bucket under its hash; returns the policy's key."""
        source = PolicySource.from_folder(policy)
        folder = f"policies/{policy_hash(source.text, source.drivers)}"
        for name, text in {source.name: source.text, **source.drivers}.items():
            self.cloud.client("s3").put_object(Bucket=self.work_bucket, Key=f"{folder}/{name}", Body=text.encode())
        return f"{folder}/{source.name}"

    def read_work(self, key: str) -> bytes:
        """A file of a run."""
        content: bytes = self.cloud.client("s3").get_object(Bucket=self.work_bucket, Key=key)["Body"].read()
        return content

    def put_invoices(self, file: Path) -> str:
        """Puts a file of AWS's invoice totals into the work bucket; returns its key."""
        key = f"invoices/{file.name}"
        self.cloud.client("s3").put_object(Bucket=self.work_bucket, Key=key, Body=file.read_bytes())
        return key

    def start_close(self, request: dict[str, Any]) -> str:
        """Starts the month-end close; returns the execution's ARN."""
        return self._start("MonthEndCloseArn", request)

    def start_replay(self, request: dict[str, Any]) -> str:
        """Starts the replay of a closed month; returns the execution's ARN."""
        return self._start("ReplayPeriodArn", request)

    def start_validation(self, request: dict[str, Any]) -> str:
        """Starts the daily validation; returns the execution's ARN."""
        return self._start("DailyValidationArn", request)

    def _start(self, machine: str, request: dict[str, Any]) -> str:
        started = self.cloud.client("stepfunctions").start_execution(
            stateMachineArn=self._outputs[machine], input=json.dumps(request)
        )
        arn: str = started["executionArn"]
        return arn

    @property
    def root_certificate(self) -> Path:
        """The certificate of the local root, with which statements and evidence verify."""
        return self.out / "root-ca.pem"

    def prepare_signing(self, tell: Callable[[str], None] = lambda _: None) -> None:
        """Has the signing key certified by the local root, the first time; puts the root's certificate beside."""
        root = LocalRoot(self.cloud.state_dir / "signing")
        if self._config.vault and self._config.vault.pki_role:
            # This Vault forgets its keys when it ends: each start has another to certify.
            tell(f"Having the signing key certified by Vault: {self.root_certificate}")
            issue_identity(self.cloud.client("lambda"), self._outputs["IssueCertificateFunction"])
        elif not has_identity(self.cloud.client("ssm"), self._outputs["SigningIdentityParameter"]):
            tell(f"Making a root certificate and having the signing key certified: {self.root_certificate}")
            self.install_signing_identity()
        if not self.root_certificate.exists():
            self.root_certificate.write_text(root.pem, encoding="ascii")

    def install_signing_identity(self, key: str | None = None) -> dict[str, Any]:
        """Has a key certified by the local root and signs with it from now on; ``key`` names another than the first."""
        root = LocalRoot(self.cloud.state_dir / "signing")
        return install_identity(self.cloud.client("lambda"), self._outputs["IssueCertificateFunction"], root, key)

    @property
    def books(self) -> ServiceNowStandIn | None:
        """The books that it is connected to."""
        return self._books

    def connect_books(self, books: ServiceNowStandIn) -> None:
        """Puts the books' address and our credentials where the deployed functions look for them."""
        self._books = books
        self.put_connection({"base_url": books.url, "credentials": books.credentials})

    def put_connection(self, connection: dict[str, Any]) -> None:
        """Puts a connection with ServiceNow where the deployed functions look for it: in Vault, or Secrets Manager."""
        if self.vault and self._config.vault and self._config.vault.servicenow_secret:
            put_secret(self.vault, self._config.vault, connection)
            return
        self.cloud.client("secretsmanager").put_secret_value(
            SecretId=self._outputs["ServiceNowSecret"], SecretString=json.dumps(connection)
        )

    def ask_for_changes(self) -> None:
        """From now on changed rules need an approved change request, as where ``change_gate`` is set."""
        lambdas = self.cloud.client("lambda")
        pages = lambdas.get_paginator("list_functions").paginate()
        functions = [function for page in pages for function in page["Functions"]]
        [gate] = [function for function in functions if function["FunctionName"].endswith("CheckChange")]
        variables = gate["Environment"]["Variables"] | {"CHANGE_GATE": "true"}
        lambdas.update_function_configuration(FunctionName=gate["FunctionName"], Environment={"Variables": variables})

    def make_groups(self, names: Iterable[str]) -> None:
        """Has the assignment groups in the books that tickets go to, as an administrator would."""
        if self._books is not None:
            self._books.make_groups(names)


def month_files(cur: Path, period: BillingPeriod) -> list[Path]:
    """The files of a month in an export folder, in the order of their delivery: manifests last.

    Raises ManifestNotFound when the month has no manifest.
    """
    folder = f"BILLING_PERIOD={period}"
    manifests = sorted((cur / "metadata" / folder).rglob("*-Manifest.json"))
    if not manifests:
        others = sorted({path.parent.name for path in (cur / "metadata").glob("BILLING_PERIOD=*/*-Manifest.json")})
        months = ", ".join(name.partition("=")[2] for name in others) or "no month at all"
        raise ManifestNotFound(
            f"{cur}: no manifest for {period}, expected as metadata/{folder}/…-Manifest.json; without one a delivery "
            f"is incomplete (there is one for {months})"
        )
    data = (path for path in (cur / "data" / folder).rglob("*") if path.is_file() and path.name[0] not in "._")
    return [*sorted(data), *manifests]


def check_columns(cur: Path, period: BillingPeriod) -> None:
    """Refuses data files without a column that the allocation needs: a query would read nothing there, and go on.

    AWS never delivers such a file; a folder that was put together by other means may hold one. Raises MissingColumn.
    """
    files = month_files(cur, period)
    listed = {path for file in files if file.suffix == ".json" for path in _listed(file)}
    for file in files:
        if file.relative_to(cur).as_posix() in listed:
            missing = [column for column in NEEDED_COLUMNS if column not in _columns_of(file)]
            if missing:
                raise MissingColumn(f"{file} lacks {', '.join(missing)}; add it to the export's query")


def _listed(manifest: Path) -> list[str]:
    """The data files that a manifest lists; none if it cannot be read, which the state machine tells better."""
    try:
        uris = parse_manifest(str(manifest), manifest.read_bytes()).data_files
    except InvalidManifest:
        return []
    return [f"data/BILLING_PERIOD={uri.partition('data/BILLING_PERIOD=')[2]}" for uri in uris]


def _columns_of(file: Path) -> Collection[str]:
    """The columns of a Parquet file; of a damaged one every column, as its damage is found when it is read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return set(pq.read_schema(file).names)
    except pa.ArrowInvalid:
        return NEEDED_COLUMNS


@contextmanager
def open_world(
    out: Path, tell: Callable[[str], None] = lambda _: None, *, signs: bool = True, config: EnvironmentConfig = CONFIG
) -> Iterator[World]:
    """Starts the local cloud on ``out/.cloud``, deploys the stacks into it, and opens the books; ends all of it.

    ``signs`` has the signing key certified, without which no month closes. With an environment that has a Vault there
    is one as well.
    """
    assembly = synthesize(ASSEMBLIES, env=config.name, tell=tell)
    tell("Starting the local cloud and deploying the stacks …")
    state = out / ".cloud"
    with LocalCloud(state, region=config.region) as cloud, ServiceNowStandIn(state) as books, ExitStack() as more:
        outputs = {name: value for stack in cloud.deploy(assembly).values() for name, value in stack.items()}
        vault = None
        if config.vault:
            vault = more.enter_context(vault_of(config, config.vault, state / "signing", cloud.credentials))
            tell_functions(cloud.client("lambda"), vault)
        world = World(out, cloud, outputs, config, vault)
        world.connect_books(books)
        if signs:
            world.prepare_signing(tell)
        yield world
