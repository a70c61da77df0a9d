"""Deploys through change sets, as the CDK CLI does; moto's leave out dependencies, exports and what goes wrong.

A stack is created, or nothing is changed: a change set that would alter or remove a resource fails with the reason.
"""

from __future__ import annotations

import re
import warnings
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlparse

from moto.cloudformation.exceptions import CloudFormationError, ValidationError
from moto.cloudformation.models import CloudFormationBackend, Event, Stack
from moto.cloudformation.parsing import OutputMap
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult, EmptyResult

from local.aws.patching import Patches

_IP_ADDRESS = re.compile(r"^[\d.]+(:\d+)?$")
_NOT_STARTED = "REVIEW_IN_PROGRESS"


class ChangeSetNotFound(CloudFormationError):
    """The CLI waits for it after it has deleted a change set."""

    code = "ChangeSetNotFound"


def install(patches: Patches) -> None:
    from moto.cloudformation import parsing, responses

    patches.wrap(responses, "get_stack_from_s3_url", _template_at)
    patches.wrap(parsing, "parse_and_create_resource", _report)
    patches.wrap(CloudFormationBackend, "create_change_set", _create)
    patches.wrap(CloudFormationBackend, "delete_stack", _delete_stack)
    for operation, replacement in (("describe", _describe), ("execute", _execute), ("delete", _delete)):
        patches.replace(CloudFormationResponse, f"{operation}_change_set", replacement)


def _template_at(original: Any, template_url: str, account_id: str, partition: str) -> str:
    """The CLI names the template by the endpoint's address, which moto takes for a bucket's."""
    url = urlparse(template_url)
    if not _IP_ADDRESS.match(url.netloc):
        text: str = original(template_url, account_id, partition)
        return text
    from moto.s3.models import s3_backends

    bucket, _, key = unquote(url.path).lstrip("/").partition("/")
    template: Any = s3_backends[account_id][partition].get_object(bucket, key)
    if template is None:
        raise ValidationError(message=f"There is no template at {template_url}.")
    content: bytes = template.value
    return content.decode("utf-8")


def _create(original: Any, backend: Any, *args: Any, **kwargs: Any) -> tuple[str, str]:
    """What an earlier change set of this stack has begun and nobody has executed is begun anew."""
    named = [stack for stack in backend.stacks.values() if stack.name == kwargs["stack_name"]]
    if kwargs["change_set_type"] == "CREATE":
        for stack in named:
            if stack.status != _NOT_STARTED:
                raise ValidationError(message=f"Stack {stack.name} exists and is {stack.status}.")
            del backend.stacks[stack.stack_id]
    change_set_id, stack_id = original(backend, *args, **kwargs)
    change_set = backend.change_sets[change_set_id]
    if change_set.change_set_type == "UPDATE":
        change_set.status, change_set.execution_status = "FAILED", "UNAVAILABLE"
        change_set.status_reason = _no_update(backend.stacks[stack_id], change_set)
    return change_set_id, stack_id


def _no_update(stack: Any, change_set: Any) -> str:
    """CloudFormation's own words when nothing would change, which the CLI knows; otherwise what would."""
    if stack.has_template(change_set.template):
        return "The submitted information didn't contain changes. Submit different information to create a change set."
    names = [f"{change.logical_resource_id} ({change.resource_type})" for change in change_set.changes]
    what = ", ".join(names) or "what surrounds its resources"
    return f"The local cloud creates and does not change: {what} would change. Start a new one and deploy to it."


def _describe(response: Any) -> ActionResult:
    return ActionResult(_find(response))


def _delete(response: Any) -> EmptyResult:
    """Deleting what is not there is no error, and the CLI does so before it makes one."""
    with suppress(ChangeSetNotFound):
        del response.cloudformation_backend.change_sets[_find(response).change_set_id]
    return EmptyResult()


def _execute(response: Any) -> EmptyResult:
    backend, change_set = response.cloudformation_backend, _find(response)
    if change_set.execution_status != "AVAILABLE":
        raise ValidationError(message=f"Change set {change_set.change_set_name} is {change_set.execution_status}.")
    change_set.execution_status = "EXECUTE_COMPLETE"
    _create_stack(backend, change_set)
    return EmptyResult()


