"""The functions of the month-end close, each with its settings and exactly the rights it needs."""

from __future__ import annotations

from typing import NamedTuple

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.config import EnvironmentConfig
from infra.constructs.close_settings import close_settings
from infra.constructs.concurrency import reserved_concurrency
from infra.constructs.python_function import PythonFunction, function_code
from infra.names import SIGNERS, invoice_reader, name_of, signing_alias, signing_identity_parameter, state_of
from infra.stacks.data_stack import DataStack

RENDERER = "render_statement"
"""The function that carries the rendering packages."""

READ_NOTHING_ELSE = ("IssueCertificate",)
"""It reads nothing that is encrypted with the key of all other data."""


class Size(NamedTuple):
    """What a function has for one month, or for one item of it."""

    timeout_minutes: int = 5
    memory_mib: int = 512


SIZES = {
    "seal_billing_data": Size(timeout_minutes=15, memory_mib=1769),
    "publish_ledger": Size(memory_mib=1024),
    "prepare_statements": Size(timeout_minutes=10, memory_mib=2048),
    "render_statement": Size(timeout_minutes=10, memory_mib=1769),
    "summarize_run": Size(memory_mib=1024),
    "restore_period": Size(timeout_minutes=15, memory_mib=1769),
    "compare_replay": Size(timeout_minutes=10, memory_mib=2048),
}
"""Of the functions that need more than others."""

FILES_READ: dict[str, tuple[str, ...]] = {
    "ReadManifest": ("runs/*/delivery.json", "runs/*/restored.json"),
    "CompilePolicy": ("policies/*", "runs/*/sources/policy/*"),
    "RenderQueries": ("runs/*/delivery.json", "runs/*/policy.json", "runs/*/sources/sql/*"),
    "CheckInvoices": ("runs/*/delivery.json", "runs/*/policy.json", "athena-results/*"),
    "SealBillingData": ("runs/*/delivery.json",),
    "FetchInvoiceTotals": ("invoices/*",),
    "ReconcileLedger": ("runs/*/policy.json", "athena-results/*"),
    "CheckSeal": ("runs/*/seal.json",),
    "PublishLedger": ("runs/*/ledger_entries/*", "athena-results/*"),
    "PrepareStatements": (
        "runs/*/policy.json",
        "runs/*/seal.json",
        "runs/*/reconciliation.json",
        "runs/*/sources/sql/*",
        "runs/*/restored.json",
        "athena-results/*",
    ),
    "RenderStatement": ("runs/*/statements/*", "runs/*/rendered/*"),
    "PostCharge": ("runs/*/rendered/*",),
    "CheckPostings": ("runs/*/policy.json", "runs/*/totals.json", "runs/*/postings/*"),
    "AttachStatement": ("runs/*/charge_items.json", "runs/*/rendered/*"),
    "SummarizeRun": (
        "runs/*/policy.json",
        "runs/*/delivery.json",
        "runs/*/seal.json",
        "runs/*/invoice_totals/*",
        "runs/*/reconciliation.json",
        "runs/*/queries.json",
        "runs/*/totals.json",
        "runs/*/unrecognized_tags.json",
        "runs/*/sources/*",
        "runs/*/rendered/*",
        "runs/*/postings/*",
        "runs/*/summary.json",
    ),
}
"""The files of a run, and of the work bucket beside them, that each function reads; query results count as such."""

FILES_WRITTEN: dict[str, tuple[str, ...]] = {
    "ReadManifest": ("runs/*/delivery.json",),
    "CompilePolicy": ("runs/*/policy_*", "runs/*/policy.json", "runs/*/sources/policy/*"),
    "RenderQueries": ("runs/*/sources/sql/*",),
    "SealBillingData": ("runs/*/seal.json",),
    "FetchInvoiceTotals": ("runs/*/invoice_totals/*",),
    "ReconcileLedger": ("runs/*/reconciliation.json", "runs/*/queries.json"),
    "PrepareStatements": (
        "runs/*/statements/*",
        "runs/*/totals.json",
        "runs/*/unrecognized_tags.json",
        "runs/*/charge_items.json",
    ),
    "RenderStatement": ("runs/*/rendered/*", "runs/*/replayed/*"),
    "CheckChange": ("runs/*/sources/change/*",),
    "PostCharge": ("runs/*/postings/*",),
    "SummarizeRun": ("runs/*/summary.json", "runs/*/evidence.json"),
}
"""Those that each function writes."""


