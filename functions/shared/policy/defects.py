"""Defects of a policy: where they are in the file, what is wrong, and how a pile of them becomes one error."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from functions.shared.errors import InvalidPolicy
from functions.shared.policy.model import CHARGE_CLASSES, SPLIT_METHODS

_SHOWN_IN_MESSAGE = 50
_PLAIN_KEY = re.compile(r"[\w:@/-]+")


class Defect(NamedTuple):
    """One thing to correct: ``path`` is its place in the file (``rules[3].to.pool``), ``message`` what is wrong."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def invalid_policy(name: str, defects: Sequence[Defect]) -> InvalidPolicy:
    """The error for these defects: one line that begins with the file's name, and all of them as ``.defects``.

    The line shows the first 50 so that it stays readable where errors are stored; the attribute has every one.
    """
    shown = "; ".join(str(defect) for defect in defects[:_SHOWN_IN_MESSAGE])
    rest = len(defects) - _SHOWN_IN_MESSAGE
    count = "1 defect" if len(defects) == 1 else f"{len(defects)} defects"
    line = f"{name}: {count}: {shown}" + (f"; and {rest} more" if rest > 0 else "")
    error = InvalidPolicy("".join(char if char.isprintable() else "?" for char in line))
    error.defects = list(defects)
    return error


def path_of(*parts: str | int) -> str:
    """Writes a place in the file: ``path_of("rules", 3, "to")`` is ``rules[3].to``."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(part)}]"
    return text


def structural_defects(error: ValidationError) -> Iterator[Defect]:
    """What pydantic refused, in the words and with the paths of the policy file, each once."""
    seen: set[Defect] = set()
    for detail in error.errors(include_url=False):
        if detail["type"] == "too_short" and detail["input"]:
            continue  # something is there, and was refused for itself
        defect = _translate(detail["type"], detail["loc"], detail.get("input"), detail.get("ctx", {}), detail["msg"])
        if defect not in seen:
            seen.add(defect)
            yield defect


def _translate(kind: str, loc: tuple[int | str, ...], value: object, context: dict[str, Any], fallback: str) -> Defect:
    path, method = _without_union_tag([part for part in loc if part != "[key]"])
    in_classes = path[:1] == ["charge_classes"] and len(path) == 2
    if kind == "missing" and in_classes:
        return Defect("charge_classes", f"{path[1]} is not declared")
    if kind == "extra_forbidden" and in_classes:
        return Defect(path_of(*path), f"is not a charge class; they are {', '.join(CHARGE_CLASSES)}")
    if kind == "extra_forbidden" and method:
        return Defect(path_of(*path), f"does not belong to method {method}")
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        method_given = f"{context['tag']!r} is not" if "tag" in context else "is missing;"
        return Defect(path_of(*path, "method"), f"{method_given} one of {', '.join(SPLIT_METHODS)}")
    return Defect(path_of(*path), _words(kind, value, context, fallback))


def _without_union_tag(path: list[int | str]) -> tuple[list[int | str], str]:
    """Pydantic names the split's method in the path, the file does not; returns the file's path and the method."""
    if len(path) > 3 and path[0] == "pools" and path[2] == "split":
        return path[:3] + path[4:], str(path[3])
    return path, ""


def _words(kind: str, value: object, context: dict[str, Any], fallback: str) -> str:
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return "is not a key of the policy format"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"{shown(value)} is not {str(context['expected']).replace('True', 'true')}"
    if kind == "too_short":
        return "is empty: name at least one"
    if kind in _WANTED:
        return _wrong_type(value, _WANTED[kind])
    return fallback


_WANTED = {
    "string_type": "text",
    "tuple_type": "a list",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
}
"""Pydantic's names of the wrong type, with the words for the right one."""


def _wrong_type(value: object, wanted: str) -> str:
    if value is None:
        return f"is empty, not {wanted}"
    if wanted != "text" or isinstance(value, dict | list):
        return f"{shown(value)} is {kind_of(value)}, not {wanted}"
    remedy = "write a month, as 2026-01" if _is_date(value) else "write it in quotes"
    return f"{shown(value)} is {kind_of(value)}: {remedy}"


def _is_date(value: object) -> bool:
    return isinstance(value, datetime.date)


def shown(value: object) -> str:
    """A value of the file in a message: scalars as written, shortened; never the inside of a list or mapping."""
    if isinstance(value, dict | list | tuple):
        return "this"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def kind_of(value: object) -> str:
    """What YAML read a value as, in words."""
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if _is_date(value):
        return "a date"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else "text"
