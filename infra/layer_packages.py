"""Which packages the layers carry: what the functions import, and all that it requires where Lambda runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution

from packaging.requirements import Requirement

from infra.code_version import PYTHON

ASKED_FOR = {
    "powertools": ("aws-lambda-powertools[parser,tracer]",),
    "base": ("asn1crypto", "cryptography", "httpx", "hvac", "PyYAML", "sqlglot"),
    "rendering": ("pyhanko", "reportlab"),
}
"""What each layer is for; a layer has nothing that one before it has."""
RUNTIME = ("boto3",)
"""What Lambda's Python has by itself, in versions of AWS's choice."""
_LAMBDA = {"python_version": PYTHON, "python_full_version": f"{PYTHON}.0", "platform_machine": "x86_64"}


def packages_of_layers() -> dict[str, set[str]]:
    """Layer → its packages, as the installed ones require them."""
    there = brought_by(RUNTIME)
    found = {}
    for layer, roots in ASKED_FOR.items():
        found[layer] = brought_by(roots) - there
        there |= found[layer]
    return found


def brought_by(roots: Iterable[str]) -> set[str]:
    """Distributions with all that they require, by their plain names."""
    known: set[tuple[str, frozenset[str]]] = set()
    waiting = list(map(Requirement, roots))
    while waiting:
        asked = waiting.pop()
        key = plain(asked.name), frozenset(asked.extras)
        if key not in known:
            known.add(key)
            waiting += _required(asked)
    return {name for name, _ in known}


def plain(distribution_name: str) -> str:
    """A distribution's name as pip compares names."""
    return re.sub(r"[-_.]+", "-", distribution_name).lower()


def _required(asked: Requirement) -> Iterator[Requirement]:
    for required in map(Requirement, distribution(asked.name).requires or []):
        extras = [*asked.extras, ""]
        if not required.marker or any(required.marker.evaluate(_LAMBDA | {"extra": extra}) for extra in extras):
            yield required
