"""Third-party packages as a layer, installed by pip on the machine that synthesizes: no Docker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_
from constructs import Construct


@jsii.implements(cdk.ILocalBundling)
class _PipBundling:
    """Downloads wheels for Lambda's platform, whatever this machine is."""

    def __init__(self, requirements: Path) -> None:
        self._requirements = requirements

    def try_bundle(self, output_dir: str, *_: object, **__: object) -> bool:
        """Installs into ``python/``, where Lambda looks for a layer's packages."""
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command += ["--platform", "manylinux2014_x86_64", "--python-version", "3.12", "--only-binary", ":all:"]
        command += ["--no-compile", "--target", str(Path(output_dir) / "python")]
        command += ["--requirement", str(self._requirements)]
        subprocess.run(command, check=True)  # noqa: S603 - fixed arguments
        return True


class PipLayer(lambda_.LayerVersion):
    """A layer of the packages that a requirements file pins; rebuilt when the file changes."""

    def __init__(self, scope: Construct, construct_id: str, *, requirements: Path) -> None:
        super().__init__(
            scope,
            construct_id,
            description=f"Packages of {requirements.name}",
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_12],
            compatible_architectures=[lambda_.Architecture.X86_64],
            removal_policy=cdk.RemovalPolicy.RETAIN,
            code=lambda_.Code.from_asset(
                str(requirements.parent),
                exclude=["*", f"!{requirements.name}"],
                ignore_mode=cdk.IgnoreMode.GIT,
                bundling=cdk.BundlingOptions(
                    image=lambda_.Runtime.PYTHON_3_12.bundling_image, local=_PipBundling(requirements)
                ),
            ),
        )
