"""Leaves secrets out of what others say: whoever refuses a request may repeat it, and seldom as it was sent."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterable
from html.entities import codepoint2name

REDACTED = "[redacted]"
_LONGEST = 100_000
"""Characters that are looked at; every message is cut much earlier."""


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text without any of the secrets, as they are or as they stand in a URL, a form, JSON, XML, hex or Base64.

    Only the beginning of a text that nobody would quote as a whole.
    """
    text = text[:_LONGEST]
    for secret in sorted(filter(None, set(secrets)), key=len, reverse=True):
        for form in (_escaped(secret), *_encoded(secret)):
            text = re.sub(form, REDACTED, text)
    return text


def _escaped(secret: str) -> str:
    """A pattern that takes each character as it is or escaped, once or more often."""
    return "".join(
        character if character.isalnum() and character.isascii() else _any_of(character) for character in secret
    )


def _any_of(character: str) -> str:
    percent = "".join(f"%(?:25)*(?i:{byte:02X})" for byte in character.encode())
    in_json = "".join(
        rf"\\{{1,8}}u(?i:{unit:04x})" for (unit,) in struct.iter_unpack(">H", character.encode("utf-16-be"))
    )
    name = codepoint2name.get(ord(character), "")
    entity = rf"&(?:amp;)*(?i:\#0*{ord(character)}|\#x0*{ord(character):x}{f'|{name}' if name else ''});"
    # A backslash before a backslash is one more of the same; without a bound a long row of them takes for ever.
    forms = [r"\\{1,8}"] if character == "\\" else [rf"\\{{0,8}}{re.escape(character)}", in_json]
    return f"(?:{'|'.join([*forms, percent, entity, *([r'[+]'] if character == ' ' else [])])})"


def _encoded(secret: str) -> list[str]:
    """Patterns for hex, and for Base64 wherever in a longer text the secret begins."""
    raw = secret.encode()
    patterns = [f"(?i:{raw.hex()})"]
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode()
        # The first characters depend on what comes before the secret, the last one on what follows.
        within = encoded[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]
        patterns.append(re.escape(within).replace(r"\+", "[+-]").replace("/", "[/_]"))
    return patterns
