"""Reads a state machine as data: its states, where each leads, what each refers to and what it leaves behind."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "statemachines"
CLOSE = "month_end_close"
REPLAY = "replay_period"
VALIDATION = "daily_validation"

_REFERENCE = re.compile(r"(?<![$\w])\$((?:\.\w+)+)")


@dataclass(frozen=True)
class State:
    """One state; ``map_name`` is the Map whose items it works on, blank outside of Maps."""

    name: str
    body: dict[str, Any]
    map_name: str = ""

    @property
    def kind(self) -> str:
        return str(self.body["Type"])

    @property
    def function(self) -> str:
        """The function that a Task calls by its placeholder; blank when it calls a service."""
        found = re.fullmatch(r"\$\{(\w+)\}", self.body.get("Resource", ""))
        return found[1] if found else ""

    @property
    def next_states(self) -> list[str]:
        """Where it leads when nothing fails."""
        choices = [choice["Next"] for choice in self.body.get("Choices", [])]
        return choices + [self.body[field] for field in ("Next", "Default") if field in self.body]

    @property
    def conditions(self) -> list[dict[str, Any]]:
        """What a choice compares, one comparison each."""
        return [condition for choice in self.body.get("Choices", []) for condition in _comparisons(choice)]

    @property
    def catching_states(self) -> list[str]:
        """Where it leads when it fails."""
        return [catch["Next"] for catch in self.body.get("Catch", [])]

    @property
    def references(self) -> set[str]:
        """The places of the payload that it reads: ``delivery.run_id`` for ``$.delivery.run_id``."""
        selected = {name: value for name, value in self.body.items() if name in _READING}
        return {path[1:] for text in _texts(selected) for path in _REFERENCE.findall(text)}

    @property
    def result(self) -> str | None:
        """Where its result goes in the payload; None when nowhere."""
        if self.kind not in {"Task", "Map", "Pass"} or self.body.get("ResultPath", "$") in {None, "$"}:
            return None
        return str(self.body["ResultPath"]).removeprefix("$.")


_READING = ("Parameters", "ItemsPath", "ItemSelector", "ItemReader", "Choices", "ErrorPath", "CausePath")


@cache
def definition(name: str = CLOSE) -> dict[str, Any]:
    """The file as it is."""
    read: dict[str, Any] = json.loads((FOLDER / f"{name}.asl.json").read_text(encoding="utf-8"))
    return read


@cache
def states(name: str = CLOSE) -> dict[str, State]:
    """Every state by its name, those of Maps too; names are unique."""
    found = list(_walk(definition(name)))
    by_name = {state.name: state for state in found}
    assert len(by_name) == len(found), "two states have the same name"
    return by_name


def readme_of(name: str = CLOSE) -> str:
    """The part of the readme that is about a state machine."""
    _, sections = (FOLDER / "README.md").read_text(encoding="utf-8").split(f"\n## {name}\n", 1)
    return sections.split("\n## ", 1)[0]


def readme_rows(name: str = CLOSE) -> list[tuple[str, str]]:
    """The readme's row of every state, and what stands in it, in the order of the readme."""
    return re.findall(r"^\| `(\w+)` \|(.*)$", readme_of(name), re.MULTILINE)


def texts(value: object) -> list[str]:
    """Every text in it, whatever it is nested in."""
    return list(_texts(value))


def _walk(machine: dict[str, Any], map_name: str = "") -> Iterator[State]:
    for name, body in machine["States"].items():
        yield State(name, body, map_name)
        if "ItemProcessor" in body:
            yield from _walk(body["ItemProcessor"], name)


def _comparisons(choice: dict[str, Any]) -> Iterator[dict[str, Any]]:
    several = [*choice.get("And", []), *choice.get("Or", []), *([choice["Not"]] if "Not" in choice else [])]
    if several:
        for member in several:
            yield from _comparisons(member)
    else:
        yield choice


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)
