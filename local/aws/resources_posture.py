"""AWS Config's rules, GuardDuty, cost categories: kept as declared; on one machine nobody evaluates them."""

from __future__ import annotations

import json

from local.aws.resources import Created, Handler, Request, applies, tag_map, truth


@applies("ConfigRuleName", "Description", "InputParameters", "MaximumExecutionFrequency", "Scope", "Source")
def config_rule(request: Request) -> Created:
    config = request.client("config")
    name = request.properties.get("ConfigRuleName", request.name)
    rule = request.pick("Description", "MaximumExecutionFrequency", "Scope", "Source")
    parameters = request.properties.get("InputParameters")
    if parameters is not None:
        rule["InputParameters"] = parameters if isinstance(parameters, str) else json.dumps(parameters)
    config.put_config_rule(ConfigRule={"ConfigRuleName": name, **rule})
    [kept] = config.describe_config_rules(ConfigRuleNames=[name])["ConfigRules"]
    return Created(name, {"Arn": kept["ConfigRuleArn"], "ConfigRuleId": kept["ConfigRuleId"]})


@applies("DataSources", "Enable", "Features", "FindingPublishingFrequency", "Tags")
def detector(request: Request) -> Created:
    created = request.client("guardduty").create_detector(
        Enable=truth(request.properties["Enable"]),
        Tags=tag_map(request.properties.get("Tags")),
        **request.pick("DataSources", "Features", "FindingPublishingFrequency"),
    )
    return Created(created["DetectorId"], {"Id": created["DetectorId"]})


@applies("DefaultValue", "Name", "RuleVersion", "Rules", "SplitChargeRules", "Tags")
def cost_category(request: Request) -> Created:
    lists = {name: json.loads(text) for name, text in request.pick("Rules", "SplitChargeRules").items()}
    created = request.client("ce").create_cost_category_definition(
        ResourceTags=list(request.properties.get("Tags", ())),
        **request.pick("DefaultValue", "Name", "RuleVersion"),
        **lists,
    )
    return Created(created["CostCategoryArn"], {"Arn": created["CostCategoryArn"]})


HANDLERS: dict[str, Handler] = {
    "AWS::CE::CostCategory": cost_category,
    "AWS::Config::ConfigRule": config_rule,
    "AWS::GuardDuty::Detector": detector,
}
