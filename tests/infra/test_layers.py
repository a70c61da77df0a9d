"""Layers carry the versions that everything is tested with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local.assembly import ROOT

LAYERS = sorted((ROOT / "infra" / "layers").glob("*.txt"))


def pins(requirements: Path) -> dict[str, str]:
    """Package → pinned version; extras do not count, anything but a pin is refused."""
    lines = [line.partition("#")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines()]
    found = {}
    for line in filter(None, lines):
        pin = re.fullmatch(r"([\w.-]+)(?:\[[\w,-]+\])?==([\w.]+)", line)
        assert pin, f"{requirements.name}: {line} is not pinned"
        found[pin[1].lower()] = pin[2]
    return found


def test_there_are_layers_to_check() -> None:
    assert [layer.name for layer in LAYERS] == ["base.txt", "rendering.txt"]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_a_layer_pins_the_versions_that_the_tests_run_with(layer: Path) -> None:
    tested = pins(ROOT / "requirements.txt")
    assert pins(layer)
    assert {package: tested.get(package) for package in pins(layer)} == pins(layer)


def test_no_package_is_in_two_layers() -> None:
    packages = [package for layer in LAYERS for package in pins(layer)]
    assert len(packages) == len(set(packages))
