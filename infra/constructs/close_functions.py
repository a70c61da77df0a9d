"""The functions of the month-end close, each with its settings and exactly the rights it needs."""

from __future__ import annotations

import json

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from functions.fetch_invoice_totals.handler import NO_ROLE
from functions.issue_certificate.logic import NOT_SET_UP
from functions.render_statement.timestamps import NO_AUTHORITY
from functions.shared.code_version import code_version
from infra.config import EnvironmentConfig
from infra.constructs.python_function import PythonFunction, function_code
from infra.constructs.vault_access import next_signing_key, servicenow_secret, vault_setting
from infra.names import SIGNERS, invoice_reader, name_of, signing_alias, signing_identity_parameter
from infra.stacks.data_stack import DataStack

CERTIFICATE_DAYS = 3 * 365
"""For how long a certificate authority that answers at once is asked to certify the signing key."""

READ_NOTHING_ELSE = ("IssueCertificate",)
"""It reads nothing that is encrypted with the key of all other data."""

SIDE_BY_SIDE = {"render_statement": 10, "post_charge": 5, "attach_statement": 5}
"""How many of them a Map of one execution runs at the same time; of every other function it runs one."""


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
        self.by_state: dict[str, PythonFunction] = {}
        self._config, self._data, self._key = config, data, key
        self._code, self._layers = function_code(), layers
        work = {"work_bucket": data.work.bucket_name}
        billing = {"billing_bucket": data.billing.bucket_name}
        export = {"export_prefix": config.export_prefix}
        ledger = {"ledger_bucket": data.ledger.bucket_name}
        retention = {"retention_years": str(config.retention_years)}
        version = {"code_version": code_version()}
        books = {"servicenow_secret": servicenow_secret(config, servicenow), "vault": vault_setting(config, "books")}
        signing = {
            "identity_parameter": signing_identity_parameter(config),
            "vault": vault_setting(config, "signing"),
        }
        periods_table = {"periods_table": periods.table_name}

        reader = invoice_reader(config) if config.ties_to_invoices else NO_ROLE

        self._add("read_manifest", work | billing | export)
        self._add("compile_policy", work | {"ratified_policy": config.ratified_policy})
        self._add("render_queries", work | billing | {"flattened_tags": json.dumps(config.flattened_tags)})
        self._add("check_invoices", work)
        self._add("take_period_lock", periods_table)
        gate = {"change_gate": str(config.change_gate).lower()}
        self._add("check_change", work | ledger | gate | books)
        self._add("seal_billing_data", work | billing | retention, timeout_minutes=15, memory_mib=1769)
        self._add("fetch_invoice_totals", work | {"invoice_reader_role": reader})
        self._add("reconcile_ledger", work)
        self._add("check_seal", work | billing | export)
        self._add("publish_ledger", work | ledger | retention, memory_mib=1024)
        self._add("prepare_statements", work | version, timeout_minutes=10, memory_mib=2048)
        statements = {"statements_bucket": data.statements.bucket_name}
        self._add(
            "render_statement",
            work | statements | retention | signing | {"timestamp_url": config.signing.timestamp_url or NO_AUTHORITY},
            timeout_minutes=10,
            memory_mib=1769,
            extra=rendering,
        )
        self._add("post_charge", work | books)
        self._add("check_postings", work | books)
        self._add("attach_statement", work | statements | books)
        self._add("summarize_run", work | ledger | retention | version, memory_mib=1024)
        self._add("sign_evidence", ledger | retention | signing)
        self._add("record_failure", periods_table)
        self._add("restore_period", work | billing | ledger | statements, timeout_minutes=15, memory_mib=1769)
        self._add("compare_replay", work | ledger | statements | version, timeout_minutes=10, memory_mib=2048)
        self._add("decide_approval", periods_table)
        self._add("record_response", ledger | {"responses_table": responses.table_name})
        self._add(
            "issue_certificate",
            signing
            | {
                "signing_key": next_signing_key(config),
                "private_ca_arn": config.signing.private_ca or NOT_SET_UP,
                "vault_pki_role": (config.vault and config.vault.pki_role) or NOT_SET_UP,
                "certificate_days": str(CERTIFICATE_DAYS),
            },
        )

        self._grant_work()
        self._grant_billing(config.export_prefix)
        self._grant_records()
        self._grant_signing(config)
        self._grant_replay(config.export_prefix)
        if config.change_gate:
            self._grant_change_gate(servicenow)
        if config.ties_to_invoices:
            self._allow("FetchInvoiceTotals", ["sts:AssumeRole"], [reader])
        for state in ("TakePeriodLock", "RecordFailure", "DecideApproval"):
            periods.grant(self.by_state[state], "dynamodb:GetItem", "dynamodb:PutItem")
        responses.grant(self.by_state["RecordResponse"], "dynamodb:GetItem", "dynamodb:PutItem")
        self._allow("RecordResponse", ["s3:GetObject"], [data.ledger.arn_for_objects("periods/*")])
        self._allow("RecordResponse", ["s3:ListBucket"], [data.ledger.bucket_arn])
        if servicenow is not None:
            for state in ("PostCharge", "CheckPostings", "AttachStatement"):
                self._allow(state, ["secretsmanager:GetSecretValue"], [servicenow.secret_arn])
        for state in (state for state in self.by_state if state not in READ_NOTHING_ELSE):
            # Whatever a function reads is encrypted with the one key: objects, the secret, and the table's own key.
            self._allow(state, ["kms:Decrypt"], [key.key_arn])
        for state in ("ReadManifest", "SealBillingData", "RestorePeriod"):
            # But for the bill, whose key only its readers may use.
            self._allow(state, ["kms:Decrypt"], [data.billing_key.key_arn])
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

    def _add(
        self,
        verb_noun: str,
        settings: dict[str, str],
        *,
        timeout_minutes: int = 5,
        memory_mib: int = 512,
        extra: lambda_.ILayerVersion | None = None,
    ) -> None:
        function = PythonFunction(
            self,
            verb_noun,
            code=self._code,
            layers=[*self._layers, extra] if extra else self._layers,
            settings=settings,
            log_key=self._key,
            function_name=name_of(self._config, "".join(word.title() for word in verb_noun.split("_"))),
            timeout=cdk.Duration.minutes(timeout_minutes),
            memory_mib=memory_mib,
            reserved_concurrency=self._reserve(verb_noun),
        )
        self.by_state[function.state_name] = function

    def _reserve(self, verb_noun: str) -> int | None:
        """Enough for the months that may close at once: those of a backfill, the current one, and one asked for.

        What is beyond that is a loop, or a caller who is not the state machine; and the books get no more at a time.
        """
        if not self._config.reserves_concurrency:
            return None
        return (self._config.backfill_months + 2) * SIDE_BY_SIDE.get(verb_noun, 1)

    def _grant_work(self) -> None:
        """Which files of a run each function reads and writes; query results count as files of the run."""
        work = self._data.work
        read: dict[str, tuple[str, ...]] = {
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
        write: dict[str, tuple[str, ...]] = {
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
        for state, keys in read.items():
            self._allow(state, ["s3:GetObject"], [work.arn_for_objects(key) for key in keys])
        for state, keys in write.items():
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

    def _grant_billing(self, export_prefix: str) -> None:
        """The bill is read by those that find, seal and check it, and by the queries; retention is set by one."""
        billing = self._data.billing
        manifests, files = f"{export_prefix}metadata/", f"{export_prefix}data/"
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

    def _grant_replay(self, export_prefix: str) -> None:
        """A replay reads what was sealed and filed, and writes nowhere but into the folder of its run."""
        billing, ledger, statements, work = (
            self._data.billing,
            self._data.ledger,
            self._data.statements,
            self._data.work,
        )
        copies = [work.arn_for_objects(f"runs/*/{table}/*") for table in ("restored_cur", "restored_ledger")]
        notes = ("sources/*", "invoice_totals/*", "delivery.json", "seal.json", "restored.json")
        results = ("evidence.json", "summary.json", "rendered/*", "replayed/*")
        self._allow("RestorePeriod", ["s3:GetObjectVersion"], [billing.arn_for_objects(f"{export_prefix}data/*")])
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

    def _grant_signing(self, config: EnvironmentConfig) -> None:
        """Keys are known by their aliases: one that follows another needs no other grant."""
        stack = cdk.Stack.of(self)
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
