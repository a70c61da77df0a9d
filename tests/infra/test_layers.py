"""Layers carry every package that the functions need, in the versions that everything is tested with."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import pytest

from infra.constructs.pip_layer import LAYERS, PackagesUnavailable, install_packages
from infra.layer_packages import ASKED_FOR, RUNTIME, brought_by, packages_of_layers, plain

NAMES = tuple(ASKED_FOR)
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


def packages_of(layers: Iterable[str]) -> set[str]:
    return {package for layer in layers for package in pins(layer)}


def test_there_are_layers_to_check() -> None:
    assert {file.stem for file in LAYERS.glob("*.txt")} == set(NAMES)


@pytest.mark.parametrize("layer", NAMES)
def test_a_layer_pins_the_versions_that_the_tests_run_with(layer: str) -> None:
    assert {package: version(package) for package in pins(layer)} == pins(layer)


@pytest.mark.parametrize("layer", NAMES)
def test_a_layer_has_all_that_its_packages_require_and_nothing_else(layer: str) -> None:
    assert set(pins(layer)) == packages_of_layers()[layer]


def test_no_package_is_in_two_layers_or_in_one_and_the_runtime() -> None:
    packages = [package for layer in NAMES for package in pins(layer)]
    assert len(packages) == len(set(packages))
    assert not set(packages) & brought_by(RUNTIME)


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
