"""The billing source stack: what the payer account delivers, and what it lets the FinOps account read."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.config import EnvironmentConfig
from infra.constructs.alert_topic import AlertTopic
from infra.constructs.cost_allocation_tags import CostAllocationTags
from infra.constructs.cost_anomalies import CostAnomalies
from infra.constructs.cost_category import CostCategory
from infra.constructs.cur_export import CurExport
from infra.constructs.invoice_reader import InvoiceReader
from infra.constructs.log_key import let_logs_use
from infra.constructs.pip_layer import PipLayer
from infra.names import billing_bucket, name_of, role_arn
from infra.ratified_policy import ratified_policy

COST_ALERTS, ALARMS = "costalerts.amazonaws.com", "cloudwatch.amazonaws.com"


class BillingSourceStack(cdk.Stack):
    """The export, the tags that it carries, and what watches cost by AWS's own means; once an environment."""

    def __init__(self, scope: Construct, construct_id: str, *, config: EnvironmentConfig, env: cdk.Environment) -> None:
        super().__init__(scope, construct_id, env=env, description="Chargeback: what the payer account delivers")
        policy = ratified_policy(config.ratified_policy)
        self.key = self._make_key()
        self.alerts = AlertTopic(
            self,
            "Alerts",
            name=name_of(config, "payer_alerts"),
            key=self.key,
            services=[ALARMS, COST_ALERTS] if config.anomalies else [ALARMS],
            owners=config.owners,
        )
        self._deliver_the_bill(config)
        self.cost_tags = self._keep_tags_active(config)
        category = CostCategory(self, "BusinessUnits", name=name_of(config, "business_unit"), policy=policy)
        category.node.add_dependency(self.cost_tags.resource)
        if config.anomalies:
            CostAnomalies(
                self,
                "Anomalies",
                name=name_of(config, "anomalies"),
                settings=config.anomalies,
                topic=self.alerts,
                tags_are_active=self.cost_tags.resource,
                topic_takes_messages=self.alerts.permission,
            )
        if config.ties_to_invoices:
            InvoiceReader(
                self,
                "InvoiceReader",
                name=name_of(config, "invoice_reader"),
                account=config.finops_account,
                reader=role_arn(config.finops_account, config, "FetchInvoiceTotals"),
            )

    def _make_key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            description="Chargeback: logs, alerts and failed runs of the payer account",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        let_logs_use(key)
        return key

    def _deliver_the_bill(self, config: EnvironmentConfig) -> None:
        CurExport(
            self,
            "Bill",
            name=config.export_name,
            prefix=config.export_prefix.removesuffix(f"/{config.export_name}/"),
            bucket=billing_bucket(config),
            bucket_owner=config.finops_account,
            bucket_region=config.region,
            flattened_tags=config.flattened_tags,
        )

    def _keep_tags_active(self, config: EnvironmentConfig) -> CostAllocationTags:
        watched = [config.anomalies.tag] if config.anomalies and config.anomalies.tag else []
        tags = CostAllocationTags(
            self,
            "Tags",
            function_name=name_of(config, "ActivateTags"),
            failures_name=name_of(config, "tag_failures"),
            reserves_concurrency=config.reserves_concurrency,
            keys=tuple(dict.fromkeys([*config.flattened_tags, *watched])),
            backfill_months=config.backfill_months,
            key=self.key,
            layers=[PipLayer(self, "Powertools", packages="powertools.txt")],
            alerts=self.alerts,
        )
        for name, attribute in (
            ("TagsNotYetKnown", "NotYetKnown"),
            ("TagsRefused", "Refused"),
            ("TagBackfill", "Backfill"),
        ):
            cdk.CfnOutput(self, name, value=tags.attribute(attribute), description="As it was at the last deployment")
        return tags
