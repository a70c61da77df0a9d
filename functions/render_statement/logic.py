"""Renders a statement as a PDF for people and a CSV for spreadsheets.

Pure: equal models give equal bytes, whatever the clock, time zone, environment or process. The PDF states the
SHA-256 of the CSV, so that the two can be shown to belong together.
"""

from __future__ import annotations

from typing import NamedTuple

from functions.render_statement.csv_statement import write_csv
from functions.render_statement.model import StatementModel
from functions.render_statement.pdf_document import write_pdf


class RenderedStatement(NamedTuple):
    """The two files of a statement."""

    pdf: bytes
    csv: bytes


def render_statement(statement: StatementModel) -> RenderedStatement:
    """Renders both files; they hold the same amounts."""
    sheet = write_csv(statement)
    return RenderedStatement(pdf=write_pdf(statement, csv=sheet), csv=sheet)
