"""Whether the policy, drivers and SQL of a close are those of the last one, or an approved change names them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from functions.render_queries.logic import RUN_STATEMENTS, UNLOADED
from functions.shared.adapters.servicenow.changes import Approval, ChangeRequest
from functions.shared.closed_evidence import ClosedEvidence
from functions.shared.errors import ChangeNotApproved
from functions.shared.payload import Payload

CLOSE_STATEMENTS = frozenset(
    {"v010_delivered_lines", "a040_pool_shares", "r020_invoices", "s040_earlier_months", *UNLOADED, *RUN_STATEMENTS}
)
"""The SQL files that a close is made with."""

USABLE_STATES = ("Scheduled", "Implement", "Review")
"""The states of a change request in which its approval holds: before it is due, and once it is over, it does not."""

FilesInForce = Mapping[tuple[str, str], str]
"""The SHA-256 of each file, by its kind (``policy``, drivers included, or ``sql``) and its name."""


class CheckChangeRequest(Payload):
    """The run whose policy and SQL are checked, when it begins (``close``) or is taken up again (``resume``)."""

    run_id: str
    action: Literal["close", "resume"] = "close"


class ApprovedBy(Payload):
    """Who approved, a user name, and when, in UTC as ServiceNow writes it."""

    approver: str
    at: str


class ChangeRecord(Payload):
    """What stands behind a close's rules.

    With the gate ``off`` nothing else is said. ``changed`` names the files that differ from the last close's; where
    there are none, no change request is needed and ``number`` and ``sys_id`` are blank.
    """

    gate: Literal["on", "off"]
    digest: str = ""
    changed: tuple[str, ...] = ()
    number: str = ""
    sys_id: str = ""
    approved: tuple[ApprovedBy, ...] = ()


def files_in_force(policy: Mapping[str, str], sql: Mapping[str, str]) -> FilesInForce:
    """The files that a close is made with, from their texts by name; SQL of other state machines is left out."""
    files = {("policy", name): _sha256(text) for name, text in policy.items()}
    return files | {("sql", name): _sha256(text) for name, text in sql.items() if name in CLOSE_STATEMENTS}


def files_of(evidence: ClosedEvidence) -> FilesInForce:
    """The files that a closed revision was made with."""
    files = {("policy", file.name): file.sha256 for file in evidence.policy.files}
    return files | {("sql", file.name): file.sha256 for file in evidence.sql}


def listing(files: FilesInForce) -> str:
    """One line a file, sorted: its kind, its SHA-256 and its name."""
    return "".join(f"{kind} {files[kind, name]} {name}\n" for kind, name in sorted(files))


def digest_of(files: FilesInForce) -> str:
    """The SHA-256, in hex, of the listing: what a change request has to name."""
    return _sha256(listing(files))


def changed_files(files: FilesInForce, last: FilesInForce) -> tuple[str, ...]:
    """The files that are new, other or gone, as ``kind name``; all of them when nothing was ever closed."""
    return tuple(
        f"{kind} {name}" for kind, name in sorted({*files, *last}) if files.get((kind, name)) != last.get((kind, name))
    )


def stands(kept: ChangeRecord, digest: str) -> bool:
    """Whether what a run has kept of its first check answers for these very files.

    Its change request may be over by now, and another month closed with the same files: neither concerns a run that
    was let through with them.
    """
    return kept.gate == "on" and kept.digest == digest


def approved_change(digest: str, changed: Sequence[str], found: Iterable[ChangeRequest], our_user: str) -> ChangeRecord:
    """The record of the approved change request that names the digest, the first by number.

    Neither who requested it nor ``our_user``, the user that the close works as, can approve it. Raises
    ChangeNotApproved, which names the digest, what changed, and why each request that was found is not enough.
    """
    refused: list[str] = []
    for change in sorted(found, key=lambda each: each.number):
        if reason := _refusal(digest, change, our_user):
            refused.append(f"{change.number} {reason}")
            continue
        approved = tuple(ApprovedBy(approver=each.approver, at=each.at) for each in _by_others(change, our_user))
        return ChangeRecord(
            gate="on",
            digest=digest,
            changed=tuple(changed),
            number=change.number,
            sys_id=change.sys_id,
            approved=approved,
        )
    raise ChangeNotApproved(
        f"policy and SQL differ from the last close ({', '.join(changed)}) and no approved change request names "
        f"{digest} ({'; '.join(refused) or 'none names it'}); open a change request with this hash "
        "(python -m local request-change), have it approved, and start the month again"
    )


def _refusal(digest: str, change: ChangeRequest, our_user: str) -> str:
    """Why a change request does not let a close use the files; blank if it does."""
    if not change.names(digest):
        return "does not name it"
    if change.state not in USABLE_STATES:
        return f"is in state {change.state}"
    if not change.is_approved:
        return f"is {change.approval or 'not approved'}" + ("" if change.approvals else " by nobody")
    if _by_others(change, our_user):
        return ""
    names = {change.requested_by: "who requested it", our_user: "our own user, who may approve nothing"}
    approvers = {approval.approver for approval in change.approvals}
    nobody = ", and ".join(f"{name}, {why}" for name, why in names.items() if name and name in approvers)
    return f"was approved by nobody but {nobody or 'users without a name'}"


def _by_others(change: ChangeRequest, our_user: str) -> list[Approval]:
    return [each for each in change.approvals if each.approver not in ("", change.requested_by, our_user)]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
