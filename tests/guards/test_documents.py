"""What the documents promise is there: commands, links, errors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infra.constructs.cur_query import TABLE_CONFIGURATION
from local.__main__ import main

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "sql" / "README.md"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8"))
    missing = [link for link in links if not (document.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))))
def test_every_make_command_of_the_readme_exists_and_is_run_by_ci(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE)
    assert target == "help" or re.search(rf"\bmake {target}\b", CI)


@pytest.mark.parametrize("command", sorted(set(re.findall(r"python -m local ([a-z-]+)", README))))
def test_every_command_of_the_readme_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "--out" in capsys.readouterr().out


def test_what_no_template_can_turn_on_is_said_before_anything_is_deployed() -> None:
    """Without the payer's opt-in an export that asks for split costs has none, and every sum is right all the same."""
    before = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8").partition("\n4. **Deploy**")[0]

    assert TABLE_CONFIGURATION["INCLUDE_SPLIT_COST_ALLOCATION_DATA"] == "TRUE"
    assert "Split cost allocation data" in before
    assert "Cost Explorer" in before


def test_the_page_on_servicenow_names_every_function_that_signs_in_there() -> None:
    page = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")
    signing = page.partition('"Sid": "ChargebackBooks"')[2].partition("```")[0]
    with_books = {
        handler.parent.name
        for handler in (ROOT / "functions").glob("*/handler.py")
        if re.search(r"class \w+Settings\(BooksSettings\)", handler.read_text(encoding="utf-8"))
    }

    named = set(re.findall(r"role/Chargeback-production-(\w+)", signing))
    assert named == {"".join(word.title() for word in folder.split("_")) for folder in with_books}
