"""Reads what can be read of a document that has defects, so that one load reports everything there is to correct.

Each piece (a cost center, a target, a split) is read for itself; a piece that cannot be read is left out here, its
defects being reported by the reading of the whole. References are checked against the ids as written, so that an
error inside a cost center does not make every mention of it look unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from functions.shared.policy.defects import path_of
from functions.shared.policy.model import (
    Account,
    Adjustment,
    BusinessUnit,
    CostCenter,
    Defaults,
    DriverFile,
    DriverSplit,
    EvenSplit,
    FixedSplit,
    Match,
    ProportionalSplit,
    Split,
    Tags,
    Target,
)

AnySplit = ProportionalSplit | EvenSplit | FixedSplit | DriverSplit
_Piece = TypeVar("_Piece", bound=BaseModel)


_SPLIT: TypeAdapter[AnySplit] = TypeAdapter(Split)


def salvage(model: type[_Piece], value: object) -> _Piece | None:
    """The piece, or None when it cannot be read."""
    try:
        return model.model_validate(value)
    except ValidationError:
        return None


def mapping(value: object) -> dict[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


@dataclass(frozen=True)
class Draft:
    """The readable pieces of a policy document, each with its place in the file.

    ``ids`` holds, per section (``pools``, ``rules`` …), the ids as written, by position in the file. ``targets``,
    ``matches`` and ``splits`` are keyed by path, ``rules[3].to`` for instance; ``pool_splits`` by pool id.
    """

    ids: dict[str, dict[int, str]]
    business_units: dict[int, BusinessUnit]
    cost_centers: dict[int, CostCenter]
    accounts: dict[int, Account]
    targets: dict[str, Target]
    matches: dict[str, Match]
    splits: dict[str, AnySplit]
    pool_splits: dict[str, AnySplit]
    drivers: dict[str, DriverFile]
    driver_names: frozenset[str]
    adjustments: dict[int, Adjustment]
    tags: Tags | None
    defaults: Defaults | None

    def known(self, section: str) -> frozenset[str]:
        """The ids that a section declares."""
        return frozenset(self.ids[section].values())


def draft_of(document: dict[str, object]) -> Draft:
    """Everything readable in the document."""
    rules = sequence(document.get("rules"))
    pools = [mapping(pool) for pool in sequence(document.get("pools"))]
    classes = mapping(document.get("charge_classes"))
    targets = {path_of("charge_classes", key): salvage(Target, value) for key, value in classes.items()}
    targets |= {path_of("rules", i, "to"): salvage(Target, mapping(rule).get("to")) for i, rule in enumerate(rules)}
    matches = {path_of("rules", i, "match"): salvage(Match, mapping(rule).get("match")) for i, rule in enumerate(rules)}
    splits = {path_of("pools", i, "split"): _salvage_split(pool.get("split")) for i, pool in enumerate(pools)}
    drivers = mapping(document.get("drivers"))
    sections = ("business_units", "cost_centers", "accounts", "rules", "pools", "adjustments")
    return Draft(
        ids={section: _ids(document.get(section)) for section in sections},
        business_units=_pieces(BusinessUnit, document.get("business_units")),
        cost_centers=_pieces(CostCenter, document.get("cost_centers")),
        accounts=_pieces(Account, document.get("accounts")),
        targets=_read(targets),
        matches=_read(matches),
        splits=_read(splits),
        pool_splits=_read({str(pool.get("id")): split for pool, split in zip(pools, splits.values(), strict=True)}),
        drivers=_read({key: salvage(DriverFile, value) for key, value in drivers.items()}),
        driver_names=frozenset(drivers),
        adjustments=_pieces(Adjustment, document.get("adjustments")),
        tags=salvage(Tags, document.get("tags")),
        defaults=salvage(Defaults, document.get("defaults")),
    )


_Value = TypeVar("_Value")


def _read(pieces: dict[str, _Value | None]) -> dict[str, _Value]:
    return {key: piece for key, piece in pieces.items() if piece is not None}


def _pieces(model: type[_Piece], section: object) -> dict[int, _Piece]:
    read = ((index, salvage(model, item)) for index, item in enumerate(sequence(section)))
    return {index: piece for index, piece in read if piece is not None}


def _ids(section: object) -> dict[int, str]:
    written = ((index, mapping(item).get("id")) for index, item in enumerate(sequence(section)))
    return {index: value for index, value in written if isinstance(value, str)}


def _salvage_split(value: object) -> AnySplit | None:
    try:
        return _SPLIT.validate_python(value)
    except ValidationError:
        return None
