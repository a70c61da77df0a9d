"""A function's settings: one frozen model each, read from the environment, and refused whole when one is amiss."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from functions.shared.errors import InvalidConfiguration


class Settings(BaseModel):
    """Base of every function's settings; field ``work_bucket`` is read from ``WORK_BUCKET``."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_min_length=1)


SettingsT = TypeVar("SettingsT", bound=Settings)


def environment_names(model: type[Settings]) -> list[str]:
    """The environment variables that a settings model reads."""
    return [name.upper() for name in model.model_fields]


def load_settings(model: type[SettingsT], environment: Mapping[str, str] | None = None) -> SettingsT:
    """Reads the settings; raises InvalidConfiguration that names every missing or invalid variable."""
    source = os.environ if environment is None else environment
    values = {name: source[name.upper()] for name in model.model_fields if name.upper() in source}
    try:
        return model(**values)
    except ValidationError as invalid:
        problems = "; ".join(f"{str(error['loc'][0]).upper()}: {error['msg']}" for error in invalid.errors())
        raise InvalidConfiguration(f"environment of {model.__module__}: {problems}") from None
