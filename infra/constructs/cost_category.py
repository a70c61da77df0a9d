"""The policy's business units as a cost category, so that Cost Explorer and budgets speak of them too.

It mirrors who owns cost and bills nobody: pools, their splits and rules by service or charge are the ledger's alone.
"""

from __future__ import annotations

import json

from aws_cdk import aws_ce as ce
from constructs import Construct

from functions.shared.policy.model import PolicyDocument
from infra.constructs.category_rules import SHARED, category_rules


class CostCategory(Construct):
    """A category whose values are the ids of the business units."""

    def __init__(self, scope: Construct, construct_id: str, *, name: str, policy: PolicyDocument) -> None:
        super().__init__(scope, construct_id)
        self.category = ce.CfnCostCategory(
            self,
            "Category",
            name=name,
            rule_version="CostCategoryExpression.v1",
            rules=json.dumps(category_rules(policy), ensure_ascii=False),
            default_value=SHARED,
        )
