"""What a statement's owner says to it: accepted, or disputed and later settled.

A response never touches a ledger: a dispute that is granted is settled by an adjustment of the policy, which the open
period books; the settlement names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from functions.shared.errors import InvalidRequest, ResponseNotPossible, StatementNotFound
from functions.shared.payload import Payload

Status = Literal["AWAITED", "ACCEPTED", "DISPUTED", "SETTLED"]

POSSIBLE: dict[str, tuple[Status, ...]] = {
    "accept": ("AWAITED", "DISPUTED"),
    "dispute": ("AWAITED", "ACCEPTED"),
    "settle": ("DISPUTED",),
}
"""From which status each response is possible; an owner may withdraw a dispute by accepting."""

BECOMES: dict[str, Status] = {"accept": "ACCEPTED", "dispute": "DISPUTED", "settle": "SETTLED"}


class RecordResponseRequest(Payload):
    """Who says what to which statement; a dispute says why, a settlement how it ended, and it names its adjustment."""

    charge_period: str
    revision: int = Field(ge=1)
    business_unit: str
    response: Literal["accept", "dispute", "settle"]
    by: str = Field(min_length=1)
    reason: str = ""
    adjustment: str = ""


class Said(BaseModel):
    """One response, as it was given."""

    model_config = ConfigDict(frozen=True)

    response: str
    by: str
    at: str
    reason: str
    adjustment: str


class StatementResponse(BaseModel):
    """How a statement stands with its owner, and everything that was said; ``total`` is what the statement asks for."""

    model_config = ConfigDict(frozen=True)

    charge_period: str
    statement: str
    business_unit: str
    revision: int
    total: str
    status: Status = "AWAITED"
    said: tuple[Said, ...] = ()
    item_version: int = 0


def statement_id(business_unit: str, revision: int) -> str:
    """The sort key of a statement's responses within its charge period."""
    return f"{business_unit}#{revision:04d}"


def awaited(request: RecordResponseRequest, summary: Mapping[str, Any] | None) -> StatementResponse:
    """The statement before anybody said anything; raises StatementNotFound when none was filed for the unit."""
    filed = summary["statements"] if summary else []
    totals = {entry["business_unit"]: entry["total"] for entry in filed}
    if request.business_unit not in totals:
        known = ", ".join(sorted(totals)) or "none: the revision is not closed"
        raise StatementNotFound(
            f"{request.charge_period} revision {request.revision} has no statement of {request.business_unit!r} "
            f"(it has {known})"
        )
    return StatementResponse(
        charge_period=request.charge_period,
        statement=statement_id(request.business_unit, request.revision),
        business_unit=request.business_unit,
        revision=request.revision,
        total=totals[request.business_unit],
    )


def respond(standing: StatementResponse, request: RecordResponseRequest, at: str) -> StatementResponse:
    """The statement after the response; raises ResponseNotPossible or InvalidRequest, saying what is possible."""
    if request.response != "accept" and not request.reason.strip():
        raise InvalidRequest(f"to {request.response} a statement needs a reason: the other side reads nothing else")
    if request.adjustment and request.response != "settle":
        raise InvalidRequest("only a settlement names an adjustment")
    if standing.status not in POSSIBLE[request.response]:
        can = ", ".join(response for response, before in POSSIBLE.items() if standing.status in before) or "nothing"
        raise ResponseNotPossible(
            f"the statement of {standing.business_unit} for {standing.charge_period}, revision {standing.revision}, is "
            f"{standing.status}: it cannot be {BECOMES[request.response]} now (possible: {can})"
        )
    said = Said(response=request.response, by=request.by, at=at, reason=request.reason, adjustment=request.adjustment)
    return standing.model_copy(
        update={
            "status": BECOMES[request.response],
            "said": (*standing.said, said),
            "item_version": standing.item_version + 1,
        }
    )
