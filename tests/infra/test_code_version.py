"""Whatever can change a statement's bytes beside policy and SQL is another version of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.code_version import code_version


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for file in (
        "functions/render_statement/pdf.py",
        "functions/render_statement/fonts/Sans.ttf",
        "infra/layers/r.txt",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("as it was")
    return tmp_path


@pytest.mark.parametrize(
    "file",
    [
        "functions/render_statement/pdf.py",
        "functions/render_statement/fonts/Sans.ttf",
        "infra/layers/r.txt",
        "functions/render_statement/new.py",
    ],
)
def test_another_line_of_code_another_font_or_another_package_is_another_version(tree: Path, file: str) -> None:
    before = code_version(tree)
    (tree / file).write_text("otherwise")

    assert code_version(tree) != before


def test_what_python_and_a_desktop_leave_behind_is_no_code(tree: Path) -> None:
    before = code_version(tree)
    (tree / "functions" / "__pycache__").mkdir()
    (tree / "functions" / "__pycache__" / "pdf.pyc").write_bytes(b"1")
    (tree / "functions" / ".DS_Store").write_bytes(b"1")

    assert code_version(tree) == before


def test_a_file_that_is_renamed_is_another_version(tree: Path) -> None:
    before = code_version(tree)
    (tree / "infra" / "layers" / "r.txt").rename(tree / "infra" / "layers" / "s.txt")

    assert code_version(tree) != before
