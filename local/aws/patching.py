"""Replacing functions inside moto, and refusing to in a version of moto that the hooks were not written for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from local.aws.errors import WrongMotoVersion

MOTO_VERSION = "5.2.5"


def require_moto() -> None:
    """Raises WrongMotoVersion unless the installed moto is the one the hooks were written for."""
    installed = version("moto")
    if installed != MOTO_VERSION:
        raise WrongMotoVersion(
            f"The local cloud is written for moto {MOTO_VERSION} and moto {installed} is installed: "
            f"install requirements.txt, or adapt local/aws and its contract tests to {installed}."
        )


class Patches:
    """Attributes replaced in other modules, put back in reverse order."""

    def __init__(self) -> None:
        self._undo: list[tuple[Any, str, Any]] = []

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """Sets an attribute that must exist; a staticmethod stays one."""
        original = vars(owner)[name] if isinstance(owner, type) and name in vars(owner) else getattr(owner, name)
        self._undo.append((owner, name, original))
        setattr(owner, name, staticmethod(value) if isinstance(original, staticmethod) else value)

    def wrap(self, owner: Any, name: str, around: Callable[..., Any]) -> None:
        """Replaces a method by `around(original, *args, **kwargs)`."""
        original = getattr(owner, name)

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return around(original, *args, **kwargs)

        self.replace(owner, name, wrapper)

    def replace_everywhere(self, original: Any, value: Any, package: str) -> None:
        """Replaces a function in every module of a package that imported it by name."""
        for module_name, module in list(sys.modules.items()):
            if module_name == package or module_name.startswith(package + "."):
                for name, member in list(vars(module).items()):
                    if member is original:
                        self.replace(module, name, value)

    def undo(self) -> None:
        while self._undo:
            setattr(*self._undo.pop())
