"""Base of what states hand to functions and back: frozen, exact, refusing what is not declared."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Payload(BaseModel):
    """A state's input or output; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
