"""The CDK app: every stack of one environment.

The CDK CLI chooses it with ``-c env=NAME``; ``python app.py NAME`` synthesizes without the CLI.
"""

import json
import os
import sys
from pathlib import Path

import aws_cdk as cdk

from infra.config import UnknownEnvironment, environment
from infra.stacks.data_stack import DataStack
from infra.stacks.pipeline_stack import PipelineStack


def context() -> dict[str, object] | None:
    """The context of cdk.json, which only the CLI reads by itself."""
    if "CDK_CONTEXT_JSON" in os.environ:
        return None
    settings = json.loads(Path(__file__).with_name("cdk.json").read_text(encoding="utf-8"))["context"]
    return {**settings, "env": sys.argv[1]} if len(sys.argv) > 1 else dict(settings)


def main() -> None:
    app = cdk.App(context=context())
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
