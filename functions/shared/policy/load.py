"""Loads a policy with its driver tables: all of it valid, or one error that names every defect."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from functions.shared.policy.checks import check
from functions.shared.policy.defects import Defect, invalid_policy, path_of, structural_defects
from functions.shared.policy.document import read_document
from functions.shared.policy.drivers import DriverReader, DriverTable
from functions.shared.policy.model import PolicyDocument
from functions.shared.policy.salvage import Draft, draft_of


@dataclass(frozen=True)
class Policy:
    """A valid policy.

    ``name`` is the file's name as errors show it, ``document`` the file itself, ``driver_tables`` the values by driver
    name, and ``content_hash`` the SHA-256 (hex) of the policy's and the drivers' text.
    """

    name: str
    document: PolicyDocument
    driver_tables: Mapping[str, DriverTable]
    content_hash: str


def load_policy(text: str, drivers: Mapping[str, str], *, name: str = "policy.yaml") -> Policy:
    """Reads and checks a policy.

    ``drivers`` maps each driver file, by the path that the policy gives it, to its CSV text (see ``driver_files``).
    Raises InvalidPolicy with all defects at once: in its one-line message, and one by one in its ``defects``.
    """
    raw, defects = read_document(text, name)
    document: PolicyDocument | None = None
    try:
        document = PolicyDocument.model_validate(raw)
    except ValidationError as error:
        defects += structural_defects(error)
    draft = draft_of(raw)
    defects += check(draft)
    tables, driver_defects = _driver_tables(draft, drivers)
    defects += driver_defects
    if defects or document is None:
        raise invalid_policy(name, defects)
    return Policy(name, document, tables, policy_hash(text, drivers))


def policy_hash(text: str, drivers: Mapping[str, str]) -> str:
    """SHA-256, in hex, of the policy's text and of every driver file's name and text.

    Each part is preceded by its length in bytes and the drivers are taken in order of their names, so that no two
    different sets of files give the same bytes.
    """
    digest = hashlib.sha256()
    for part in (text, *(part for file in sorted(drivers) for part in (file, drivers[file]))):
        content = part.encode()
        digest.update(f"{len(content)}:".encode() + content)
    return digest.hexdigest()


def _driver_tables(draft: Draft, texts: Mapping[str, str]) -> tuple[dict[str, DriverTable], list[Defect]]:
    reader = DriverReader(draft.cost_centers.values(), draft.known("cost_centers"))
    missing = [
        Defect(path_of("drivers", name, "file"), f"{entry.file} is not there, beside the policy")
        for name, entry in draft.drivers.items()
        if entry.file not in texts
    ]
    files = dict.fromkeys(entry.file for entry in draft.drivers.values() if entry.file in texts)
    by_file = {file: reader.read(file, texts[file]) for file in files}
    tables = {name: by_file[entry.file] for name, entry in draft.drivers.items() if entry.file in by_file}
    return tables, missing + reader.defects
