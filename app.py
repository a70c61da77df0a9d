"""The CDK app: every stack of one environment.

The CDK CLI chooses it with ``-c env=NAME``; ``python app.py NAME`` synthesizes without the CLI.
"""

import json
import os
import sys
from pathlib import Path

import aws_cdk as cdk

from functions.shared.errors import InvalidPolicy
from infra.config import EnvironmentConfig
from infra.environments import UnknownEnvironment, environment
from infra.nag import check_with_nag
from infra.names import stack_name
from infra.stacks.billing_source_stack import BillingSourceStack
from infra.stacks.ci_stack import CiStack
from infra.stacks.data_stack import DataStack
from infra.stacks.observability_stack import ObservabilityStack
from infra.stacks.pipeline_stack import PipelineStack
from infra.stacks.replica_stack import ReplicaStack
from infra.stacks.tag_policy_stack import TagPolicyStack


def context() -> dict[str, object] | None:
    """The context of cdk.json, which only the CLI reads by itself."""
    if "CDK_CONTEXT_JSON" in os.environ:
        return None
    settings = json.loads(Path(__file__).with_name("cdk.json").read_text(encoding="utf-8"))["context"]
    return {**settings, "env": sys.argv[1]} if len(sys.argv) > 1 else dict(settings)


def main() -> None:
    app = cdk.App(context=context())
    config = environment(app.node.try_get_context("env") or "local")
    add_stacks(app, config)
    app.synth()


def add_stacks(app: cdk.App, config: EnvironmentConfig) -> None:
    """Every stack of an environment, each after those whose resources it needs to exist."""
    finops = cdk.Environment(account=config.finops_account, region=config.region)
    replica = None
    if config.replica_region:
        elsewhere = cdk.Environment(account=config.finops_account, region=config.replica_region)
        replica = ReplicaStack(app, stack_name(config, "Replica"), config=config, env=elsewhere)
    data = DataStack(app, stack_name(config, "Data"), config=config, env=finops)
    if replica:
        data.add_stack_dependency(replica)
    # Data Exports exists in one region only, and looks whether it may write before it takes an order.
    payer = cdk.Environment(account=config.payer_account, region="us-east-1")
    source = BillingSourceStack(app, stack_name(config, "BillingSource"), config=config, env=payer)
    source.add_stack_dependency(data)
    if config.tag_policies:
        # Organizations answers in this region only, too.
        name = stack_name(config, "TagPolicies")
        TagPolicyStack(app, name, config=config, settings=config.tag_policies, env=payer)
    pipeline = PipelineStack(app, stack_name(config, "Pipeline"), config=config, data=data, env=finops)
    observability = ObservabilityStack(
        app,
        stack_name(config, "Observability"),
        config=config,
        functions=(*pipeline.functions.by_state, *pipeline.validation.by_state),
        env=finops,
    )
    observability.add_stack_dependency(pipeline)
    if config.github:
        for account in config.accounts:
            place = cdk.Environment(account=account, region=config.regions(account)[0])
            name = "Ci" if account == config.finops_account else "PayerCi"
            CiStack(app, stack_name(config, name), config=config, github=config.github, env=place)
    for key, value in ({"application": "chargeback"} | config.tags).items():
        cdk.Tags.of(app).add(key, value)
    check_with_nag(app, config)


if __name__ == "__main__":
    try:
        main()
    except (UnknownEnvironment, InvalidPolicy) as error:
        sys.exit(str(error))
