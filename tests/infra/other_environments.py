"""Environments that are not among this organisation's own, synthesized by the code that synthesizes those."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from infra.config import EnvironmentConfig
from local.assembly import ROOT, node_environment
from tests.infra.stacks import Stacks


def synthesized(config: EnvironmentConfig, assembly: Path) -> Stacks:
    """Every stack of an environment, in a process of its own."""
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"] | {"aws:cdk:bundling-stacks": []}
    code = (
        "import sys, aws_cdk as cdk; from app import add_stacks; from infra.config import EnvironmentConfig;"
        "app = cdk.App(); add_stacks(app, EnvironmentConfig.model_validate_json(sys.stdin.read())); app.synth()"
    )
    settings = {"CDK_CONTEXT_JSON": json.dumps(context), "CDK_OUTDIR": str(assembly), "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **node_environment(), **settings},
        input=config.model_dump_json(),
        text=True,
        check=True,
        capture_output=True,
    )
    return Stacks(assembly, config)
