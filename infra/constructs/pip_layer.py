"""Third-party packages as a layer, installed by pip on the machine that synthesizes: no Docker."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.code_version import PYTHON

ROOT = Path(__file__).resolve().parents[2]
LAYERS, WHEELS = ROOT / "infra" / "layers", ROOT / ".cache" / "wheels"
# What Lambda's Amazon Linux 2023 takes, whatever this machine is; glibc is 2.34 there.
PLATFORMS = ("manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in (17, 27, 28, 31, 34)))


class PackagesUnavailable(Exception):
    """A layer's packages cannot be had; the message says which, and what pip said is above it."""


def install_packages(requirements: Path, target: Path, wheels: Path = WHEELS) -> None:
    """Installs what a file pins, and nothing else, as Lambda needs it. Wheels are downloaded once for its content."""
    _pip(requirements, "install", "--no-index", "--no-compile", *_found(requirements, wheels), "--target", str(target))


def _found(requirements: Path, wheels: Path) -> tuple[str, str]:
    """Where pip finds the wheels, which are there from now on."""
    kept = wheels / hashlib.sha256(f"{PYTHON} {PLATFORMS}".encode() + requirements.read_bytes()).hexdigest()[:16]
    if not kept.is_dir():
        wheels.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=wheels) as unfinished:
            downloaded = Path(unfinished) / "wheels"
            _pip(requirements, "download", "--dest", str(downloaded))
            with contextlib.suppress(OSError):  # another process has downloaded the same ones meanwhile
                downloaded.rename(kept)
    return "--find-links", str(kept)


def _pip(requirements: Path, *command: str) -> None:
    platforms = [option for platform in PLATFORMS for option in ("--platform", platform)]
    chosen = ["--python-version", PYTHON, "--only-binary", ":all:", "--no-deps", *platforms]
    pip = [sys.executable, "-m", "pip", *command, "--quiet", "--disable-pip-version-check"]
    try:
        subprocess.run([*pip, *chosen, "--requirement", str(requirements)], check=True)  # noqa: S603 - fixed arguments
    except subprocess.CalledProcessError as error:
        raise PackagesUnavailable(
            f"pip cannot {command[0]} the packages of {requirements.name}; it needs a package index, once"
        ) from error


@jsii.implements(cdk.ILocalBundling)
class _PipBundling:
    def __init__(self, requirements: Path) -> None:
        self._requirements = requirements

    def try_bundle(self, output_dir: str, *_: object, **__: object) -> bool:
        """Installs into ``python/``, where Lambda looks for a layer's packages."""
        install_packages(self._requirements, Path(output_dir) / "python")
        return True


class PipLayer(lambda_.LayerVersion):
    """A layer of the packages that a file of infra/layers pins; rebuilt when the file changes."""

    def __init__(self, scope: Construct, construct_id: str, *, packages: str) -> None:
        requirements = LAYERS / packages
        super().__init__(
            scope,
            construct_id,
            description=f"Packages of {packages}",
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_12],
            compatible_architectures=[lambda_.Architecture.X86_64],
            removal_policy=cdk.RemovalPolicy.RETAIN,
            code=lambda_.Code.from_asset(
                str(LAYERS),
                exclude=["*", f"!{packages}"],
                ignore_mode=cdk.IgnoreMode.GIT,
                bundling=cdk.BundlingOptions(
                    image=lambda_.Runtime.PYTHON_3_12.bundling_image, local=_PipBundling(requirements)
                ),
            ),
        )
