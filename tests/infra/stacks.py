"""The synthesized stacks as the tests read them: constructs' names instead of hashed ids, one line a right."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.config import EnvironmentConfig


@dataclass(frozen=True)
class Resource:
    """A resource under its construct's name (``Billing``, ``Functions/ReadManifestRole``), its references by name.

    A reference reads ``<Billing>`` whether it gives the name or the ARN; another attribute ``<Billing.Attribute>``.
    """

    name: str
    kind: str
    properties: dict[str, Any]
    deletion_policy: str
    replace_policy: str

    @property
    def is_retained(self) -> bool:
        """Whether it outlives its stack; what a first deployment made that failed need not."""
        return self.deletion_policy in ("Retain", "RetainExceptOnCreate") and self.replace_policy == "Retain"


CONDITIONS = {
    "ArnEquals": "is",
    "ArnLike": "is like",
    "Bool": "is",
    "ForAnyValue:StringLike": "is like",
    "StringEquals": "is",
    "StringLike": "is like",
}
BY_THEIR_OWN_NAME = ("Data", "Pipeline")
"""Stacks whose resources are named without their stack; in the others it is the first part of the name."""


class Stacks:
    """All stacks of one environment."""

    def __init__(self, assembly: Path, config: EnvironmentConfig) -> None:
        self.assembly = assembly
        self.config = config
        self._exports: dict[str, Any] = {}
        files = {file.name.removesuffix(".template.json"): file for file in sorted(assembly.glob("*.template.json"))}
        self.templates = {name: json.loads(file.read_text()) for name, file in files.items()}
        ids_of = {name: _construct_names(assembly / f"{name}.metadata.json", name) for name in self.templates}
        self.resources: dict[str, Resource] = {}
        for name, template in self.templates.items():
            for output in template.get("Outputs", {}).values():
                if "Export" in output:
                    self._exports[output["Export"]["Name"]] = self._readable(output["Value"], ids_of[name])
        for name, template in self.templates.items():
            ids = ids_of[name]
            for logical_id, body in template["Resources"].items():
                resource = Resource(
                    ids[logical_id],
                    body["Type"],
                    self._readable(body.get("Properties", {}), ids),
                    body.get("DeletionPolicy", "Delete"),
                    body.get("UpdateReplacePolicy", "Delete"),
                )
                assert resource.name not in self.resources, f"two resources are named {resource.name}"
                self.resources[resource.name] = resource

    def of(self, kind: str) -> dict[str, Resource]:
        """The resources of a type, by name."""
        return {name: resource for name, resource in self.resources.items() if resource.kind == kind}

    def properties(self, name: str) -> dict[str, Any]:
        return self.resources[name].properties

    @cached_property
    def functions(self) -> dict[str, Resource]:
        """The functions of every stack by the name of their state."""
        return {name.rpartition("/")[2]: function for name, function in self.of("AWS::Lambda::Function").items()}

    @cached_property
    def roles(self) -> dict[str, frozenset[str]]:
        """What each role may do, one line a right: action, resource and, if there is one, condition."""
        rights: dict[str, set[str]] = {name: set() for name in self.of("AWS::IAM::Role")}
        for name, role in self.of("AWS::IAM::Role").items():
            rights[name] |= {f"all of {arn}" for arn in role.properties.get("ManagedPolicyArns", [])}
            for inline in role.properties.get("Policies", []):
                rights[name] |= {line for s in inline["PolicyDocument"]["Statement"] for line in self.lines(s)}
        for policy in self.of("AWS::IAM::Policy").values():
            lines = {line for statement in statements(policy) for line in self.lines(statement)}
            for role in policy.properties["Roles"]:
                # A role that another stack names is told by its ARN.
                rights.setdefault(role.strip("<>"), set()).update(lines)
        return {name: frozenset(lines) for name, lines in rights.items()}

    def lines(self, statement: Mapping[str, Any]) -> Iterator[str]:
        """The statement taken apart; an ARN of this account and region reads ``service:resource``."""
        never = {"Allow": "", "Deny": "never "}[statement["Effect"]]
        here = re.compile(rf"^arn:aws:([a-z]+):{self.config.region}:{self.config.finops_account}:")
        conditions = [
            f" when {key} {CONDITIONS[operator]} {value}"
            for operator, test in statement.get("Condition", {}).items()
            for key, values in test.items()
            for value in as_list(values)
        ] or [""]
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                short = here.sub(r"\1:", resource)
                yield from (f"{never}{action} {short}{condition}" for condition in conditions)

    def _readable(self, value: Any, ids: Mapping[str, str]) -> Any:
        match value:
            case {"Ref": "AWS::Partition"}:
                return "aws"
            case {"Ref": str(pseudo)} if pseudo.startswith("AWS::"):
                return f"<{pseudo}>"
            case {"Ref": str(logical_id)}:
                return f"<{ids[logical_id]}>"
            case {"Fn::GetAtt": [str(logical_id), "Arn"]}:
                return f"<{ids[logical_id]}>"
            case {"Fn::GetAtt": [str(logical_id), str(attribute)]}:
                return f"<{ids[logical_id]}.{attribute}>"
            case {"Fn::Join": [str(separator), list(parts)]}:
                return separator.join(self._readable(part, ids) for part in parts)
            case {"Fn::ImportValue": str(export)}:
                return self._exports[export]
            case dict():
                return {key: self._readable(member, ids) for key, member in value.items()}
            case list():
                return [self._readable(member, ids) for member in value]
            case _:
                return value


def statements(policy: Resource) -> list[dict[str, Any]]:
    """The statements of an IAM, bucket or queue policy."""
    found: list[dict[str, Any]] = policy.properties["PolicyDocument"]["Statement"]
    return found


def as_list(value: Any) -> list[Any]:
    """Policies write one value without its list."""
    return value if isinstance(value, list) else [value]


def _construct_names(metadata: Path, stack: str) -> dict[str, str]:
    """Logical id → construct path within the stack, without the ending that every construct's main resource has."""
    short = stack.rpartition("-")[2]
    prefix = "" if short in BY_THEIR_OWN_NAME else f"{short}/"
    return {
        entry["data"]: prefix + path.removeprefix(f"/{stack}/").removesuffix("/Resource")
        for path, entries in json.loads(metadata.read_text()).items()
        for entry in entries
        if entry["type"] == "aws:cdk:logicalId"
    }
