"""DynamoDB, Glue, Athena, KMS, Secrets Manager, parameters."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from local.aws.keys import pinned_key_id
from local.aws.resources import Created, Handler, Request, applies, tag_map, truth

_TABLE_PROPERTIES = ("AttributeDefinitions", "GlobalSecondaryIndexes", "KeySchema", "LocalSecondaryIndexes")


@applies(
    *_TABLE_PROPERTIES,
    "BillingMode",
    "DeletionProtectionEnabled",
    "PointInTimeRecoverySpecification",
    "ProvisionedThroughput",
    "SSESpecification",
    "StreamSpecification",
    "TableName",
    "Tags",
    "TimeToLiveSpecification",
    leaves_out={"ContributorInsightsSpecification": "insights are kept by AWS"},
)
def table(request: Request) -> Created:
    properties = request.properties
    return _create_table(request, {**properties}, properties)


@applies(
    *_TABLE_PROPERTIES,
    "BillingMode",
    "Replicas",
    "SSESpecification",
    "StreamSpecification",
    "TableName",
    "TimeToLiveSpecification",
    leaves_out={
        "WriteOnDemandThroughputSettings": "throughput is not limited",
        "WriteProvisionedThroughputSettings": "throughput is not limited",
    },
)
def global_table(request: Request) -> Created:
    """A TableV2. One region is one table; the replica's own settings are the table's."""
    replicas = [replica for replica in request.properties["Replicas"] if replica["Region"] == request.region]
    if len(replicas) != len(request.properties["Replicas"]):
        raise ValueError("the local cloud has one region: a replica elsewhere cannot be created.")
    return _create_table(request, {**request.properties, "BillingMode": "PAY_PER_REQUEST"}, replicas[0])


def _create_table(request: Request, properties: dict[str, Any], settings: Mapping[str, Any]) -> Created:
    """`settings` holds what a replica of a global table has of its own: recovery, protection, tags."""
    dynamodb = request.client("dynamodb")
    name = properties.get("TableName", request.name)
    parameters = {key: properties[key] for key in _TABLE_PROPERTIES if key in properties}
    if properties.get("BillingMode") == "PAY_PER_REQUEST":
        parameters["BillingMode"] = "PAY_PER_REQUEST"
    else:
        units = properties["ProvisionedThroughput"]
        parameters["ProvisionedThroughput"] = {unit: int(value) for unit, value in units.items()}
    if stream := properties.get("StreamSpecification"):
        parameters["StreamSpecification"] = {"StreamEnabled": True, **stream}
    if encryption := properties.get("SSESpecification"):
        key_id = encryption.get("KMSMasterKeyId") or (settings.get("SSESpecification") or {}).get("KMSMasterKeyId")
        parameters["SSESpecification"] = {
            "Enabled": truth(encryption.get("SSEEnabled")),
            **({"SSEType": encryption["SSEType"]} if "SSEType" in encryption else {}),
            **({"KMSMasterKeyId": key_id} if key_id else {}),
        }
    if "DeletionProtectionEnabled" in settings:
        parameters["DeletionProtectionEnabled"] = truth(settings["DeletionProtectionEnabled"])
    if tags := settings.get("Tags"):
        parameters["Tags"] = tags
    created = dynamodb.create_table(TableName=name, **parameters)["TableDescription"]
    if ttl := properties.get("TimeToLiveSpecification"):
        specification = {"AttributeName": ttl["AttributeName"], "Enabled": truth(ttl["Enabled"])}
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)
    if truth((settings.get("PointInTimeRecoverySpecification") or {}).get("PointInTimeRecoveryEnabled")):
        recovery = {"PointInTimeRecoveryEnabled": True}
        dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    attributes = {"Arn": created["TableArn"]}
    if "LatestStreamArn" in created:
        attributes["StreamArn"] = created["LatestStreamArn"]
    return Created(name, attributes)


@applies("CatalogId", "DatabaseInput", "DatabaseName")
def glue_database(request: Request) -> Created:
    database = dict(request.properties["DatabaseInput"])
    database.setdefault("Name", request.properties.get("DatabaseName", request.name).lower())
    request.client("glue").create_database(DatabaseInput=database)
    return Created(database["Name"])


@applies("CatalogId", "DatabaseName", "TableInput")
def glue_table(request: Request) -> Created:
    definition = _texts_in_parameters({"Name": request.name.lower(), **request.properties["TableInput"]})
    request.client("glue").create_table(DatabaseName=request.properties["DatabaseName"], TableInput=definition)
    return Created(definition["Name"])


def _texts_in_parameters(node: Any) -> Any:
    """CloudFormation lets `Parameters` hold numbers and booleans, the API wants text."""
    if isinstance(node, list):
        return [_texts_in_parameters(member) for member in node]
    if not isinstance(node, Mapping):
        return node
    return {
        name: {key: _text(value) for key, value in member.items()}
        if name == "Parameters"
        else _texts_in_parameters(member)
        for name, member in node.items()
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@applies(
    "Description",
    "Name",
    "Tags",
    "WorkGroupConfiguration",
    leaves_out={"RecursiveDeleteOption": "the local cloud ends as a whole", "State": "a work group is enabled"},
)
def athena_work_group(request: Request) -> Created:
    configuration = dict(request.properties.get("WorkGroupConfiguration") or {})
    for setting, convert in _WORK_GROUP_SETTINGS.items():
        if setting in configuration:
            configuration[setting] = convert(configuration[setting])
    name = request.properties["Name"]
    optional = request.pick("Description", "Tags")
    request.client("athena").create_work_group(Name=name, Configuration=configuration, **optional)
    return Created(name)


_WORK_GROUP_SETTINGS: dict[str, Callable[[Any], Any]] = {
    "BytesScannedCutoffPerQuery": int,
    "EnforceWorkGroupConfiguration": truth,
    "PublishCloudWatchMetricsEnabled": truth,
    "RequesterPaysEnabled": truth,
}


@applies(
    "Description",
    "EnableKeyRotation",
    "Enabled",
    "KeyPolicy",
    "KeySpec",
    "KeyUsage",
    "MultiRegion",
    "Tags",
    leaves_out={
        "PendingWindowInDays": "keys are not deleted here",
        "RotationPeriodInDays": "nothing is encrypted for so long here",
        "BypassPolicyLockoutSafetyCheck": "access is not checked on one machine",
    },
)
def kms_key(request: Request) -> Created:
    properties, kms = request.properties, request.client("kms")
    tags = [{"TagKey": key, "TagValue": value} for key, value in tag_map(properties.get("Tags")).items()]
    with pinned_key_id(str(uuid.uuid5(uuid.NAMESPACE_URL, f"{request.account_id}/{request.name}"))):
        created = kms.create_key(
            Policy=json.dumps(properties["KeyPolicy"]),
            Tags=tags,
            MultiRegion=truth(properties.get("MultiRegion")),
            **request.pick("Description", "KeySpec", "KeyUsage"),
        )
    key_id = created["KeyMetadata"]["KeyId"]
    if truth(properties.get("EnableKeyRotation")):
        kms.enable_key_rotation(KeyId=key_id)
    if "Enabled" in properties and not truth(properties["Enabled"]):
        kms.disable_key(KeyId=key_id)
    return Created(key_id, {"Arn": created["KeyMetadata"]["Arn"], "KeyId": key_id})


@applies("AliasName", "TargetKeyId")
def kms_alias(request: Request) -> Created:
    request.client("kms").create_alias(**request.properties)
    return Created(request.properties["AliasName"])


@applies(
    "Description",
    "GenerateSecretString",
    "KmsKeyId",
    "Name",
    "SecretString",
    "Tags",
    leaves_out={"ReplicaRegions": "the local cloud has one region"},
)
def secret(request: Request) -> Created:
    secrets = request.client("secretsmanager")
    value = request.properties.get("SecretString")
    if value is None:
        value = _generated_secret(secrets, request.properties.get("GenerateSecretString") or {})
    created = secrets.create_secret(
        Name=request.properties.get("Name", request.name),
        SecretString=value,
        **request.pick("Description", "KmsKeyId", "Tags"),
    )
    return Created(created["ARN"], {"Id": created["ARN"]})


@applies("AllowedPattern", "DataType", "Description", "Name", "Tags", "Tier", "Type", "Value")
def parameter(request: Request) -> Created:
    name = request.properties.get("Name", request.name)
    tags = [{"Key": key, "Value": value} for key, value in (request.properties.get("Tags") or {}).items()]
    settings = request.pick("AllowedPattern", "DataType", "Description", "Tier", "Type", "Value")
    request.client("ssm").put_parameter(Name=name, Tags=tags, **settings)
    return Created(name, {"Type": request.properties["Type"], "Value": request.properties["Value"]})


def _generated_secret(secrets: Any, settings: Mapping[str, Any]) -> str:
    flags = {
        name: int(value) if name == "PasswordLength" else value if name == "ExcludeCharacters" else truth(value)
        for name, value in settings.items()
        if name not in ("SecretStringTemplate", "GenerateStringKey")
    }
    password: str = secrets.get_random_password(**flags)["RandomPassword"]
    if "SecretStringTemplate" not in settings:
        return password
    return json.dumps({**json.loads(settings["SecretStringTemplate"]), settings["GenerateStringKey"]: password})


HANDLERS: dict[str, Handler] = {
    "AWS::Athena::WorkGroup": athena_work_group,
    "AWS::DynamoDB::GlobalTable": global_table,
    "AWS::DynamoDB::Table": table,
    "AWS::Glue::Database": glue_database,
    "AWS::Glue::Table": glue_table,
    "AWS::KMS::Alias": kms_alias,
    "AWS::KMS::Key": kms_key,
    "AWS::SSM::Parameter": parameter,
    "AWS::SecretsManager::Secret": secret,
}
