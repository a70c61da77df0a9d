"""The chargeback policy: read it with ``load_policy``, compile it for a month with ``compile_policy``.

The way of a policy: YAML text → ``document`` (plain values) → ``model`` (shape) and ``checks`` (consistency), with
``drivers`` → ``load`` (a valid ``Policy`` or every defect) → ``compile`` (``tables`` of one billing period).
"""

from functions.shared.policy.compile import CompiledPolicy, compile_policy
from functions.shared.policy.defects import Defect
from functions.shared.policy.document import driver_files
from functions.shared.policy.load import Policy, load_policy, policy_hash
from functions.shared.policy.tags import closest, normalize_tag_value, tag_column_suffix

__all__ = [
    "CompiledPolicy",
    "Defect",
    "Policy",
    "closest",
    "compile_policy",
    "driver_files",
    "load_policy",
    "normalize_tag_value",
    "policy_hash",
    "tag_column_suffix",
]
