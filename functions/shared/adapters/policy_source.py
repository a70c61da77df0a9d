"""Where a policy and its driver tables are read from: the deployed code, or the work bucket."""

from __future__ import annotations

from pathlib import Path

from functions.shared.adapters.object_store import ObjectStore
from functions.shared.errors import InvalidPolicy
from functions.shared.policy import driver_files


class PolicySource:
    """A policy's text and its drivers' texts by the file names the policy uses; absent drivers are left out."""

    def __init__(self, name: str, text: str, drivers: dict[str, str]) -> None:
        self.name = name
        self.text = text
        self.drivers = drivers

    @classmethod
    def from_folder(cls, path: Path) -> PolicySource:
        """Reads a policy file and the driver files beside it; raises InvalidPolicy when the policy cannot be read."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidPolicy(f"{path}: cannot be read: {error}") from error
        drivers = {}
        for name in driver_files(text, str(path)):
            file = path.parent / name
            if file.is_file():
                drivers[name] = _read_driver(file)
        return cls(path.name, text, drivers)

    @classmethod
    def from_bucket(cls, store: ObjectStore, key: str) -> PolicySource:
        """Reads a policy object and the driver objects beside it; raises InvalidPolicy when there is no policy."""
        folder, _, name = key.rpartition("/")
        text = store.find_text(key)
        if text is None:
            raise InvalidPolicy(f"{store.uri(key)}: there is no such policy")
        texts = {file: store.find_text(f"{folder}/{file}") for file in driver_files(text, name)}
        return cls(name, text, {file: content for file, content in texts.items() if content is not None})


def _read_driver(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidPolicy(f"{file}: cannot be read: {error}") from error
