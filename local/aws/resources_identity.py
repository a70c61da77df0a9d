"""Who may do what: roles, what GitHub signs in with, and policies; nothing here is enforced on one machine."""

from __future__ import annotations

import json
from typing import Any

from local.aws.resources import Created, Handler, Request, applies

_OF_AWS = ":iam::aws:policy/"


@applies(
    "AssumeRolePolicyDocument",
    "Description",
    "ManagedPolicyArns",
    "MaxSessionDuration",
    "Path",
    "PermissionsBoundary",
    "Policies",
    "RoleName",
    "Tags",
)
def role(request: Request) -> Created:
    properties, iam = request.properties, request.client("iam")
    optional = request.pick("Description", "Path", "PermissionsBoundary", "Tags")
    if "MaxSessionDuration" in properties:
        optional["MaxSessionDuration"] = int(properties["MaxSessionDuration"])
    created = iam.create_role(
        RoleName=properties.get("RoleName", request.name),
        AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"]),
        **optional,
    )["Role"]
    name = created["RoleName"]
    for inline in properties.get("Policies", ()):
        document = json.dumps(inline["PolicyDocument"])
        iam.put_role_policy(RoleName=name, PolicyName=inline["PolicyName"], PolicyDocument=document)
    for arn in properties.get("ManagedPolicyArns", ()):
        if _OF_AWS in arn:
            _provide(request.account_id, arn)
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    return Created(name, {"Arn": created["Arn"], "RoleId": created["RoleId"]})


def _provide(account_id: str, arn: str) -> None:
    """moto knows AWS's own policies, and has them all in an account or none of them."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data
    from moto.iam.models import AWSManagedPolicy, iam_backends

    policies: dict[str, Any] = iam_backends[account_id]["aws"].managed_policies
    if arn in policies:
        return
    name = arn.rpartition("/")[2]
    data = json.loads(aws_managed_policies_data).get(name)
    if data is None or arn != f"arn:aws:iam::aws:policy{data['Path']}{name}":
        raise ValueError(f"AWS has no policy {arn}")
    policies[arn] = AWSManagedPolicy.from_data(name, account_id, "us-east-1", data)


@applies("ClientIdList", "Tags", "ThumbprintList", "Url")
def oidc_provider(request: Request) -> Created:
    created = request.client("iam").create_open_id_connect_provider(
        Url=request.properties["Url"],
        ClientIDList=list(request.properties.get("ClientIdList", ())),
        ThumbprintList=list(request.properties.get("ThumbprintList", ())),
        **request.pick("Tags"),
    )
    arn = created["OpenIDConnectProviderArn"]
    return Created(arn, {"Arn": arn})


@applies("PolicyDocument", "PolicyName", "Roles")
def policy(request: Request) -> Created:
    name, document = request.properties["PolicyName"], json.dumps(request.properties["PolicyDocument"])
    for role_name in request.properties["Roles"]:
        request.client("iam").put_role_policy(RoleName=role_name, PolicyName=name, PolicyDocument=document)
    return Created(name)


HANDLERS: dict[str, Handler] = {
    "AWS::IAM::OIDCProvider": oidc_provider,
    "AWS::IAM::Policy": policy,
    "AWS::IAM::Role": role,
}
