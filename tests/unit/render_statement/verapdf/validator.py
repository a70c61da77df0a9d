"""veraPDF on this machine: fetched once with Maven, run as a Java program of one file."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.maven import MavenProgram, Unavailable

HERE = Path(__file__).resolve().parent
VERAPDF = MavenProgram("verapdf", HERE / "pom.xml", HERE.parents[3] / ".cache" / "verapdf")


def fetch_verapdf() -> Path:
    """The folder of its libraries; raises Unavailable."""
    missing = [program for program in ("java", "javac", "mvn") if not shutil.which(program)]
    if missing:
        raise Unavailable(f"veraPDF {VERAPDF.version} needs {', '.join(missing)}: apt-get install default-jdk maven")
    return VERAPDF.fetch()


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