class CloseFunctions(Construct):
    """All functions by the name of their state; the grants below are the whole of what they may do."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: EnvironmentConfig,
        data: DataStack,
        key: kms.IKey,
        periods: dynamodb.TableV2,
        responses: dynamodb.TableV2,
        servicenow: secretsmanager.Secret | None,
        layers: list[lambda_.ILayerVersion],
        rendering: lambda_.ILayerVersion,
    ) -> None:
        super().__init__(scope, construct_id)
        self._config, self._data, self._key = config, data, key
        settings = close_settings(config, data, periods, responses, servicenow)
        self.by_state = self._make_functions(settings, layers, rendering)
        self._grant_rights(periods, responses, servicenow)
        self.issue_certificate = self.by_state.pop("IssueCertificate")
        """No state: an operator invokes it when a key gets its certificate."""
        self.decide_approval = self.by_state.pop("DecideApproval")
        """No state: an approver invokes it while AwaitApproval waits."""
        self.record_response = self.by_state.pop("RecordResponse")
        """No state: it is invoked for a statement's owner."""
        self.of_replay = {state: self.by_state[state] for state in ("RestorePeriod", "CompareReplay")}
        """States that only replay_period has."""
        self.of_close = {state: of for state, of in self.by_state.items() if state not in self.of_replay}
        """States of month_end_close."""

    def let_read_executions(self, machine: sfn.StateMachine) -> None:
        """TakePeriodLock asks whether the execution that holds a period still runs."""
        executions = cdk.Stack.of(self).format_arn(
            service="states",
            resource="execution",
            resource_name=f"{machine.state_machine_name}:*",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        statement = iam.PolicyStatement(actions=["states:DescribeExecution"], resources=[executions])
        iam.Policy(self, "ReadExecutions", statements=[statement]).attach_to_role(self._role_of("TakePeriodLock"))

    def let_answer_task(self, machine: sfn.StateMachine) -> None:
        """DecideApproval lets the execution that waits go on, or fail."""
        answers = ["states:SendTaskSuccess", "states:SendTaskFailure"]
        statement = iam.PolicyStatement(actions=answers, resources=[machine.state_machine_arn])
        role = self.decide_approval.role
        assert role is not None  # noqa: S101 - a function that is made here has a role
        iam.Policy(self, "AnswerTask", statements=[statement]).attach_to_role(role)

    def _make_functions(
        self, settings: dict[str, dict[str, str]], layers: list[lambda_.ILayerVersion], rendering: lambda_.ILayerVersion
    ) -> dict[str, PythonFunction]:
        code = function_code()
        made = {}
        for verb_noun, given in settings.items():
            size, state = SIZES.get(verb_noun, Size()), state_of(verb_noun)
            made[state] = PythonFunction(
                self,
                verb_noun,
                code=code,
                layers=[*layers, rendering] if verb_noun == RENDERER else layers,
                settings=given,
                log_key=self._key,
                function_name=name_of(self._config, state),
                timeout=cdk.Duration.minutes(size.timeout_minutes),
                memory_mib=size.memory_mib,
                reserved_concurrency=reserved_concurrency(self._config, verb_noun),
            )
        return made

    def _grant_rights(
        self, periods: dynamodb.TableV2, responses: dynamodb.TableV2, servicenow: secretsmanager.Secret | None
    ) -> None:
        self._grant_work()
        self._grant_billing()
        self._grant_records()
        self._grant_signing()
        self._grant_replay()
        if self._config.change_gate:
            self._grant_change_gate(servicenow)
        if self._config.ties_to_invoices:
            self._allow("FetchInvoiceTotals", ["sts:AssumeRole"], [invoice_reader(self._config)])
        for state in ("TakePeriodLock", "RecordFailure", "DecideApproval"):
            periods.grant(self.by_state[state], "dynamodb:GetItem", "dynamodb:PutItem")
        self._grant_responses(responses)
        if servicenow is not None:
            for state in ("PostCharge", "CheckPostings", "AttachStatement"):
                self._allow(state, ["secretsmanager:GetSecretValue"], [servicenow.secret_arn])
        self._grant_keys()

    def _grant_work(self) -> None:
        """Files of a run, and who may see which are there."""
        work = self._data.work
        for state, keys in FILES_READ.items():
            self._allow(state, ["s3:GetObject"], [work.arn_for_objects(key) for key in keys])
        for state, keys in FILES_WRITTEN.items():
            self._allow(state, ["s3:PutObject"], [work.arn_for_objects(key) for key in keys])
            self._allow(state, ["kms:GenerateDataKey"], [self._key.key_arn])
        self._list_versions("RenderQueries", work, "runs/*/sources/sql/")
        self._list_versions("PrepareStatements", work, "runs/*/sources/sql/")
        self._list_versions("PublishLedger", work, "runs/*/ledger_entries/")
        self._list_versions("RenderStatement", work, "runs/*/rendered/*")
        self._list_versions("CheckPostings", work, "runs/*/postings/")
        self._list_versions("SummarizeRun", work, "runs/*/rendered/", "runs/*/postings/", "runs/*/sources/*")
        # Without it S3 answers "forbidden" for a file that is not there, and whoever named it learns nothing.
        for state in ("ReadManifest", "CompilePolicy", "FetchInvoiceTotals"):
            self._allow(state, ["s3:ListBucket"], [work.bucket_arn])

    def _grant_billing(self) -> None:
        """The bill is read by those that find, seal and check it, and by the queries; retention is set by one."""
        billing, export = self._data.billing, self._config.export_prefix
        manifests, files = f"{export}metadata/", f"{export}data/"
        self._allow("ReadManifest", ["s3:GetObject"], [billing.arn_for_objects(f"{manifests}*")])
        self._allow(
            "SealBillingData", ["s3:GetObjectVersion", "s3:PutObjectRetention"], [billing.arn_for_objects(f"{files}*")]
        )
        month = "BILLING_PERIOD=*/"
        self._list_versions("ReadManifest", billing, manifests + month, files + month)
        self._list_versions("CheckSeal", billing, files + month)

    def _grant_records(self) -> None:
        """The ledger and the statements are written once; the head tells a repeated write from a conflict."""
        once = ["s3:PutObject", "s3:PutObjectRetention", "s3:GetObject"]
        ledger, statements = self._data.ledger, self._data.statements
        self._allow("PublishLedger", once, [ledger.arn_for_objects("ledger/*")])
        self._allow("CheckPostings", ["s3:GetObject"], [ledger.arn_for_objects("periods/*/summary.json")])
        self._allow("SummarizeRun", once, [ledger.arn_for_objects(keys) for keys in ("periods/*", "archive/*")])
        # Its head tells until when a file of the archive is kept; a later close may need it longer.
        self._allow("SummarizeRun", ["s3:GetObjectRetention"], [ledger.arn_for_objects("archive/*")])
        self._allow("SummarizeRun", ["s3:GetObjectVersion"], [ledger.arn_for_objects("ledger/*")])
        self._list_versions("SummarizeRun", ledger, "ledger/", "periods/", "archive/")
        self._allow("SignEvidence", once, [ledger.arn_for_objects("periods/*/evidence.json*")])
        self._list_versions("SignEvidence", ledger, "periods/*/evidence.json.p7s")
        self._allow("SignEvidence", ["kms:GenerateDataKey"], [self._key.key_arn])
        self._allow("RenderStatement", once, [statements.arn_for_objects("charge_period=*")])
        self._allow("RenderStatement", ["s3:PutObject"], [statements.arn_for_objects("drafts/*")])
        self._allow("AttachStatement", ["s3:GetObject"], [statements.arn_for_objects("charge_period=*")])
        self._allow("PublishLedger", ["kms:GenerateDataKey"], [self._key.key_arn])

    def _grant_change_gate(self, servicenow: secretsmanager.Secret | None) -> None:
        """The gate compares the run's policy with the evidence of the last close, reads change requests, and takes what
        a run has kept of its own when that is resumed."""
        work, ledger = self._data.work, self._data.ledger
        self._allow("CheckChange", ["s3:GetObject"], [work.arn_for_objects("runs/*/sources/policy/*")])
        self._allow("CheckChange", ["s3:GetObject"], [work.arn_for_objects("runs/*/sources/change/*")])
        self._allow("CheckChange", ["s3:GetObject"], [ledger.arn_for_objects("periods/*/evidence.json")])
        self._list_versions("CheckChange", work, "runs/*/sources/policy/")
        self._list_versions("CheckChange", work, "runs/*/sources/change/")
        self._list_versions("CheckChange", ledger, "periods/")
        if servicenow is not None:
            self._allow("CheckChange", ["secretsmanager:GetSecretValue"], [servicenow.secret_arn])

    def _grant_replay(self) -> None:
        """A replay reads what was sealed and filed, and writes nowhere but into the folder of its run."""
        billing, ledger, statements, work = (
            self._data.billing,
            self._data.ledger,
            self._data.statements,
            self._data.work,
        )
        files = billing.arn_for_objects(f"{self._config.export_prefix}data/*")
        copies = [work.arn_for_objects(f"runs/*/{table}/*") for table in ("restored_cur", "restored_ledger")]
        notes = ("sources/*", "invoice_totals/*", "delivery.json", "seal.json", "restored.json")
        results = ("evidence.json", "summary.json", "rendered/*", "replayed/*")
        self._allow("RestorePeriod", ["s3:GetObjectVersion"], [files])
        self._allow("RestorePeriod", ["s3:GetObjectVersion"], [ledger.arn_for_objects("ledger/*"), *copies])
        self._allow("RestorePeriod", ["s3:GetObject"], [ledger.arn_for_objects("archive/*")])
        self._allow("RestorePeriod", ["s3:GetObject"], [ledger.arn_for_objects("periods/*/evidence.json*")])
        self._allow("RestorePeriod", ["s3:PutObject"], copies)
        self._allow("RestorePeriod", ["s3:PutObject"], [work.arn_for_objects(f"runs/*/{note}") for note in notes])
        self._list_versions("RestorePeriod", ledger, "periods/*", "ledger/*")
        self._allow("CompareReplay", ["s3:GetObjectVersion"], [ledger.arn_for_objects("ledger/*")])
        self._allow("CompareReplay", ["s3:GetObject"], [ledger.arn_for_objects("periods/*")])
        self._allow("CompareReplay", ["s3:GetObject"], [work.arn_for_objects(f"runs/*/{name}") for name in results])
        self._allow("CompareReplay", ["s3:GetObject"], [work.arn_for_objects("athena-results/*")])
        self._allow("CompareReplay", ["s3:PutObject"], [work.arn_for_objects("runs/*/replay.json")])
        self._list_versions("CompareReplay", ledger, "ledger/*")
        self._list_versions("CompareReplay", work, "runs/*/rendered/")
        # That a file is gone is an answer; without it S3 says "forbidden".
        self._allow("CompareReplay", ["s3:ListBucket"], [work.bucket_arn])
        for state in ("RestorePeriod", "CompareReplay"):
            self._allow(state, ["s3:ListBucket"], [ledger.bucket_arn, statements.bucket_arn])
            self._allow(state, ["s3:GetObject"], [statements.arn_for_objects("charge_period=*")])
            self._allow(state, ["kms:GenerateDataKey"], [self._key.key_arn])

    def _grant_signing(self) -> None:
        """Keys are known by their aliases: one that follows another needs no other grant."""
        config, stack = self._config, cdk.Stack.of(self)
        keys = stack.format_arn(service="kms", resource="key", resource_name="*")
        identity = stack.format_arn(
            service="ssm", resource="parameter", resource_name=signing_identity_parameter(config).removeprefix("/")
        )
        numbered = {"ForAnyValue:StringLike": {"kms:ResourceAliases": signing_alias(config, "*")}}
        for state in SIGNERS:
            actions = ["kms:Sign", "kms:GetPublicKey"] if state == "IssueCertificate" else ["kms:Sign"]
            self.by_state[state].add_to_role_policy(
                iam.PolicyStatement(actions=actions, resources=[keys], conditions=numbered)
            )
            right = "ssm:PutParameter" if state == "IssueCertificate" else "ssm:GetParameter"
            self._allow(state, [right], [identity])
        if config.signing.private_ca:
            verbs = ("DescribeCertificateAuthority", "IssueCertificate", "GetCertificate")
            self._allow("IssueCertificate", [f"acm-pca:{verb}" for verb in verbs], [config.signing.private_ca])

    def _grant_responses(self, responses: dynamodb.TableV2) -> None:
        """Whether there is a statement to respond to is in the summary of its revision."""
        responses.grant(self.by_state["RecordResponse"], "dynamodb:GetItem", "dynamodb:PutItem")
        self._allow("RecordResponse", ["s3:GetObject"], [self._data.ledger.arn_for_objects("periods/*")])
        self._allow("RecordResponse", ["s3:ListBucket"], [self._data.ledger.bucket_arn])

    def _grant_keys(self) -> None:
        """Whatever a function reads is encrypted with the one key: objects, the secret, and the table's own key; but
        for the bill, whose key only its readers may use."""
        for state in (state for state in self.by_state if state not in READ_NOTHING_ELSE):
            self._allow(state, ["kms:Decrypt"], [self._key.key_arn])
        for state in ("ReadManifest", "SealBillingData", "RestorePeriod"):
            self._allow(state, ["kms:Decrypt"], [self._data.billing_key.key_arn])

    def _role_of(self, state: str) -> iam.IRole:
        role = self.by_state[state].role
        assert role is not None  # noqa: S101 - a function that is made here has a role
        return role

    def _list_versions(self, state: str, bucket: s3.IBucket, *prefixes: str) -> None:
        self.by_state[state].add_to_role_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucketVersions"],
                resources=[bucket.bucket_arn],
                conditions={"StringLike": {"s3:prefix": sorted(prefixes)}},
            )
        )

    def _allow(self, state: str, actions: list[str], resources: list[str]) -> None:
        self.by_state[state].add_to_role_policy(iam.PolicyStatement(actions=actions, resources=resources))
