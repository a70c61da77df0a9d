"""A function that is not told everything it needs says so at once, and says all of it."""

from __future__ import annotations

import pytest
from pydantic import Json, ValidationError

from functions.shared.errors import InvalidConfiguration
from functions.shared.settings import Settings, environment_names, load_settings


class ExampleSettings(Settings):
    work_bucket: str
    retention_years: int
    tags: Json[tuple[str, ...]]


WHOLE = {"WORK_BUCKET": "work", "RETENTION_YEARS": "7", "TAGS": '["a", "b"]'}


def test_settings_are_read_by_the_names_of_their_fields() -> None:
    settings = load_settings(ExampleSettings, WHOLE | {"PATH": "/usr/bin"})

    assert (settings.work_bucket, settings.retention_years, settings.tags) == ("work", 7, ("a", "b"))
    assert environment_names(ExampleSettings) == list(WHOLE)


def test_the_environment_of_the_process_is_where_they_are_read_from(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WHOLE.items():
        monkeypatch.setenv(name, value)

    assert load_settings(ExampleSettings).work_bucket == "work"


@pytest.mark.parametrize("name", WHOLE)
def test_a_missing_setting_is_named(name: str) -> None:
    with pytest.raises(InvalidConfiguration, match=f"{name}: Field required"):
        load_settings(ExampleSettings, {key: value for key, value in WHOLE.items() if key != name})


@pytest.mark.parametrize(("name", "value"), [("WORK_BUCKET", ""), ("RETENTION_YEARS", "seven"), ("TAGS", "a, b")])
def test_an_invalid_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidConfiguration, match=name):
        load_settings(ExampleSettings, WHOLE | {name: value})


def test_everything_that_is_amiss_is_said_at_once() -> None:
    with pytest.raises(InvalidConfiguration) as refused:
        load_settings(ExampleSettings, {"RETENTION_YEARS": "seven"})
    assert all(name in str(refused.value) for name in WHOLE)


def test_settings_do_not_change_after_they_were_read() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings(ExampleSettings, WHOLE).work_bucket = "other"  # type: ignore[misc]
