"""Names of any length and script fit their place and print."""

from __future__ import annotations

import io
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from functions.render_statement import pdf_numbers as numbers
from functions.render_statement.logic import render_statement
from functions.render_statement.model import StatementModel
from functions.render_statement.pdf_text import FONTS, REGULAR, fit, lacks_glyphs, printable, text_width
from tests.unit.render_statement.builders import statement

LONG = {
    "organization": "Consolidated Holding Company of Everything and More GmbH & Co. KGaA <Zweigniederlassung> " * 3,
    "business_unit": "Shared Services for Claims, Members, Providers, and a few more things " * 4,
    "cost_center": "Unbreakable" * 30,
    "account": "prod_account_with_an_exceedingly_long_name_" * 6,
    "resource": "arn:aws:elasticloadbalancing:us-east-1:333300001002:loadbalancer/app/" + "k8s-ingress-" * 30 + "/50dc",
}


@given(text=st.text(max_size=120), width=st.integers(20, 300), lines=st.integers(1, 4))
@settings(max_examples=150, deadline=None)
def test_any_text_fits_its_width_and_lines(text: str, width: int, lines: int) -> None:
    fitted = fit(text, REGULAR, 8, width, lines)
    assert len(fitted) <= lines
    assert all(text_width(line.rstrip(), REGULAR, 8) <= width for line in fitted)


@given(text=st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_whatever_is_printed_has_a_glyph(text: str) -> None:
    assert not lacks_glyphs(printable(text))


def test_a_name_too_long_ends_with_an_ellipsis_and_an_identifier_keeps_both_ends() -> None:
    name = fit("Adjudication of every claim there ever was", REGULAR, 8, 100)
    assert name[0].startswith("Adjudication")
    assert name[0].endswith("…")
    identifier = "".join(fit(LONG["resource"], REGULAR, 8, 120, 2, "ends"))
    assert identifier.startswith("arn:aws:elastic")
    assert identifier.endswith("/50dc")
    assert "…" in identifier


@pytest.mark.parametrize(
    "name",
    [
        "Łódź Ærøskøbing",
        "Íslensk erfðagreining",
        "Υγεία & Ζωή ΑΕ",
        "Обработка счётов",
        "Нарахування їжі",
        "Việt Nam",
        "₺ € £",
    ],
)
def test_names_in_latin_greek_and_cyrillic_are_printed_as_they_are(name: str) -> None:
    assert printable(name) == name


def test_what_the_typeface_lacks_loses_its_accent_or_becomes_numbers() -> None:
    assert printable("Ạ̄ Ⓐ") == "Ạ̄ A"
    assert printable("Paris 部署") == "Paris [U+90E8 U+7F72]"
    assert printable("a\u202eb\x00\ue000") == "ab[U+0000 U+E000]"


def test_scripts_that_run_from_right_to_left_become_numbers_instead_of_turning_around() -> None:
    assert printable("עברית").startswith("[U+05E2 ")


def test_a_statement_with_very_long_names_is_rendered_without_anything_leaving_the_page() -> None:
    model = statement(cost_centers=2, accounts=2, names=LONG)
    reader = PdfReader(io.BytesIO(render_statement(model).pdf))
    positions: list[tuple[float, str]] = []
    for page in reader.pages:
        page.extract_text(
            visitor_text=lambda text, cm, tm, _font, size: positions.append(
                (cm[4] + tm[4] + text_width(text.strip(), REGULAR, size or 8) * 0.98, text)
            )
        )
    assert positions
    too_wide = [text for right, text in positions if text.strip() and right > 595]
    assert too_wide == []


def test_a_statement_says_when_a_name_had_to_be_printed_another_way() -> None:
    model = statement(names={"business_unit": "Обработка", "account": "本番環境"})
    text = " ".join(" ".join(page.extract_text().split()) for page in _reader(model).pages)
    assert "Обработка" in text
    assert "[U+672C U+756A U+74B0 U+5883]" in text
    assert "characters that this document's typeface lacks" in text
    plain = " ".join(" ".join(page.extract_text().split()) for page in _reader(statement()).pages)
    assert "typeface lacks" not in plain


def _reader(model: StatementModel) -> PdfReader:
    return PdfReader(io.BytesIO(render_statement(model).pdf))


def test_only_embedded_typefaces_carry_names_and_amounts() -> None:
    fonts = {
        str(font.get_object()["/BaseFont"])
        for page in _reader(statement()).pages
        for font in page["/Resources"]["/Font"].values()  # type: ignore[index]
    }
    assert {re.sub(r"^/[A-Z]{6}\+", "", font) for font in fonts} == {
        "Roboto-Regular",
        "Roboto-Bold",
        "JetBrainsMono-Regular",
    }


@pytest.mark.parametrize("typeface", sorted(FONTS.glob("*.ttf")), ids=lambda file: file.name)
def test_a_typeface_lies_beside_the_licence_that_names_it(typeface: Path) -> None:
    licences = [file.read_text(encoding="utf-8") for file in FONTS.glob("*-LICENSE.txt")]
    assert any(typeface.name in licence for licence in licences)


@pytest.mark.parametrize(
    ("value", "printed"),
    [("0", "0.00"), ("-0.00", "0.00"), ("1234567.5", "1,234,567.50"), ("-1234.56", "−1,234.56")],
)
def test_amounts_have_thousands_separators_two_decimals_and_a_real_minus(value: str, printed: str) -> None:
    assert numbers.amount(Decimal(value)) == printed


@pytest.mark.parametrize(
    ("part", "whole", "printed"),
    [
        ("1", "3", "33.3%"),
        ("-1", "3", "−33.3%"),
        ("0.0005", "1", "0.1%"),
        ("-0.0005", "1", "−0.1%"),
        ("0.0004", "1", "0.0%"),
        ("12345.67", "1", "1,234,567.0%"),
        ("1", "0", "–"),
        ("1", "-5", "–"),
    ],
)
def test_percentages_are_rounded_half_away_from_zero_to_one_decimal(part: str, whole: str, printed: str) -> None:
    assert numbers.percent(Decimal(part), Decimal(whole)) == printed


def test_exact_costs_keep_every_decimal() -> None:
    assert numbers.exact(Decimal("-1234.5678901234"), 10) == ("−1,234.56", "78901234")
    assert numbers.exact(Decimal("7"), 4) == ("7.00", "00")
