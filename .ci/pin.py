"""Pins anew all that the packages of requirements.txt bring: constraints.txt and the layers in infra/layers.

Run it after a package was added or raised, and when pip finds that pins do not go together; then run the tests.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = ("requirements.txt", "requirements-dev.txt")
CONSTRAINTS, LAYERS = ROOT / "constraints.txt", ROOT / "infra" / "layers"


def pin_everything() -> None:
    """Installs what is asked for into an environment of its own, and writes down what came."""
    with tempfile.TemporaryDirectory() as folder:
        for name in FILES:
            lines = (ROOT / name).read_text(encoding="utf-8").splitlines(keepends=True)
            (Path(folder) / name).write_text("".join(line for line in lines if not line.startswith("-c ")))
        _run(sys.executable, "-m", "venv", f"{folder}/venv")
        python = f"{folder}/venv/bin/python"
        _run(python, "-m", "pip", "install", "--quiet", "--requirement", f"{folder}/{FILES[-1]}")
        write_pins(CONSTRAINTS, _run(python, "-m", "pip", "freeze").splitlines())
        _run(python, __file__, "layers")


def pin_layers() -> None:
    """Writes each layer's packages in the versions that are installed here."""
    from infra.layer_packages import packages_of_layers

    for layer, packages in packages_of_layers().items():
        write_pins(LAYERS / f"{layer}.txt", [f"{package}=={version(package)}" for package in sorted(packages)])


def write_pins(file: Path, pins: list[str]) -> None:
    """Replaces the pins of a file and keeps what its first lines say of it."""
    head = [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    file.write_text("\n".join([*head, *pins]) + "\n", encoding="utf-8")


def _run(*command: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)  # noqa: S603
    return ended.stdout


if __name__ == "__main__":
    pin_layers() if sys.argv[1:] == ["layers"] else pin_everything()
