"""Layers carry every package that the functions need, in the versions that everything is tested with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from infra.code_version import PYTHON
from infra.constructs.pip_layer import LAYERS, PackagesUnavailable, install_packages

NAMES = ("powertools", "base", "rendering")
ASKED_FOR = {
    "powertools": ["aws-lambda-powertools[parser,tracer]"],
    "base": ["asn1crypto", "cryptography", "httpx", "hvac", "PyYAML", "sqlglot"],
    "rendering": ["pyhanko", "reportlab"],
}
LAMBDA = {"python_version": PYTHON, "python_full_version": f"{PYTHON}.0", "platform_machine": "x86_64"}
MOST_BYTES = 120 * 1024 * 1024
"""Of all layers together, unpacked; Lambda takes 250 MB of a function."""


def pins(layer: str) -> dict[str, str]:
    """Package → pinned version; anything but a pin is refused."""
    lines = [line.partition("#")[0].strip() for line in (LAYERS / f"{layer}.txt").read_text("utf-8").splitlines()]
    found = {}
    for line in filter(None, lines):
        pin = re.fullmatch(r"([\w.-]+)==([\w.]+)", line)
        assert pin, f"{layer}: {line} is not pinned"
        found[plain(pin[1])] = pin[2]
    return found


def plain(distribution_name: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution_name).lower()


def packages_of(layers: Iterable[str]) -> set[str]:
    return {package for layer in layers for package in pins(layer)}


def brought_by_the_runtime() -> set[str]:
    """What Lambda's Python has by itself."""
    return brought_by(["boto3"])


def brought_by(roots: Iterable[str]) -> set[str]:
    """Distributions with all that they require where Lambda runs."""
    known: set[tuple[str, frozenset[str]]] = set()
    waiting = list(map(Requirement, roots))
    while waiting:
        asked = waiting.pop()
        key = plain(asked.name), frozenset(asked.extras)
        if key not in known:
            known.add(key)
            waiting += _required(asked)
    return {name for name, _ in known}


def _required(asked: Requirement) -> Iterator[Requirement]:
    for required in map(Requirement, distribution(asked.name).requires or []):
        extras = [*asked.extras, ""]
        if not required.marker or any(required.marker.evaluate(LAMBDA | {"extra": extra}) for extra in extras):
            yield required


def test_there_are_layers_to_check() -> None:
    assert {file.stem for file in LAYERS.glob("*.txt")} == set(NAMES)


@pytest.mark.parametrize("layer", NAMES)
def test_a_layer_pins_the_versions_that_the_tests_run_with(layer: str) -> None:
    assert {package: version(package) for package in pins(layer)} == pins(layer)


@pytest.mark.parametrize("layer", NAMES)
def test_a_layer_has_all_that_its_packages_require_and_nothing_else(layer: str) -> None:
    before = packages_of(NAMES[: NAMES.index(layer)]) | brought_by_the_runtime()
    assert set(pins(layer)) == brought_by(ASKED_FOR[layer]) - before


def test_no_package_is_in_two_layers_or_in_one_and_the_runtime() -> None:
    packages = [package for layer in NAMES for package in pins(layer)]
    assert len(packages) == len(set(packages))
    assert not set(packages) & brought_by_the_runtime()


@pytest.mark.slow
def test_layers_are_built_from_their_pins_once_and_then_without_an_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = {layer: tmp_path / layer for layer in NAMES}
    for layer, folder in built.items():
        install_packages(LAYERS / f"{layer}.txt", folder, tmp_path / "wheels")

    for layer, folder in built.items():
        found = [info.name.removesuffix(".dist-info").rsplit("-", 1) for info in folder.glob("*.dist-info")]
        assert {plain(name): number for name, number in found} == pins(layer)
    assert sum(file.stat().st_size for file in tmp_path.glob("*/**/*") if _is_in(file, built.values())) < MOST_BYTES
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    install_packages(LAYERS / "base.txt", tmp_path / "again", tmp_path / "wheels")
    assert (tmp_path / "again" / "httpx").is_dir()
    with pytest.raises(PackagesUnavailable, match=r"base\.txt; it needs a package index, once"):
        install_packages(LAYERS / "base.txt", tmp_path / "never", tmp_path / "no-wheels")


def _is_in(file: Path, folders: Iterable[Path]) -> bool:
    return file.is_file() and any(file.is_relative_to(folder) for folder in folders)
