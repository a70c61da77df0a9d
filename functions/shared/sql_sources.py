"""The SQL files that a run's queries were rendered from, as the run keeps them."""

from __future__ import annotations

from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore

_ENDING = ".sql"


def read_sql_sources(work: ObjectStore, run_id: str) -> dict[str, str]:
    """The files as text, by statement name."""
    folder = run_files.sql_source_prefix(run_id)
    return {
        version.key.removeprefix(folder).removesuffix(_ENDING): work.read_text(version.key)
        for version in work.latest_versions(folder)
    }
