"""Makes moto's CloudFormation create everything that our stacks declare, or refuse the stack.

A resource type is created by a handler of ours, by one of moto's own that is known to be complete enough, or is on a
list of types that mean nothing on one machine, each with its reason. Every other type refuses the whole stack: a
resource that is silently missing would prove nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from moto.cloudformation.exceptions import CloudFormationError, ValidationError
from moto.cloudformation.models import Stack

from local.aws import (
    change_sets,
    resources_compute,
    resources_custom,
    resources_data,
    resources_identity,
    resources_messaging,
    resources_observability,
    resources_posture,
    resources_storage,
)
from local.aws.patching import Patches
from local.aws.resources import Created, Handler, Request

HANDLERS: dict[str, Handler] = {
    **resources_storage.HANDLERS,
    **resources_data.HANDLERS,
    **resources_compute.HANDLERS,
    **resources_custom.HANDLERS,
    **resources_identity.HANDLERS,
    **resources_messaging.HANDLERS,
    **resources_observability.HANDLERS,
    **resources_posture.HANDLERS,
}

MOTO_CREATES = {
    "AWS::Events::Rule",
    "AWS::IAM::ManagedPolicy",
    "AWS::Lambda::Permission",
}
"""Types whose handler in moto loses nothing that our stacks declare."""

_AWS_OWN_COST_DATA = "watches AWS's own cost data, which is not on this machine"
MEANINGLESS_HERE: dict[str, str] = {
    "AWS::BCMDataExports::Export": "AWS delivers the export; here the delivered files are put into the bucket",
    "AWS::CDK::Metadata": "the synthesizer's note to itself",
    "AWS::CE::AnomalyMonitor": _AWS_OWN_COST_DATA,
    "AWS::CE::AnomalySubscription": _AWS_OWN_COST_DATA,
    "AWS::Organizations::Policy": "binds the accounts of an organisation, of which none is on this machine",
}
"""Types that are accepted and create nothing, with the reason."""

_MAX_NAME = 63


def install(patches: Patches) -> None:
    from moto.cloudformation import parsing

    patches.wrap(parsing.ResourceMap, "load", _refuse_unknown_types)
    patches.replace(parsing, "resource_class_from_type", resource_class)
    patches.wrap(parsing, "resource_name_property_from_type", _name_property)
    patches.replace(parsing, "generate_resource_name", physical_name)
    patches.wrap(parsing, "parse_and_create_resource", _create_resource)
    patches.wrap(Stack, "parse_template", _parse_template)
    _ignore_bucket_policies(patches)
    change_sets.install(patches)


def physical_name(resource_type: str, stack_name: str, logical_id: str) -> str:
    """The same name at every deployment, so that a bucket or table finds its durable content again."""
    digest = hashlib.sha256(f"{stack_name}/{logical_id}".encode()).hexdigest()[:12]
    name = f"{stack_name}-{logical_id}"[: _MAX_NAME - len(digest) - 1].rstrip("-") + f"-{digest}"
    return name.lower() if resource_type == "AWS::S3::Bucket" else name


def resource_class(resource_type: str) -> Any:
    from moto.cloudformation.parsing import get_model_map

    if resource_type in HANDLERS or resource_type in MEANINGLESS_HERE:
        return _model(resource_type)
    if resource_type in MOTO_CREATES:
        return get_model_map()[resource_type]
    raise ValidationError(message=_refusal([resource_type]))


class _Resource:
    """What moto keeps of a resource that one of our handlers created; it takes the place of a CloudFormationModel."""

    resource_type: str

    def __init__(self, created: Created) -> None:
        self._created = created
        self.type = self.resource_type

    @property
    def physical_resource_id(self) -> str:
        return self._created.physical_id

    def get_cfn_attribute(self, attribute_name: str) -> str:
        if attribute_name not in self._created.attributes:
            message = f"{self.resource_type} has no attribute {attribute_name} in the local cloud."
            raise ValidationError(message=message)
        return self._created.attributes[attribute_name]

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:  # noqa: ARG003 - get_cfn_attribute knows, once the resource exists
        return True

    @classmethod
    def is_created(cls) -> bool:
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> _Resource:
        request = Request(
            type=cls.resource_type,
            logical_id=kwargs["LogicalId"],
            name=resource_name,
            properties=cloudformation_json.get("Properties") or {},
            account_id=account_id,
            region=region_name,
        )
        if cls.resource_type in MEANINGLESS_HERE:
            return cls(_placeholder(request))
        return cls(HANDLERS[cls.resource_type](request))

    @classmethod
    def update_from_cloudformation_json(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG003
        message = f"{cls.resource_type} cannot be updated in the local cloud: deploy to a new one."
        raise ValidationError(message=message)

    @classmethod
    def delete_from_cloudformation_json(cls, *args: Any, **kwargs: Any) -> None:
        """The local cloud ends as a whole."""


@lru_cache(maxsize=256)
def _model(resource_type: str) -> type[_Resource]:
    return type(resource_type.replace("::", "_"), (_Resource,), {"resource_type": resource_type})


def _placeholder(request: Request) -> Created:
    service = request.type.split("::")[1].lower()
    arn = f"arn:aws:{service}:{request.region}:{request.account_id}:{request.name}"
    return Created(arn, dict.fromkeys(("Arn", "Id", "MonitorArn", "ExportArn", "SubscriptionArn"), arn))


def _refuse_unknown_types(original: Any, resource_map: Any) -> None:
    declared = {resource["Type"] for resource in resource_map._resource_json_map.values()}
    known = HANDLERS.keys() | MEANINGLESS_HERE.keys() | MOTO_CREATES
    if unknown := sorted(declared - known):
        raise ValidationError(message=_refusal(unknown))
    original(resource_map)


def _create_resource(original: Any, logical_id: str, resource_json: Any, *args: Any, **kwargs: Any) -> Any:
    """Whatever goes wrong, the message says with which resource."""
    try:
        return original(logical_id, resource_json, *args, **kwargs)
    except CloudFormationError:
        raise
    except Exception as error:
        message = f"{logical_id} ({resource_json['Type']}) was not created: {error}"
        raise ValidationError(message=message) from error


def _refusal(types: list[str]) -> str:
    return (
        f"The local cloud cannot create {', '.join(types)}. Add a handler to local/aws/resources_*.py, or, "
        "when the type means nothing on one machine, its reason to MEANINGLESS_HERE in local/aws/cloudformation.py."
    )


def _name_property(original: Any, resource_type: str) -> Any:
    """Our handlers read explicit names themselves."""
    if resource_type in HANDLERS or resource_type in MEANINGLESS_HERE:
        return None
    return original(resource_type)


def _parse_template(original: Any, template: Any) -> Mapping[str, Any]:
    """CDK writes JSON, which moto reads as YAML, a hundred times slower."""
    try:
        parsed: Mapping[str, Any] = json.loads(template)
    except (TypeError, ValueError):
        parsed = original(template)
    return parsed


def _ignore_bucket_policies(patches: Patches) -> None:
    """moto evaluates bucket policies without their Condition: one that denies plain HTTP would deny everything."""
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    def neutral(bucket: Any, action: str, resource: str) -> Any:  # noqa: ARG001
        return PermissionResult.NEUTRAL

    patches.replace(FakeBucket, "get_permission", neutral)
