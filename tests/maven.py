"""Java programs that tests run: what a pom.xml lists, put together once by Maven."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

FETCH_SECONDS = 1200


class Unavailable(Exception):
    """There can be no such program here; the message says why."""


class MavenProgram:
    """A program by its name, which the properties of its ``pom.xml`` begin with; kept under ``cache``."""

    def __init__(self, name: str, pom: Path, cache: Path) -> None:
        self._name = name
        self._pom = pom
        self._cache = cache
        found = re.search(rf"<{name}\.version>([\d.]+)<", pom.read_text(encoding="utf-8"))
        assert found, f"{pom} has no {name}.version"
        self.version = found[1]

    def fetch(self, finish: Callable[[Path], None] = lambda _: None) -> Path:
        """The program's folder, made by Maven and finished where it is not cached; raises Unavailable."""
        home = self._cache / self.version
        if home.is_dir():
            return home
        self._cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._cache) as folder:
            incoming = Path(folder) / self.version
            incoming.mkdir()
            self._run_maven(incoming)
            finish(incoming)
            with contextlib.suppress(OSError):  # another process has fetched the same one meanwhile
                incoming.rename(home)
        return home

    def _run_maven(self, incoming: Path) -> None:
        what = f"{self._name} {self.version}"
        if not shutil.which("mvn"):
            raise Unavailable(f"{what} is fetched with Maven, and there is no mvn on the PATH")
        where = f"-D{self._name}.home={incoming}"
        command = ["mvn", "-B", "-q", "-ntp", "-f", str(self._pom), where, "package"]
        try:
            maven = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"Maven did not fetch {what} within {FETCH_SECONDS} seconds") from None
        if maven.returncode:
            errors = [line for line in maven.stdout.splitlines() if "ERROR" in line]
            raise Unavailable(f"Maven could not fetch {what}: {(errors or ['it gave no reason'])[0]}")
