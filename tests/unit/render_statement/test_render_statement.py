"""The rendered pages say what the model says, for every kind of statement, in the same bytes every time."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from pypdf import PdfReader

from functions.render_statement.logic import render_statement
from functions.render_statement.model import StatementModel
from functions.render_statement.package import pdf_file
from functions.render_statement.pdf_words import file_stem
from tests.unit.render_statement.builders import Sample, statement, statement_data, statement_of_lines
from tests.unit.render_statement.reading import open_pdf, page_texts

ROOT = Path(__file__).parents[3]
DRAFT = "DRAFT – not final, not posted"


def _printed(amount: Decimal) -> str:
    return f"{amount:,.2f}".replace("-", "−")


@cache
def _regular() -> StatementModel:
    return statement()


def test_the_first_page_states_who_when_and_how_much() -> None:
    model = _regular()
    first = page_texts(model)[0]
    assert "Meridian Health Cloud cost statement Claims Processing" in first
    assert f"Total for May 2026 USD {_printed(model.total)}" in first
    for amount in (model.direct, model.shared, *(center.total for center in model.cost_centers)):
        assert _printed(amount) in first
    for center in model.cost_centers:
        assert f"{center.cost_center} {center.name}" in first


def test_the_change_against_the_month_before_has_sign_and_percentage() -> None:
    model = _regular()
    prior = model.trend[-2].total
    difference = model.total - prior
    tenths = int(abs(difference) * 1000 / prior + Decimal("0.5"))
    sign = "+" if difference > 0 else "−"
    first = page_texts(model)[0]
    assert "Change against April 2026" in first
    assert f"{sign}{_printed(abs(difference))}" in first
    assert f"{sign}{tenths // 10}.{tenths % 10}% of {_printed(prior)}" in first


def test_cost_centers_that_left_keep_the_prior_month_column_adding_up() -> None:
    data = statement_data()
    data["trend"][-2]["direct"] = "900000.00"
    data["trend"][-2]["total"] = f"{Decimal(data['trend'][-2]['shared']) + 900000:.2f}"
    model = StatementModel.model_validate(data)
    listed = sum(center.prior_total or Decimal(0) for center in model.cost_centers)
    first = page_texts(model)[0]
    assert f"No longer in this business unit – – – {_printed(model.trend[-2].total - listed)}" in first


def test_every_cost_center_has_a_section_that_says_how_it_adds_up() -> None:
    model = _regular()
    text = " ".join(page_texts(model))
    for center in model.cost_centers:
        assert f"{center.cost_center} {center.name} USD {_printed(center.total)}" in text
        parts = [part.cost for part in center.accounts]
        parts += [part.cost for part in center.services] + [part.cost for part in center.charge_classes]
        assert all(_printed(part) in text for part in parts)
        for account in center.accounts:
            assert f"{account.sub_account_id} {account.sub_account_name}" in text


def test_every_pool_is_explained_by_its_split() -> None:
    text = " ".join(page_texts(_regular()))
    for center in _regular().cost_centers:
        for pool in center.pool_shares:
            assert f"{pool.pool_name} {pool.pool_id} {_printed(pool.pool_cost)}" in text
            assert _printed(pool.share) in text
    assert "By headcount" in text
    assert "Evenly among cost centers 1 of 14" in text
    assert "By fixed shares 0.125 of 1" in text
    assert re.search(r"In proportion to direct cost [\d,]+\.\d\d of 3,104,882\.17", text)


def test_a_pool_in_which_nobody_had_a_weight_says_so() -> None:
    data = statement_data(Sample(pools=1))
    data["cost_centers"][0]["pool_shares"][0].update(weight="0", total_weight="0")
    text = " ".join(page_texts(StatementModel.model_validate(data)))
    assert "To the default cost center no cost center had a weight in this pool" in text


def test_the_last_page_reconciles_invoice_by_invoice() -> None:
    model = _regular()
    last = page_texts(model)[-1]
    for invoice in model.bill.invoices:
        figures = (invoice.billed_cost, invoice.allocated_cost, invoice.delta, invoice.business_unit_cost)
        assert " ".join([invoice.billing_account_id, invoice.invoice_id, *map(_printed, figures)]) in last
    assert "released from the prepayment" in last
    assert "USD 18,432.55" in last


@pytest.mark.parametrize(
    ("basis", "bridge", "words"),
    [
        ("effective", "500.00", "USD 500.00 was paid for commitments beyond what this month used"),
        ("effective", "0.00", "the commitment bridge is 0.00"),
        ("billed", "0.00", "Usage is charged as AWS billed it"),
    ],
)
def test_the_commitment_bridge_is_explained_in_a_sentence(basis: str, bridge: str, words: str) -> None:
    data = statement_data(Sample(changes={"cost_basis": basis}))
    data["bill"]["commitment_bridge"] = bridge
    assert words in page_texts(StatementModel.model_validate(data))[-1]


def test_the_pdf_states_where_its_amounts_come_from_and_the_hash_of_its_csv() -> None:
    model = _regular()
    rendered = render_statement(model)
    last = page_texts(model)[-1]
    assert hashlib.sha256(rendered.csv).hexdigest() in last
    for text in (model.provenance.policy_sha256, model.provenance.sql_sha256, model.provenance.code_version):
        assert text in last


def test_the_last_page_says_who_signs_and_which_two_commands_verify_it() -> None:
    signer = {"subject": "CN=Chargeback statements, O=Meridian Health, C=US", "certificate_sha256": "5e" * 32}
    last = page_texts(statement(changes={"signed_by": signer}))[-1]
    assert f"Signed by {signer['subject']}" in last
    assert f"Signing certificate, SHA-256 {signer['certificate_sha256']}" in last
    stem = "claims-2026-05-r1.SHA256SUMS"
    assert f"-in {stem}.p7s -content {stem} -CAfile root-ca.pem".replace(" ", "") in last.replace("\\ ", "").replace(
        " ", ""
    )
    assert f"sha256sum --check {stem}" in last


@pytest.mark.parametrize(
    ("draft", "words"), [(True, "This is a draft. Nobody has signed it"), (False, "This copy is not signed.")]
)
def test_a_statement_without_a_signer_says_that_it_is_not_signed(draft: bool, words: str) -> None:
    last = page_texts(statement(changes={"draft": draft}))[-1]
    assert words in last
    assert "openssl" not in last


def test_the_commands_name_the_files_as_they_are_filed() -> None:
    model = statement()
    assert pdf_file(model, b"").name == f"statements/{file_stem(model)}.pdf"


def test_every_page_names_the_statement_and_counts_the_pages() -> None:
    pages = page_texts(_regular())
    for number, page in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in page
        assert "Claims Processing · May 2026 · Revision 1" in page


def test_a_draft_says_so_on_every_page_as_watermark_and_in_the_header() -> None:
    pages = page_texts(statement(changes={"draft": True}))
    assert all(page.count(DRAFT) == 2 for page in pages)
    assert "nothing is posted" in pages[0]


def test_a_final_statement_never_says_draft() -> None:
    assert "DRAFT" not in " ".join(page_texts(_regular())).upper()


def test_an_invoice_that_aws_has_not_issued_is_called_that() -> None:
    data = statement_data(Sample(changes={"draft": True}))
    for part in (*data["bill"]["invoices"], *data["ledger_lines"]):
        part["invoice_id"] = part["invoice_id"].replace("1784632901", "")
    assert "111122223333 not issued yet" in page_texts(StatementModel.model_validate(data))[-1]


def test_an_adjustment_says_that_it_carries_differences_and_compares_with_no_month() -> None:
    data = statement_data(Sample(changes={"revision": 2, "billing_period": "2026-06"}))
    data["trend"] = [{**data["trend"][-1], "billing_period": "2026-06"}]
    first = page_texts(StatementModel.model_validate(data))[0]
    assert "Adjustment of May 2026, booked in June 2026" in first
    assert "Change" not in first


def test_credits_larger_than_the_usage_make_a_negative_statement() -> None:
    model = statement(sign=-1)
    first = page_texts(model)[0]
    assert f"USD −{_printed(-model.total)}" in first
    assert "-" + _printed(-model.total) not in first


def test_a_business_unit_without_shared_cost_and_without_history_gets_a_statement() -> None:
    model = statement(cost_centers=1, pools=0, months=1, resources=0)
    text = " ".join(page_texts(model))
    assert "no part in a shared pool" in text
    assert "Cost by month" not in text


def test_a_business_unit_without_any_cost_gets_a_statement_over_zero() -> None:
    model = statement(cost_centers=1, accounts=0, pools=0, months=1)
    assert "USD 0.00" in page_texts(model)[0]


@pytest.mark.parametrize(("paper", "points"), [("A4", (595, 842)), ("Letter", (612, 792))])
def test_pages_have_the_size_of_the_organizations_paper(paper: str, points: tuple[int, int]) -> None:
    for page in open_pdf(statement(changes={"paper": paper})).pages:
        assert (round(page.mediabox.width), round(page.mediabox.height)) == points


def test_the_metadata_names_the_statement_and_dates_it_by_its_charge_period() -> None:
    reader = open_pdf(_regular())
    assert reader.metadata is not None
    assert reader.metadata.title == "Cloud cost statement – Claims Processing – May 2026 – Revision 1"
    assert reader.metadata.author == "Meridian Health"
    assert str(reader.metadata["/CreationDate"]) == str(reader.metadata["/ModDate"]) == "D:20260531000000+00'00'"
    assert str(reader.root_object["/Lang"]) == "en"


def test_control_characters_in_a_name_leave_the_metadata_readable() -> None:
    reader = open_pdf(statement(names={"organization": "A\x00 & <B>"}))
    assert reader.xmp_metadata is not None
    assert reader.xmp_metadata.dc_creator == ["A & <B>"]


def test_the_outline_leads_to_every_cost_center_and_to_the_reconciliation() -> None:
    titles = str(open_pdf(_regular()).outline)
    for title in (
        "Summary",
        "CC-1001 Adjudication",
        "CC-1021 Provider Network",
        "Reconciliation",
        "Provenance",
        "Signature",
    ):
        assert title in titles


def test_equal_statements_give_equal_bytes_whatever_the_process_time_zone_hash_seed_or_environment() -> None:
    program = (
        "import hashlib; from tests.unit.render_statement.builders import statement;"
        "from functions.render_statement.logic import render_statement;"
        "files = render_statement(statement(changes={'draft': True}));"
        "print(*(hashlib.sha256(file).hexdigest() for file in files))"
    )
    worlds = (
        {"TZ": "UTC", "PYTHONHASHSEED": "1"},
        {
            "TZ": "Pacific/Kiritimati",
            "PYTHONHASHSEED": "4242",
            "SOURCE_DATE_EPOCH": "1700000000",
            "LANG": "de_DE.UTF-8",
            "RL_pdfMultiLine": "1",
            "RL_pdfComments": "1",
            "RL_useA85": "0",
            "RL_pageCompression": "1",
            "RL_ttfAsciiReadable": "0",
        },
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=os.environ | world,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for world in worlds
    }
    here = render_statement(statement(changes={"draft": True}))
    assert printed == {" ".join(hashlib.sha256(file).hexdigest() for file in here) + "\n"}


def test_equal_amounts_written_differently_give_equal_bytes() -> None:
    data = statement_data()
    written = StatementModel.model_validate(data)
    data["bill"]["delta"] = "-0"
    for line in data["ledger_lines"]:
        line["exact_cost"] += "000"
    for pool in data["cost_centers"][0]["pool_shares"]:
        pool["weight"] += "00"
    assert render_statement(StatementModel.model_validate(data)) == render_statement(written)


def test_rendering_another_statement_in_between_changes_nothing() -> None:
    before = render_statement(_regular())
    render_statement(statement(seed=8, names={"organization": "Łukasiewicz & Søn – Ärzte"}))
    assert render_statement(_regular()) == before


def test_another_statement_is_another_document() -> None:
    one, other = (PdfReader(io.BytesIO(render_statement(statement(seed=seed)).pdf)) for seed in (7, 8))
    assert one.trailer["/ID"] != other.trailer["/ID"]


@pytest.mark.parametrize("lines", [40, 400, 5000])
def test_a_statement_of_any_length_is_rendered_with_every_line_in_its_csv(lines: int) -> None:
    model = statement_of_lines(lines)
    rendered = render_statement(model)
    assert rendered.csv.count(b"\n") == lines + 1
    pages = PdfReader(io.BytesIO(rendered.pdf)).pages
    first, last = (" ".join(pages[number].extract_text().split()) for number in (0, -1))
    assert _printed(model.total) in first
    assert f"CSV of this statement, ledger lines {lines:,}" in last
