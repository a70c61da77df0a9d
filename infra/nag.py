"""cdk-nag looks on while the stacks are synthesized, and ends it; what it may overlook stands here, each with a reason.

So does what cfn-lint and checkov may overlook, which read it in the templates (``make scan``). One finding of one
resource an entry: whatever else they find there, or in the next resource, is not covered by it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from infra.config import EnvironmentConfig
from infra.names import stack_name

CHECKOV = re.compile(r"CKV2?_AWS_\d+$")
CFN_LINT = re.compile(r"[EWI]\d{4}$")

_TRACES = "X-Ray has no resources that a right could name."
_RUN = "The key has the run's number in it, which is given when the run starts."
_QUERY = "Athena names a result's file, for each query anew."
_PERIOD = "The key has the billing period in it, and Data Exports names the files."
_POLICY = "The file is named by what a person who starts a close asks for."

WILDCARDS: dict[str, dict[str, str]] = {
    "Replica/Replication": {
        "<Replica/Billing.Arn>/*": "S3 copies every object under the key it has.",
        "<Replica/Ledger.Arn>/*": "S3 copies every object under the key it has.",
        "<Replica/Statements.Arn>/*": "S3 copies every object under the key it has.",
    },
    "Pipeline/Functions/ReadManifestRole": {
        "*": _TRACES,
        "<Data/Work.Arn>/runs/*/delivery.json": _RUN,
        "<Data/Billing.Arn>/{export}metadata/*": _PERIOD,
    },
}
"""A role's rights that have a wildcard; ``<Stack/Construct.Attribute>`` is what CloudFormation puts there."""

FUNCTIONS = ("BillingSource/Tags/ActivateTags", "Pipeline/Functions/ReadManifest")

EVERY_FUNCTION = {
    "AwsSolutions-L1": "Python 3.12, which AWS keeps up until October 2028: the layers' packages are pinned for it.",
    "CKV_AWS_116": "Step Functions waits for its answer: nothing is ever queued for it that could be lost.",
}

OTHERS: dict[str, dict[str, str]] = {
    "Pipeline/ServiceNow": {
        "AwsSolutions-SMG4": "ServiceNow gives these credentials out; its administrators change them there and here.",
    },
}


def acknowledged(config: EnvironmentConfig) -> dict[str, dict[str, str]]:
    """What may be found in an environment: resource → finding → reason."""
    places = {"export": config.export_prefix, "account": config.finops_account, "region": config.region}
    entries: dict[str, dict[str, str]] = {}
    for role, wildcards in WILDCARDS.items():
        for resource, reason in wildcards.items():
            finding = f"AwsSolutions-IAM5[Resource::{resource.format(**places)}]"
            entries.setdefault(role, {})[finding] = reason
    for function in FUNCTIONS:
        entries.setdefault(function, {}).update(EVERY_FUNCTION)
    for path, findings in OTHERS.items():
        entries.setdefault(path, {}).update(findings)
    return entries


def check_with_nag(app: cdk.App, config: EnvironmentConfig) -> None:
    """Has cdk-nag check every stack of the app, all of which must be there by now."""
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    tree = _Tree(app, config)
    for path, findings in acknowledged(config).items():
        resource = tree.resource(path)
        if resource is not None:
            _acknowledge(resource, {tree.as_nag_says(path, finding): reason for finding, reason in findings.items()})


def _acknowledge(resource: cdk.CfnResource, findings: Mapping[str, str]) -> None:
    skipped = [{"id": finding, "comment": reason} for finding, reason in findings.items() if CHECKOV.match(finding)]
    if skipped:
        resource.add_metadata("checkov", {"skip": skipped})
    ignored = [finding for finding in findings if CFN_LINT.match(finding)]
    if ignored:
        resource.add_metadata("cfn-lint", {"config": {"ignore_checks": ignored}})
    for finding, reason in findings.items():
        if not CHECKOV.match(finding) and not CFN_LINT.match(finding):
            cdk.Validations.of(resource).acknowledge(cdk.Acknowledgment(id=finding, reason=reason))


class _Tree:
    """The app's resources by their paths, without the environment's name and what every construct has."""

    _REFERENCE = re.compile(r"<(\w+)/([\w/]+)\.(\w+)>")

    def __init__(self, app: cdk.App, config: EnvironmentConfig) -> None:
        self._app = app
        self._config = config

    def resource(self, path: str) -> cdk.CfnResource | None:
        """The resource; None when this environment does without it."""
        stack, *names = path.split("/")
        found = self._app.node.try_find_child(stack_name(self._config, stack))
        for name in names:
            found = found.node.try_find_child(name) if found else None
        if found is not None:
            found = found.node.try_find_child("Resource") or found
        return found if isinstance(found, cdk.CfnResource) else None

    def as_nag_says(self, path: str, finding: str) -> str:
        """The finding's id, in which references bear the names that CloudFormation knows."""
        if not finding.startswith("AwsSolutions-"):
            return finding
        reader = path.partition("/")[0]
        return f"AwsSolutions::{self._REFERENCE.sub(lambda found: self._name(reader, *found.groups()), finding)}"

    def _name(self, reader: str, owner: str, path: str, attribute: str) -> str:
        resource = self.resource(f"{owner}/{path}")
        assert resource is not None, f"{owner}/{path} is not there"  # noqa: S101 - a fault in the table above
        stack = cdk.Stack.of(resource)
        if reader == owner:
            name = stack.resolve(resource.logical_id)
            return f"<{name}>" if attribute == "Ref" else f"<{name}.{attribute}>"
        value = resource.ref if attribute == "Ref" else resource.get_att(attribute)
        imported = stack.resolve(stack.export_value(value))
        return str(imported["Fn::ImportValue"])
