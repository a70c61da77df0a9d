"""People who have the pages read to them get the same statement: every word in order, every figure in words."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from pypdf import PdfReader

from functions.render_statement.logic import render_statement
from functions.render_statement.model import StatementModel
from functions.render_statement.pdf_numbers import amount
from functions.render_statement.pdf_signature import sign_pdf
from tests.maven import Unavailable
from tests.unit.render_statement.builders import statement
from tests.unit.render_statement.reading import Node, marked_texts, open_pdf, read_structure
from tests.unit.render_statement.test_pdf_text import LONG
from tests.unit.render_statement.verapdf.validator import broken_rules, fetch_verapdf
from tests.unit.signing_kit import NOW, signatory

SIGNER = {"subject": "CN=Chargeback statements, O=Meridian Health, C=US", "certificate_sha256": "5e" * 32}
KINDS: dict[str, dict[str, object]] = {
    "final": {"changes": {"signed_by": SIGNER}},
    "draft on Letter": {"changes": {"draft": True, "paper": "Letter"}},
    "over many pages": {"cost_centers": 8, "accounts": 60},
    "negative": {"sign": -1, "months": 3, "new": ("CC-1011",)},
    "without any cost": {"cost_centers": 1, "accounts": 0, "pools": 0, "months": 1},
    "long names": {"names": LONG},
    "Greek and Cyrillic": {"names": {"organization": "Υγεία Α.Ε.", "business_unit": "Счета", "account": "本番環境"}},
}


@cache
def read(kind: str) -> tuple[StatementModel, PdfReader, Node]:
    model = statement(**KINDS[kind])
    reader = open_pdf(model)
    return model, reader, read_structure(reader)


@pytest.mark.parametrize("kind", KINDS)
def test_everything_on_a_page_belongs_to_an_element_or_is_decoration(kind: str) -> None:
    _, reader, document = read(kind)
    named = {node.content for node in document.walk() if node.content}
    for number, page in enumerate(reader.pages):
        marked, _, unmarked = marked_texts(page)
        assert unmarked == ""
        assert {(number, content) for content in marked} == {place for place in named if place[0] == number}


@pytest.mark.parametrize("kind", KINDS)
def test_elements_follow_each_other_as_they_stand_on_the_pages(kind: str) -> None:
    _, _, document = read(kind)
    places = [node.content for node in document.walk() if node.content]
    assert places == sorted(places)


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_knows_the_elements_of_its_content(kind: str) -> None:
    _, reader, document = read(kind)
    numbers = reader.root_object["/StructTreeRoot"]["/ParentTree"]["/Nums"]  # type: ignore[index]
    leaves = {node.content: node.tag for node in document.walk() if node.content}
    for number, page in enumerate(reader.pages):
        parents = numbers[2 * page["/StructParents"] + 1]
        tags = [parent.get_object()["/S"] for parent in parents]
        assert tags == [f"/{leaves[number, content]}" for content in range(len(parents))]


def test_the_statement_is_read_from_who_and_how_much_to_who_signs() -> None:
    model, _, document = read("final")
    headings = [node.text for node in document.find("H1", "H2")]
    centers = sorted(model.cost_centers, key=lambda center: -center.total)
    assert headings == [
        "Cloud cost statement Claims Processing",
        "Cost by month",
        "Direct cost by service",
        "Shared cost by pool",
        "Cost centers",
        *(f"{c.cost_center} {c.name} USD {amount(c.total)}" for c in centers),
        "Reconciliation",
        "Provenance",
        "Signature",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_no_level_of_heading_is_skipped(kind: str) -> None:
    levels = [int(node.tag[1]) for node in read(kind)[2].find("H1", "H2", "H3")]
    assert levels[0] == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_of_a_table_has_a_cell_for_every_header(kind: str) -> None:
    tables = read(kind)[2].find("Table")
    assert tables
    for table in tables:
        headers = table.find("TH")
        assert all(header.text for header in headers)
        for row in table.find("TR")[1:]:
            assert len(row.kids) == len(headers)


def test_a_header_that_a_page_repeats_is_read_once() -> None:
    _, reader, document = read("over many pages")
    repeated = sum(marked_texts(page)[1].count("Account") for page in reader.pages)
    assert repeated
    headers = [node.text for node in document.find("TH")]
    assert headers.count("Name") == 1 + 8, "once for the cost centers, and once for the accounts of each"


def test_charts_say_in_words_what_they_show() -> None:
    model, _, document = read("final")
    trend, services, pools = (figure.alternate for figure in document.find("Figure"))
    for month in model.trend:
        for part in (month.total, month.direct, month.shared):
            assert amount(part) in trend
    assert "May 2026: " + amount(model.total) in trend
    assert "AmazonEC2: " in services
    assert "Security tooling: " in pools


def test_a_name_that_is_printed_shorter_or_otherwise_is_read_and_copied_whole() -> None:
    model, _, document = read("long names")
    whole = {node.actual for node in document.walk() if node.actual}
    assert {account.sub_account_name for account in model.cost_centers[0].accounts} <= whole
    assert {resource.resource_id for resource in model.cost_centers[0].top_resources} <= whole
    assert any("本番環境" in node.actual for node in read("Greek and Cyrillic")[2].walk())


def test_a_name_that_is_printed_whole_needs_no_other_text() -> None:
    assert not [node.actual for node in read("final")[2].walk() if node.actual]


def test_readers_show_the_title_and_speak_english() -> None:
    _, reader, _ = read("final")
    assert reader.root_object["/ViewerPreferences"]["/DisplayDocTitle"] == True  # noqa: E712 - pypdf's own boolean
    assert reader.root_object["/MarkInfo"]["/Marked"] == True  # noqa: E712
    assert reader.root_object["/Lang"] == "en"
    assert all(page["/Tabs"] == "/S" for page in reader.pages)


@pytest.mark.slow
@pytest.mark.parametrize("standard", ["ua1", "2a"])
def test_verapdf_finds_no_rule_of_pdf_ua_1_and_of_pdf_a_2a_broken(standard: str, tmp_path: Path) -> None:
    try:
        home = fetch_verapdf()
    except Unavailable as reason:
        pytest.skip(str(reason))
    pdfs = {f"{kind}.pdf": render_statement(statement(**KINDS[kind])).pdf for kind in KINDS}
    pdfs["signed.pdf"] = sign_pdf(pdfs["final.pdf"], signatory(), signed_at=NOW)
    for name, content in pdfs.items():
        (tmp_path / name).write_bytes(content)
    assert broken_rules(home, standard, [tmp_path / name for name in pdfs]) == {name: [] for name in pdfs}
