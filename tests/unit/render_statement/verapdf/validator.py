"""veraPDF on this machine: fetched once with Maven, run as a Java program of one file."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[3] / ".cache" / "verapdf"
VERSION = re.search(r"<verapdf\.version>([\d.]+)<", (HERE / "pom.xml").read_text(encoding="utf-8"))[1]  # type: ignore[index]
FETCH_SECONDS = 600


class VeraPdfUnavailable(Exception):
    """There can be no veraPDF here; the message says why."""


def fetch_verapdf() -> Path:
    """The folder of its libraries, put together by Maven where it is not cached; raises VeraPdfUnavailable."""
    missing = [program for program in ("java", "javac", "mvn") if not shutil.which(program)]
    if missing:
        raise VeraPdfUnavailable(f"veraPDF {VERSION} needs {', '.join(missing)}: apt-get install default-jdk maven")
    home = CACHE / VERSION
    if home.is_dir():
        return home
    incoming = CACHE / f"{VERSION}.part"
    shutil.rmtree(incoming, ignore_errors=True)
    incoming.mkdir(parents=True)
    command = ["mvn", "-B", "-q", "-ntp", "-f", str(HERE / "pom.xml"), f"-Dverapdf.home={incoming}", "package"]
    try:
        maven = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise VeraPdfUnavailable(f"Maven did not fetch veraPDF {VERSION} within {FETCH_SECONDS} seconds") from None
    if maven.returncode:
        errors = [line for line in maven.stdout.splitlines() if "ERROR" in line]
        raise VeraPdfUnavailable(f"Maven could not fetch veraPDF {VERSION}: {(errors or ['it gave no reason'])[0]}")
    incoming.rename(home)
    return home


def broken_rules(home: Path, standard: str, files: Sequence[Path]) -> dict[str, list[str]]:
    """The rules of a standard that each file breaks, by the file's name; "ua1" is PDF/UA-1, "2a" is PDF/A-2a."""
    command = ["java", "-cp", f"{home}/*", str(HERE / "Validate.java"), standard, *map(str, files)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found: dict[str, list[str]] = {}
    for kind, *rest in (line.split("\t") for line in lines):
        if kind == "FILE":
            file, compliant = rest
            found[Path(file).name] = rules = []
            expected = compliant == "true"
        elif kind == "BROKEN":
            assert not expected, "veraPDF says of one file that it keeps to the standard and that it does not"
            rules.append(rest[0])
    return found
