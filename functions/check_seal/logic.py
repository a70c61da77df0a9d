"""Looks again, after the allocation, whether the bytes it read are still the delivered ones."""

from __future__ import annotations

from functions.shared.payload import Payload


class CheckSealRequest(Payload):
    """The run whose seal is checked."""

    run_id: str


class SealChecked(Payload):
    """The seal holds."""

    files: int
    unchanged: bool
