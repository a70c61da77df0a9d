"""The CDK app: every stack of the environment that ``-c env=NAME`` chooses."""

import sys

import aws_cdk as cdk

from infra.config import UnknownEnvironment, environment
from infra.stacks.data_stack import DataStack
from infra.stacks.pipeline_stack import PipelineStack


def main() -> None:
    app = cdk.App()
    config = environment(app.node.try_get_context("env") or "local")
    env = cdk.Environment(account=config.finops_account, region=config.region)
    data = DataStack(app, f"Chargeback-{config.name}-Data", config=config, env=env)
    PipelineStack(app, f"Chargeback-{config.name}-Pipeline", config=config, data=data, env=env)
    cdk.Tags.of(app).add("application", "chargeback")
    app.synth()


if __name__ == "__main__":
    try:
        main()
    except UnknownEnvironment as error:
        sys.exit(str(error))
