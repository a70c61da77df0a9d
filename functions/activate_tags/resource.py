"""The function as a custom resource of CloudFormation: what it is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from functions.activate_tags.logic import Activation

PHYSICAL_ID = "cost-allocation-tags"
"""The tags are there once an organisation, so that an update never replaces the resource."""

LONGEST_TEXT = 600
"""CloudFormation refuses an answer of more than 4096 bytes."""


class TagRequest(BaseModel):
    """CloudFormation's request, or the daily schedule's, which nobody waits to be answered."""

    model_config = ConfigDict(frozen=True)

    request_type: Literal["Create", "Update", "Delete", "Daily"] = Field(alias="RequestType")
    response_url: str = Field(alias="ResponseURL", default="")
    stack_id: str = Field(alias="StackId", default="")
    request_id: str = Field(alias="RequestId", default="")
    logical_resource_id: str = Field(alias="LogicalResourceId", default="")
    physical_resource_id: str = Field(alias="PhysicalResourceId", default=PHYSICAL_ID)

    @property
    def leaves_tags_alone(self) -> bool:
        """Whether the resource is deleted: the tags are the organisation's, whose reports would lose them."""
        return self.request_type == "Delete"


def succeeded(request: TagRequest, activation: Activation | None) -> dict[str, object]:
    """The answer that the resource is as it should be, with what Fn::GetAtt gives."""
    return _answer(request, "SUCCESS", "", attributes(activation) if activation else {})


def failed(request: TagRequest, failure: Exception) -> dict[str, object]:
    """The answer that the resource could not be made, and why, in one line."""
    return _answer(request, "FAILED", _short(f"{type(failure).__name__}: {failure}"), {})


def attributes(activation: Activation) -> dict[str, str]:
    """How the tags stood at the deployment, as text."""
    return {
        "Activated": _listed(activation.activated),
        "Active": _listed(activation.active),
        "NotYetKnown": _listed(activation.not_yet_known),
        "Refused": _listed([f"{key} ({reason})" for key, reason in activation.refused.items()]),
        "Backfill": _short(activation.backfill),
    }


def _answer(request: TagRequest, status: str, reason: str, data: Mapping[str, str]) -> dict[str, object]:
    return {
        "Status": status,
        "Reason": reason or "See the function's log",
        "PhysicalResourceId": request.physical_resource_id,
        "StackId": request.stack_id,
        "RequestId": request.request_id,
        "LogicalResourceId": request.logical_resource_id,
        "Data": dict(data),
    }


def _listed(items: tuple[str, ...] | list[str]) -> str:
    return _short(", ".join(items) or "none")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 1]}…"