def _find(response: Any) -> Any:
    """By id, or by name within the stack: the CLI gives the change sets of all stacks the same name."""
    name, stack = response._get_param("ChangeSetName"), response._get_param("StackName")
    for change_set in reversed(response.cloudformation_backend.change_sets.values()):
        if change_set.change_set_id == name:
            return change_set
        if change_set.change_set_name == name and stack in (change_set.stack_name, change_set.stack_id):
            return change_set
    raise ChangeSetNotFound(f"ChangeSet [{name}] does not exist")


def _create_stack(backend: Any, change_set: Any) -> None:
    """A failure is the stack's: whoever watches it reads the reason from its events."""
    begun = backend.stacks[change_set.stack_id]
    stack: Any = Stack(  # type: ignore[abstract]
        stack_id=begun.stack_id,
        name=begun.name,
        template=change_set.template,
        parameters=change_set.parameters,
        account_id=backend.account_id,
        region_name=backend.region_name,
        notification_arns=change_set.notification_arns,
        tags=change_set.tags,
        role_arn=change_set.role_arn,
        cross_stack_resources=backend.exports,
    )
    stack.events = begun.events
    backend.stacks[stack.stack_id] = stack
    stack._add_stack_event("CREATE_IN_PROGRESS", resource_status_reason="User Initiated")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", category=UserWarning)  # moto warns where it leaves something out
            stack.create_resources()
            exports = {export.name: export for export in stack.exports}
            if taken := sorted(exports.keys() & backend.exports.keys()):
                raise ValidationError(message=f"Another stack exports {', '.join(taken)} already.")
        backend.exports.update(exports)
    except (CloudFormationError, UserWarning) as error:
        reason = getattr(error, "message", str(error))
        _keep_what_is_there(stack)
        stack.status = "ROLLBACK_FAILED"  # what was created stays: the local cloud ends as a whole
        stack.stack_status_reason = reason
        stack._add_stack_event("ROLLBACK_FAILED", resource_status_reason=reason)


def _keep_what_is_there(stack: Any) -> None:
    """moto creates a resource when it is first looked at, also in a stack that has failed."""
    resources = stack.resource_map
    there = resources._resource_json_map.keys() & resources._parsed_resources.keys()
    resources._resource_json_map = {name: resources._resource_json_map[name] for name in there}
    stack.output_map = OutputMap(resources, {}, stack.stack_id)


def _report(original: Any, logical_id: str, resource_json: Any, resources_map: Any, *args: Any, **kwargs: Any) -> Any:
    """Adds what happened to a resource to the events of its stack."""
    try:
        resource = original(logical_id, resource_json, resources_map, *args, **kwargs)
    except CloudFormationError as error:
        if "reported" not in vars(error):  # what needs the resource fails with it
            vars(error)["reported"] = True
            _add_event(resources_map, logical_id, resource_json["Type"], "", "CREATE_FAILED", error.message)
        raise
    if resource is not None:
        physical_id = str(resource.physical_resource_id)
        _add_event(resources_map, logical_id, resource_json["Type"], physical_id, "CREATE_COMPLETE", None)
    return resource


def _add_event(
    resources_map: Any, logical_id: str, resource_type: str, physical_id: str, status: str, reason: str | None
) -> None:
    from moto.cloudformation.models import cloudformation_backends

    backend = cloudformation_backends[resources_map._account_id][resources_map._region_name]
    stack = backend.stacks.get(resources_map.stack_id)
    if stack is None:
        return
    event = Event(
        stack_id=stack.stack_id,
        stack_name=stack.name,
        logical_resource_id=logical_id,
        physical_resource_id=physical_id,
        resource_type=resource_type,
        resource_status=status,
        resource_status_reason=reason,
        resource_properties=None,
    )
    stack.events.append(event)


def _delete_stack(original: Any, backend: Any, name_or_id: str) -> None:
    for stack in backend.stacks.values():
        if name_or_id in (stack.name, stack.stack_id) and stack.status != _NOT_STARTED:
            raise ValidationError(message="The local cloud ends as a whole: a stack in it is not deleted.")
    original(backend, name_or_id)
