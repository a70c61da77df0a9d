"""Reads a synthesized cloud assembly (cdk.out): its stacks in dependency order, and its file assets."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from local.aws.errors import DeploymentFailed


@dataclass(frozen=True)
class AssemblyStack:
    """A stack to deploy."""

    name: str
    template: str


@dataclass(frozen=True)
class FileAsset:
    """A file or folder that stacks refer to by bucket and key."""

    bucket: str
    key: str
    source: Path
    zipped: bool

    def content(self) -> bytes:
        if not self.zipped:
            return self.source.read_bytes()
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
            for path in sorted(path for path in self.source.rglob("*") if path.is_file()):
                file.write(path, path.relative_to(self.source))
        return archive.getvalue()


class Assembly:
    """The folder that `cdk synth` writes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        manifest = directory / "manifest.json"
        if not manifest.is_file():
            raise DeploymentFailed(f"{directory} is not a cloud assembly: there is no manifest.json; synthesize first.")
        self._artifacts: dict[str, Any] = json.loads(manifest.read_text()).get("artifacts", {})

    def stacks(self, account_id: str, region: str) -> list[AssemblyStack]:
        """The stacks, each after those it depends on. Raises DeploymentFailed for one that belongs elsewhere."""
        stacks = {
            artifact_id: artifact
            for artifact_id, artifact in self._artifacts.items()
            if artifact["type"] == "aws:cloudformation:stack"
        }
        graph = {
            artifact_id: [other for other in artifact.get("dependencies", []) if other in stacks]
            for artifact_id, artifact in stacks.items()
        }
        ordered = [stacks[artifact_id] | {"id": artifact_id} for artifact_id in TopologicalSorter(graph).static_order()]
        return [self._stack(artifact, account_id, region) for artifact in ordered]

    def places(self) -> dict[str, tuple[str, str]]:
        """The stacks by name, and the account and region that each is for."""
        stacks = (item for item in self._artifacts.items() if item[1]["type"] == "aws:cloudformation:stack")
        places = {}
        for artifact_id, artifact in stacks:
            account_id, region = artifact["environment"].removeprefix("aws://").split("/")
            places[artifact["properties"].get("stackName", artifact_id)] = account_id, region
        return places

    def file_assets(self, account_id: str, region: str) -> Iterator[FileAsset]:
        for artifact in self._artifacts.values():
            if artifact["type"] == "cdk:asset-manifest":
                manifest = json.loads((self._directory / artifact["properties"]["file"]).read_text())
                for asset in manifest.get("files", {}).values():
                    yield from self._file_asset(asset, account_id, region)

    def _stack(self, artifact: dict[str, Any], account_id: str, region: str) -> AssemblyStack:
        name = artifact["properties"].get("stackName", artifact["id"])
        environment = artifact.get("environment", "").removeprefix("aws://")
        for given, here in zip(environment.split("/"), (account_id, region), strict=False):
            if given not in (here, "unknown-account", "unknown-region"):
                raise DeploymentFailed(
                    f"Stack {name} is for {environment}, the local cloud is {account_id}/{region}: "
                    "synthesize for the local environment."
                )
        return AssemblyStack(name, (self._directory / artifact["properties"]["templateFile"]).read_text())

    def _file_asset(self, asset: dict[str, Any], account_id: str, region: str) -> Iterator[FileAsset]:
        source = asset["source"]
        if "path" not in source:
            raise DeploymentFailed(f"An asset is made by running {source.get('executable')}; only files are supported.")
        for destination in asset["destinations"].values():
            yield FileAsset(
                bucket=_resolve(destination["bucketName"], account_id, region),
                key=_resolve(destination["objectKey"], account_id, region),
                source=self._directory / source["path"],
                zipped=source.get("packaging") == "zip",
            )


def _resolve(text: str, account_id: str, region: str) -> str:
    values = {"AWS::AccountId": account_id, "AWS::Region": region, "AWS::Partition": "aws"}
    for name, value in values.items():
        text = text.replace("${" + name + "}", value)
    return text
