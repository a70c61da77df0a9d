"""The policy that an environment closes by, as it is in policy/, and the tags that it needs of the bill."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from functions.shared.adapters.policy_source import PolicySource
from functions.shared.policy import load_policy
from functions.shared.policy.model import PolicyDocument

POLICIES = Path(__file__).resolve().parents[1] / "policy"


@cache
def ratified_policy(name: str) -> PolicyDocument:
    """A policy of policy/, checked; raises InvalidPolicy."""
    source = PolicySource.from_folder(POLICIES / name)
    return load_policy(source.text, source.drivers, name=source.name).document


def billed_tags(policy: PolicyDocument) -> tuple[str, ...]:
    """The tag keys that a policy bills by or measures, each once."""
    by_rules = [key for rule in policy.rules for key in rule.match.tag or {}]
    return tuple(dict.fromkeys([policy.tags.owner, *policy.tags.mandatory, *by_rules]))
