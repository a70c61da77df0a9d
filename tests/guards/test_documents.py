"""What the documents promise is there: commands, links, errors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from functions.shared import errors
from functions.shared.errors import ChargebackError
from functions.shared.sql_catalog import load_statements
from infra.constructs.cur_query import TABLE_CONFIGURATION
from infra.names import state_of
from local.__main__ import main

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "sql" / "README.md"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
ERRORS = {
    name for name, member in vars(errors).items() if isinstance(member, type) and issubclass(member, ChargebackError)
}
ADVISING = ("runbook.md", "integrations.md")
"""The pages that say what to do about an error, in tables that begin with it."""


def errors_advised_on(page: str) -> set[str]:
    """What the rows of a page's tables of errors begin with; names of functions and patterns are left out."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    tables = re.findall(r"^\| error \|.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    rows = [row.split(" | ")[0] for table in tables for row in table.splitlines()]
    return {name for row in rows for name in re.findall(r"`([A-Z]\w+)`", row)}


def numbers_on_the_page() -> set[str]:
    """The statements that the page on the SQL has, alone or within "from … to …", by their numbers."""
    page = (ROOT / "sql" / "README.md").read_text(encoding="utf-8")
    link = r"\[([a-z]\d{3})\w*\]\(\S+\)"
    ranges = [*((alone, alone) for alone in re.findall(link, page)), *re.findall(f"{link} to {link}", page)]
    numbers = {name.partition("_")[0] for name in load_statements()}
    return {number for number in numbers for first, last in ranges if first <= number <= last}


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


def test_every_error_that_a_state_can_fail_with_has_a_row_that_says_what_to_do() -> None:
    machines = (ROOT / "statemachines" / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Z]\w+)`", machines)) & ERRORS

    assert len(named) > 50
    assert named - {error for page in ADVISING for error in errors_advised_on(page)} == set()


@pytest.mark.parametrize("page", ADVISING)
def test_no_page_advises_on_an_error_that_there_is_not(page: str) -> None:
    assert errors_advised_on(page) - ERRORS == set()


def test_the_page_on_the_sql_has_every_statement() -> None:
    assert {name.partition("_")[0] for name in load_statements()} - numbers_on_the_page() == set()


def test_the_page_on_deploying_names_what_the_workflows_read_from_github() -> None:
    workflows = "".join(file.read_text(encoding="utf-8") for file in (ROOT / ".github" / "workflows").glob("*.yml"))
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")

    read = set(re.findall(r"\b(?:secrets|vars)\.([A-Z]\w+)", workflows))
    assert read
    assert {name for name in read if f"`{name}`" not in page} == set()


def test_the_page_on_servicenow_names_every_function_that_signs_in_there() -> None:
    page = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")
    signing = page.partition('"Sid": "ChargebackBooks"')[2].partition("```")[0]
    with_books = {
        handler.parent.name
        for handler in (ROOT / "functions").glob("*/handler.py")
        if re.search(r"class \w+Settings\(BooksSettings\)", handler.read_text(encoding="utf-8"))
    }

    named = set(re.findall(r"role/Chargeback-production-(\w+)", signing))
    assert named == {state_of(folder) for folder in with_books}
