"""Who may do what, as AWS decides it: the policies of every synthesized stack, and callers to try them with.

It errs on the caller's side. What a caller can choose, as a prefix or a header, it chooses well; a managed policy of
AWS's may contain anything; so whoever is found to be kept out is kept out. Whatever is not understood is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.infra.stacks import Stacks, as_list

Statement = Mapping[str, Any]
EVERYTHING: Statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}

OF_THE_CALLER = {
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalservicename",
    "aws:sourceaccount",
    "aws:sourcearn",
    "kms:calleraccount",
}
"""What a request says of its caller, and no caller can choose; a key that is not said is missing."""


@dataclass(frozen=True)
class Caller:
    """Somebody with a policy of their own: a role or a user; without an ARN an AWS service, or anybody at all."""

    name: str
    account: str = ""
    arn: str = ""
    service: str = ""
    says: Mapping[str, str] = field(default_factory=dict)
    statements: tuple[Statement, ...] = ()

    @property
    def context(self) -> dict[str, str]:
        said = {
            "aws:PrincipalArn": self.arn,
            "aws:PrincipalAccount": self.account,
            "kms:CallerAccount": self.account,
            "aws:PrincipalServiceName": self.service,
            **self.says,
        }
        return {key.lower(): value for key, value in said.items() if value}


@dataclass(frozen=True)
class Guarded:
    """A bucket, a key or a role's trust: something with a policy of its own."""

    arn: str
    account: str
    statements: tuple[Statement, ...]
    decides_alone: bool = False
    """Nothing opens it but its own policy; for a bucket, the policy of a caller of the same account is enough."""

    def lets(
        self, caller: Caller, action: str, resource: str | None = None, sent: Mapping[str, str] | None = None
    ) -> bool:
        """May the caller do this, to the thing itself or to something in it?

        ``sent`` is what the request says beside its caller, when it is to be that one and not the best there is.
        """
        request = _Request(action, resource or self.arn, caller, sent)
        if any(request.meets(statement, "Deny") for statement in (*caller.statements, *self.statements)):
            return False
        own = any(request.meets(statement, "Allow") for statement in caller.statements)
        grants = {_names(s, caller) for s in self.statements if request.meets(s, "Allow")}
        if not caller.arn:
            return "itself" in grants
        if caller.account != self.account:
            return own and bool(grants)
        return "itself" in grants or (own and (not self.decides_alone or "its account" in grants))


