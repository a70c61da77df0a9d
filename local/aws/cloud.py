"""An AWS account on one machine, in one process: moto with our extensions, and durable state in a directory."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import ClientError

from local.aws.accounts import ACCOUNT_ID
from local.aws.clients import client
from local.aws.errors import DeploymentFailed
from local.aws.files import ObjectFiles
from local.aws.invoices import PayerInvoices
from local.aws.patching import Patches, require_moto
from local.aws.role_credentials import IssuedCredentials

BOOTSTRAP_QUALIFIER = "hnb659fds"
BOOTSTRAP_VERSION = "30"
ASSET_BUCKETS = f"cdk-{BOOTSTRAP_QUALIFIER}-assets-"
"""How the buckets of `cdk bootstrap` begin; an asset is published at every deployment, so nothing keeps it."""


class LocalCloud:
    """Everything in it ends with the `with` block, except what is in `state_dir`.

    Buckets and tables get their objects and items back the moment a deployment creates them again.
    """

    def __init__(self, state_dir: Path, region: str = "us-east-1") -> None:
        self.state_dir = state_dir.absolute()
        self.log_dir = self.state_dir / "logs"
        self.region = region
        self._running: ExitStack | None = None
        self._store: Any = None
        self._patches: Patches | None = None
        self._credentials: IssuedCredentials | None = None
        self._accepts_stacks = False
        self.invoices = PayerInvoices()
        """What AWS's Invoicing API answers; nobody has been invoiced when the cloud is new."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Raises WrongMotoVersion, or StateInUse when another process works on the same state."""
        require_moto()
        with ExitStack() as starting:
            self._start(starting)
            self._running = starting.pop_all()

    def stop(self) -> None:
        """Aborts running executions and leaves no thread, process or replaced function behind."""
        if self._running is not None:
            running, self._running = self._running, None
            running.close()

    def deploy(self, assembly: Path) -> dict[str, dict[str, str]]:
        """Deploys every stack of a synthesized assembly, and returns the outputs by stack name.

        Raises DeploymentFailed naming the stack, and the resource that cannot be created.
        """
        from local.aws.assembly import Assembly

        synthesized = Assembly(assembly)
        stacks = synthesized.stacks(ACCOUNT_ID, self.region)
        self.accept_stacks()
        if self.client("cloudformation").describe_stacks()["Stacks"]:
            raise DeploymentFailed("This local cloud has been deployed to already: start a new one.")
        self._bootstrap()
        for asset in synthesized.file_assets(ACCOUNT_ID, self.region):
            self.client("s3").put_object(Bucket=asset.bucket, Key=asset.key, Body=asset.content())
        return {stack.name: self._create_stack(stack.name, stack.template) for stack in stacks}

    def accept_stacks(self) -> None:
        """Makes CloudFormation create everything that our stacks declare, also for `cdk bootstrap` and `cdk deploy`."""
        # These import half of moto, which a cloud without stacks need not wait for.
        from local.aws import cloudformation
        from local.aws.cost_allocation_tags import PayerTags

        if self._patches is None:
            raise DeploymentFailed("The local cloud is not running: start it first.")
        if not self._accepts_stacks:
            self._accepts_stacks = True
            cloudformation.install(self._patches)
            PayerTags().install(self._patches)

    def client(self, service: str) -> Any:
        """A boto3 client of this cloud."""
        return client(service, self.region)

    @property
    def credentials(self) -> IssuedCredentials:
        """What functions have been given to prove who they are, since the cloud was started."""
        if self._credentials is None:
            raise DeploymentFailed("The local cloud is not running: start it first.")
        return self._credentials

    @property
    def files(self) -> ObjectFiles:
        """The objects as files."""
        files: ObjectFiles = self._store
        return files

    def link(self, bucket: str, key: str, path: Path) -> str:
        """Registers a file in place as the newest version of an object, and returns its version id. Events fire.

        A file that is linked to this key already and is unchanged stays the version it is, without an event.
        """
        version_id: str = self._store.link(bucket, key, path)
        return version_id

    def wait(self, execution_arn: str, seconds: float = 3600.0) -> dict[str, Any]:
        """The description of an execution once it has ended, or of one that still runs when the seconds are over."""
        deadline = time.monotonic() + seconds
        while True:
            description: dict[str, Any] = self.client("stepfunctions").describe_execution(executionArn=execution_arn)
            if description["status"] != "RUNNING" or time.monotonic() > deadline:
                return description
            time.sleep(0.02)

    def _start(self, running: ExitStack) -> None:
        from moto import mock_aws

        from local.athena import backend as athena
        from local.aws import accounts, events, identity, keys, step_functions
        from local.aws.dynamodb_store import ItemStore
        from local.aws.environment import without_aws_configuration
        from local.aws.journal import Journal
        from local.aws.keys import KeyStore
        from local.aws.lambda_runner import LambdaRunner
        from local.aws.parameter_store import ParameterStore
        from local.aws.s3_store import ObjectStore
        from local.aws.secret_store import SecretStore

        journal = Journal(self.state_dir)
        running.callback(journal.close)
        running.enter_context(without_aws_configuration(self.region))
        running.enter_context(_log_of_moto(self.log_dir / "moto.log"))
        running.enter_context(mock_aws(config={"stepfunctions": {"execute_state_machine": True}}))
        patches = self._patches = Patches()
        running.callback(patches.undo)
        self._accepts_stacks = False
        self._store = ObjectStore(journal, self.state_dir / "objects", ACCOUNT_ID, transient=ASSET_BUCKETS)
        runner = LambdaRunner(self.log_dir)
        running.callback(runner.close)
        self._credentials = runner.credentials
        parameters = ParameterStore(journal, ACCOUNT_ID)
        for durable in (self._store, ItemStore(journal), KeyStore(journal), SecretStore(journal), parameters, runner):
            durable.install(patches)
        for extension in (events, keys, step_functions):
            extension.install(patches)
        self.invoices.install(patches)
        for of_accounts in (accounts, identity):
            of_accounts.install(patches, runner.credentials)
        athena.install(self._store)
        running.callback(athena.uninstall)
        running.callback(events.wait_for_deliveries)
        running.callback(step_functions.stop_executions)
        running.callback(runner.refuse)

    def _bootstrap(self) -> None:
        """Leaves what assets and templates need of `cdk bootstrap`."""
        self.client("s3").create_bucket(Bucket=f"{ASSET_BUCKETS}{ACCOUNT_ID}-{self.region}")
        version = f"/cdk-bootstrap/{BOOTSTRAP_QUALIFIER}/version"
        self.client("ssm").put_parameter(Name=version, Value=BOOTSTRAP_VERSION, Type="String")

    def _create_stack(self, name: str, template: str) -> dict[str, str]:
        cloudformation = self.client("cloudformation")
        with warnings.catch_warnings():
            warnings.simplefilter("error", category=UserWarning)  # moto warns where it leaves something out
            try:
                cloudformation.create_stack(
                    StackName=name, TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"]
                )
            except (ClientError, UserWarning) as error:
                message = error.response["Error"]["Message"] if isinstance(error, ClientError) else str(error)
                raise DeploymentFailed(f"Stack {name}: {message}") from error
        [stack] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        if stack["StackStatus"] != "CREATE_COMPLETE":
            raise DeploymentFailed(
                f"Stack {name} ended as {stack['StackStatus']}: {stack.get('StackStatusReason', '')}"
            )
        return {output["OutputKey"]: str(output["OutputValue"]) for output in stack.get("Outputs", [])}


@contextmanager
def _log_of_moto(path: Path) -> Iterator[None]:
    """moto logs every failing state, which its execution's history tells better; the console is not the place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    logger, handler = logging.getLogger("moto"), logging.FileHandler(path, delay=True)
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
        handler.close()
