"""Split cost allocation: how EC2 instances that run EKS pods or ECS tasks divide among them.

These lines bill nothing. They say which part of their parent instance's effective cost a pod used or left unused;
their owners are the pods', and a parent is never divided beyond what it costs in the same hour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from local.sample.catalog import offers, usage_type_in
from local.sample.columns import Batch, Integers, dollars, gather_all, text
from local.sample.lines import Lines, Timeline
from local.sample.organisation import ACCOUNTS, Account
from local.sample.resources import account_columns, line_item_ids, tag_columns
from local.sample.tags import Habit, draw_habits, resource_tags

ROWS_PER_PARENT = 4
"""Two pods on a parent, and for each a line for processor and one for memory."""

_SHARES = np.array([310, 140, 240, 110], dtype=np.int64)
_SWING = 50
_USED_PER_MILLE = 830


@dataclass(frozen=True)
class Pods:
    """The pods of some instances; columns have ``ROWS_PER_PARENT`` rows per parent."""

    timeline: Timeline
    parents: Integers
    times: int
    columns: Batch

    @property
    def lines(self) -> int:
        """How many lines they have over the month."""
        return len(self.parents) * self.times * ROWS_PER_PARENT


def hosts(timeline: Timeline, wanted: int) -> Integers:
    """Instances that run containers: those of the container platforms in turn, then others."""
    resources = timeline.resources
    turns: dict[int, int] = {}
    ranked = []
    for position, (account, offer) in enumerate(zip(resources.account.tolist(), resources.offer.tolist(), strict=True)):
        if offers()[offer].is_instance and resources.cost[position] > 0:
            turns[account] = turns.get(account, 0) + 1
            ranked.append((ACCOUNTS[account].home != "containers", turns[account], account, position))
    return np.array([position for *_, position in sorted(ranked)[:wanted]], dtype=np.int64)


def run_pods(timeline: Timeline, wanted: int, times: int, rng: np.random.Generator) -> Pods:
    """Puts two pods, mostly of different cost centers, on each of so many instances."""
    parents = hosts(timeline, wanted)
    habits = draw_habits(2 * len(parents), rng)
    habits[: len(_FIRST_HABITS)] = _FIRST_HABITS
    tags, ids, kinds = [], [], []
    for number, parent in enumerate(parents.tolist()):
        account = ACCOUNTS[int(timeline.resources.account[parent])]
        for pod in range(2):
            habit, pick = habits[2 * number + pod]
            owner = account.cost_centers[(number + pod) % len(account.cost_centers)]
            tags += [resource_tags(account, owner, habit, pick)] * 2
            ids += [_pod_arn(account, f"{number}-{pod}-{rng.bytes(6).hex()}")] * 2
            kinds += [_kind(account, measure) for measure in ("vCPU", "GB")]
    rows = np.repeat(parents, ROWS_PER_PARENT)
    columns = {
        **gather_all(account_columns(), timeline.resources.account[rows]),
        **tag_columns(tags),
        "line_item_resource_id": text(ids),
        "identity_line_item_id": text(line_item_ids(len(ids), rng)),
        "split_line_item_parent_resource_id": text(
            timeline.resources.columns["line_item_resource_id"].take(pa.array(rows)).to_pylist()
        ),
        **{name: text([kind[name] for kind in kinds]) for name in (kinds[0] if kinds else {})},
    }
    return Pods(timeline, parents, times, columns)


def pod_lines(pods: Pods, first: int, last: int) -> Lines:
    """The split lines with numbers from ``first`` up to ``last``."""
    number = np.arange(first, last, dtype=np.int64)
    row, turn = number % ROWS_PER_PARENT, number // ROWS_PER_PARENT
    host, time = turn % len(pods.parents), turn // len(pods.parents)
    parent = pods.parents[host]
    cost = pods.timeline.effective(parent, time)
    claimed = cost * (_SHARES[row] + (host * 31 + time * 17 + row * 7) % _SWING) // 1000
    used = claimed * _USED_PER_MILLE // 1000
    hour = pods.timeline.hour(parent, time)
    ones = pa.array(np.ones(len(number)))
    columns = gather_all(pods.columns, host * ROWS_PER_PARENT + row) | {
        "line_item_usage_amount": ones,
        "split_line_item_reserved_usage": ones,
        "split_line_item_actual_usage": pa.array(np.full(len(number), _USED_PER_MILLE / 1000)),
        "split_line_item_split_usage": ones,
        "split_line_item_split_usage_ratio": pa.array(_SHARES[row] / 1000),
        "split_line_item_split_cost": dollars(used),
        "split_line_item_unused_cost": dollars(claimed - used),
        "split_line_item_public_on_demand_split_cost": dollars(used),
        "split_line_item_public_on_demand_unused_cost": dollars(claimed - used),
    }
    invoice = pods.timeline.resources.invoice[parent]
    return Lines(columns, invoice, np.zeros(len(number), dtype=np.int64), hour, hour + 1)


_FIRST_HABITS = [(Habit.CLEAN, 0), (Habit.CLEAN, 1), (Habit.CLEAN, 2), (Habit.NO_TAGS, 0)]


def _is_ecs(account: Account) -> bool:
    return account.name.startswith("ecs-")


def _pod_arn(account: Account, name: str) -> str:
    service, thing = ("ecs", "task/batch") if _is_ecs(account) else ("eks", "pod/platform")
    return f"arn:aws:{service}:{account.region}:{account.account_id}:{thing}/{name}"


def _kind(account: Account, measure: str) -> dict[str, str]:
    service, operation = ("ECS", "ECSTask-EC2") if _is_ecs(account) else ("EKS", "EKSPod-EC2")
    return {
        "line_item_line_item_type": "Usage",
        "line_item_product_code": f"Amazon{service}",
        "line_item_operation": operation,
        "line_item_usage_type": usage_type_in(account.region, f"{service}-EC2-{measure}-Hours"),
        "line_item_line_item_description": f"{operation} {measure} split of an EC2 instance",
        "line_item_unblended_rate": "0.0000000000",
        "pricing_unit": "vCPU-Hours" if measure == "vCPU" else "GB-Hours",
        "product_servicecode": f"Amazon{service}",
        "product_product_family": "Compute",
    }
