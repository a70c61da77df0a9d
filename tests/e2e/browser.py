"""Debian's chromium without a screen: what a page writes, asks for, and looks like in it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium")
ALONE = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--no-first-run",
)
"""No screen, and no name of another machine: chromium by itself would ask for updates."""

BY_ITSELF = "not an origin"
"""Who asks, in chromium's log, when it is not a page."""


@dataclass(frozen=True)
class Visit:
    """What came of a page: its document once loaded, what it logged, and the addresses that it asked for."""

    document: str
    console: list[str]
    requests: list[str]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs chromium with a profile of its own in a folder."""
    assert CHROMIUM
    command = [CHROMIUM, *ALONE, f"--user-data-dir={folder / 'profile'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def visit(page: Path, folder: Path, *, width: int = 1280, height: int = 900) -> Visit:
    """Opens a page in a window; ``folder`` is where chromium keeps what it needs."""
    log = folder / "requests.json"
    ended = run(
        folder,
        "--enable-logging=stderr",
        f"--log-net-log={log}",
        f"--window-size={width},{height}",
        "--dump-dom",
        page.as_uri(),
    )
    console = [line for line in ended.stderr.splitlines() if ":CONSOLE" in line]
    return Visit(ended.stdout, console, _addresses(log.read_text(encoding="utf-8")))


def _addresses(log: str) -> list[str]:
    asked = [event["params"] for event in json.loads(log)["events"] if "initiator" in event.get("params", {})]
    return sorted({params["url"] for params in asked if params["initiator"] != BY_ITSELF})


def title_of(document: str) -> str:
    found = re.search(r"<title>(.*?)</title>", document, re.DOTALL)
    assert found
    return found[1]