class Cloud:
    """The buckets, keys and roles of the stacks, with their policies, every reference resolved."""

    def __init__(self, stacks: Stacks, templates: Mapping[str, Any] | None = None) -> None:
        """``templates`` in the place of the stacks' own, to see what changes with them."""
        manifest = json.loads((stacks.assembly / "manifest.json").read_text(encoding="utf-8"))
        self._places = {
            name: tuple(artifact["environment"].removeprefix("aws://").split("/"))
            for name, artifact in manifest["artifacts"].items()
            if artifact["type"] == "aws:cloudformation:stack"
        }
        self._templates = templates or stacks.templates
        self._exports = {
            output["Export"]["Name"]: (name, output["Value"])
            for name, template in self._templates.items()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }
        self.buckets = {guarded.arn: guarded for guarded in self._buckets()}
        self.keys = {guarded.arn: guarded for guarded in self._keys()}
        self.roles: dict[str, Caller] = {}
        self.trusts: dict[str, Guarded] = {}
        self._read_roles()
        assert not list(self._of("AWS::IAM::User", "AWS::IAM::Group")), "users and groups are not looked at"

    def bucket(self, construct: str, stack: str = "Data") -> Guarded:
        """A bucket by its construct, from whose name CDK makes the logical id and adds eight characters."""
        return self.buckets[self._arn_of("AWS::S3::Bucket", construct, stack)]

    def key(self, construct: str, stack: str = "Data") -> Guarded:
        return self.keys[self._arn_of("AWS::KMS::Key", construct, stack)]

    def _arn_of(self, kind: str, construct: str, short: str) -> str:
        found = [
            self._arn(stack, logical_id)
            for stack, logical_id, _ in self._of(kind)
            if stack.endswith(f"-{short}") and logical_id[:-8] == construct
        ]
        (arn,) = found
        return arn

    def _of(self, *kinds: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for stack, template in self._templates.items():
            for logical_id, resource in template["Resources"].items():
                if resource["Type"] in kinds:
                    yield stack, logical_id, resource.get("Properties", {})

    def _buckets(self) -> Iterator[Guarded]:
        policies: dict[str, tuple[Statement, ...]] = {}
        for stack, _, properties in self._of("AWS::S3::BucketPolicy"):
            bucket = self._resolve(properties["Bucket"], stack)
            assert bucket not in policies, f"{bucket} has two policies"
            policies[bucket] = self._statements(properties["PolicyDocument"], stack)
        for stack, logical_id, _ in self._of("AWS::S3::Bucket"):
            name, arn = self._name(stack, logical_id), self._arn(stack, logical_id)
            yield Guarded(arn, self._places[stack][0], policies.get(name, ()))

    def _keys(self) -> Iterator[Guarded]:
        for stack, logical_id, properties in self._of("AWS::KMS::Key"):
            statements = self._statements(properties["KeyPolicy"], stack)
            yield Guarded(self._arn(stack, logical_id), self._places[stack][0], statements, decides_alone=True)

    def _read_roles(self) -> None:
        granted: dict[tuple[str, str], list[Statement]] = {}
        for stack, _, properties in self._of("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
            for role in self._resolve(properties.get("Roles", []), stack):
                document = self._statements(properties["PolicyDocument"], stack)
                granted.setdefault((self._places[stack][0], role), []).extend(document)
        for stack, logical_id, properties in self._of("AWS::IAM::Role"):
            account, name, arn = self._places[stack][0], self._name(stack, logical_id), self._arn(stack, logical_id)
            statements = granted.pop((account, name), [])
            for inline in properties.get("Policies", []):
                statements.extend(self._statements(inline["PolicyDocument"], stack))
            statements.extend(EVERYTHING for _ in properties.get("ManagedPolicyArns", []))
            self.roles[arn] = Caller(name, account, arn, statements=tuple(statements))
            trust = self._statements(properties["AssumeRolePolicyDocument"], stack)
            self.trusts[arn] = Guarded(arn, account, trust, decides_alone=True)
        assert not granted, f"policies of roles that are in no stack: {sorted(granted)}"

    def _statements(self, document: Mapping[str, Any], stack: str) -> tuple[Statement, ...]:
        return tuple(self._resolve(document["Statement"], stack))

    def _name(self, stack: str, logical_id: str) -> str:
        properties = self._templates[stack]["Resources"][logical_id].get("Properties", {})
        for name in ("BucketName", "RoleName"):
            if name in properties:
                return str(self._resolve(properties[name], stack))
        return f"{stack}-{logical_id}"

    def _arn(self, stack: str, logical_id: str) -> str:
        account, region = self._places[stack]
        kind = self._templates[stack]["Resources"][logical_id]["Type"]
        match kind:
            case "AWS::S3::Bucket":
                return f"arn:aws:s3:::{self._name(stack, logical_id)}"
            case "AWS::IAM::Role":
                return f"arn:aws:iam::{account}:role/{self._name(stack, logical_id)}"
            case "AWS::KMS::Key":
                return f"arn:aws:kms:{region}:{account}:key/{stack}-{logical_id}"
        return f"arn:aws:{kind.split('::')[1].lower()}:{region}:{account}:{stack}-{logical_id}"

    def _resolve(self, value: Any, stack: str) -> Any:
        match value:
            case {"Ref": "AWS::Partition"}:
                return "aws"
            case {"Ref": "AWS::AccountId"}:
                return self._places[stack][0]
            case {"Ref": "AWS::Region"}:
                return self._places[stack][1]
            case {"Ref": "AWS::URLSuffix"}:
                return "amazonaws.com"
            case {"Ref": str(logical_id)} if logical_id in self._templates[stack]["Resources"]:
                is_topic = self._templates[stack]["Resources"][logical_id]["Type"] == "AWS::SNS::Topic"
                return self._arn(stack, logical_id) if is_topic else self._name(stack, logical_id)
            case {"Fn::GetAtt": [str(logical_id), "Arn"]}:
                return self._arn(stack, logical_id)
            case {"Fn::GetAtt": [str(logical_id), str(attribute)]}:
                return f"{self._name(stack, logical_id)}.{attribute}"
            case {"Fn::Join": [str(separator), list(parts)]}:
                return separator.join(self._resolve(part, stack) for part in parts)
            case {"Fn::ImportValue": str(export)}:
                exporter, exported = self._exports[export]
                return self._resolve(exported, exporter)
            case dict() if len(value) == 1 and re.match(r"Ref$|Fn::", next(iter(value))):
                raise ValueError(f"{stack} has {value} in a policy, which is not understood")
            case dict():
                return {key: self._resolve(member, stack) for key, member in value.items()}
            case list():
                return [self._resolve(member, stack) for member in value]
            case _:
                return value


def matches(pattern: str, text: str, *, any_case: bool = False) -> bool:
    """As policies write patterns: ``*`` is any text, ``?`` any character."""
    regex = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(regex, text, re.DOTALL | (re.IGNORECASE if any_case else 0)) is not None


@dataclass(frozen=True)
class _Request:
    action: str
    resource: str
    caller: Caller
    sent: Mapping[str, str] | None

    def meets(self, statement: Statement, effect: Literal["Allow", "Deny"]) -> bool:
        assert "NotPrincipal" not in statement, "NotPrincipal is not understood"
        return (
            statement["Effect"] == effect
            and ("Principal" not in statement or _names(statement, self.caller) is not None)
            and _listed(statement, "Action", self.action, any_case=True)
            and _listed(statement, "Resource", self.resource)
            and all(
                self._fulfils(operator, key, [str(value) for value in as_list(values)], unsure=effect == "Allow")
                for operator, test in statement.get("Condition", {}).items()
                for key, values in test.items()
            )
        )

    def _fulfils(self, operator: str, key: str, values: list[str], *, unsure: bool) -> bool:
        if key.lower() in OF_THE_CALLER:
            return holds(operator, values, self.caller.context.get(key.lower()))
        return unsure if self.sent is None else holds(operator, values, self.sent.get(key))


def _listed(statement: Statement, element: str, value: str, *, any_case: bool = False) -> bool:
    if f"Not{element}" in statement:
        return not _matches_any(as_list(statement[f"Not{element}"]), value, any_case=any_case)
    # A role's trust names no resource: it is about the role.
    return _matches_any(as_list(statement.get(element, "*")), value, any_case=any_case)


def _matches_any(patterns: Iterable[str], value: str, *, any_case: bool = False) -> bool:
    return any(matches(pattern, value, any_case=any_case) for pattern in patterns)


def _names(statement: Statement, caller: Caller) -> Literal["itself", "its account"] | None:
    """How a policy names the caller: an account as principal leaves it to the account whom of its own it lets in."""
    principal = statement["Principal"]
    if principal == "*" or principal.get("AWS") == "*":
        return "itself"
    if caller.service:
        return "itself" if caller.service in as_list(principal.get("Service", [])) else None
    named: Sequence[str] = as_list(principal.get("AWS", []))
    if caller.arn and caller.arn in named:
        return "itself"
    account = {caller.account, f"arn:aws:iam::{caller.account}:root"}
    return "its account" if caller.account and account & set(named) else None


def holds(operator: str, values: Sequence[str], said: str | None) -> bool:
    """Does a condition hold? What it does when its key is missing is the point of most of ours."""
    base, optional = operator.removesuffix("IfExists"), operator.endswith("IfExists")
    if base == "Null":
        return (said is None) == (list(values) == ["true"])
    negated = "Not" in base
    if said is None:
        return negated or optional
    match base.replace("Not", ""):
        case "StringEquals":
            found = said in values
        case "Bool":
            found = said.lower() in values
        case "NumericLessThan":
            found = any(float(said) < float(value) for value in values)
        case "StringLike" | "ArnLike" | "ArnEquals":  # both ARN operators take patterns
            found = _matches_any(values, said)
        case _:
            raise ValueError(f"condition {operator} is not understood")
    return found != negated
