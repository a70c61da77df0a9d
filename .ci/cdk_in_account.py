"""Runs the CDK CLI on those stacks of the assembly that belong to one account, whose role has been taken.

    python3 .ci/cdk_in_account.py ACCOUNT diff|deploy OPTION …

Needs nothing but Python, for the jobs that may take a role install nothing but the CLI.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

ASSEMBLY = Path("cdk.out")
CLI = Path("local/cdk_cli/node_modules/.bin/cdk")


def stacks_in(account: str, assembly: Path) -> list[str]:
    manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
    return [
        name
        for name, artifact in manifest["artifacts"].items()
        if artifact["type"] == "aws:cloudformation:stack" and artifact["environment"].startswith(f"aws://{account}/")
    ]


def command(account: str, task: str, *options: str) -> list[str]:
    stacks = stacks_in(account, ASSEMBLY)
    if not stacks:
        # Without a stack's name the CLI would take them all.
        sys.exit(f"{ASSEMBLY} has no stack for account {account}")
    return [str(CLI), task, "--app", str(ASSEMBLY), "--exclusively", "--no-notices", *options, *stacks]


if __name__ == "__main__":
    words = command(*sys.argv[1:])
    os.execve(words[0], words, os.environ | {"CDK_DISABLE_CLI_TELEMETRY": "true"})  # noqa: S606 - the CLI of the lock file
