"""What others repeat of our secrets is left out of messages, however they write it."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.redaction import redact
from tests.e2e.secret_search import forms_of

AWKWARD = 'p&ss/w+rd=%25 "quoted" \\ <b>é</b> {}'
printable = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="\x7f") | st.just(" "), min_size=12)


@given(secret=printable)
def test_no_form_of_a_secret_that_the_search_knows_is_left_in_a_message(secret: str) -> None:
    for form, written in forms_of(secret).items():
        said = redact(f"400 client_secret={written.decode()}& is wrong", [secret])
        assert "[redacted]" in said, form
        assert written.decode() not in said or written.decode() in "[redacted]", form


@pytest.mark.parametrize(
    "written",
    [
        AWKWARD,
        quote(AWKWARD, safe=""),
        quote(AWKWARD).lower(),
        quote(quote(AWKWARD, safe=""), safe=""),
        json.dumps(json.dumps(AWKWARD))[3:-3],
        base64.b64encode(f"chargeback.integration:{AWKWARD}".encode()).decode(),
        "p&amp;ss/w+rd=%25 &#34;quoted&#x22; \\ &lt;b&gt;&eacute;&lt;/b&gt; {}",
        'p\\u0026ss\\/w+rd=%25 \\"quoted\\" \\\\ <b>\\u00e9<\\/b> {}',
    ],
    ids=["as it is", "URL", "URL in lower case", "URL twice", "JSON twice", "Basic", "HTML", "JSON of another kind"],
)
def test_a_secret_with_every_special_character_is_left_out_however_it_is_written(written: str) -> None:
    said = redact(f"401 {written} is refused", [AWKWARD])
    assert "[redacted]" in said
    assert "quoted" not in said
    assert base64.b64encode(b"quoted").decode()[:6] not in said


def test_what_is_no_secret_is_said_as_it_was() -> None:
    words = 'no role "chargeback-books": 100 % of (requests) were refused [403], see https://vault.example/v1/a+b?c=%20'
    assert redact(words, ["", "s3cr3t-t0ken"]) == words


def test_a_secret_within_another_does_not_save_its_rest() -> None:
    assert redact("token=abcdef-ghijkl", ["abcdef", "abcdef-ghijkl"]) == "token=[redacted]"


@pytest.mark.parametrize("repeated", ["\\", "&amp;", "%25", "[redacted]", "a"])
def test_an_answer_that_does_nothing_but_repeat_itself_is_read_to_its_end(repeated: str) -> None:
    """Looked at again from each of its characters it would take days."""
    said = repeated * 1_000_000
    heard = redact(said, ['"\\\\&%' * 9, "a" * 40 + "b"])
    assert len(heard) == 100_000
    assert said.startswith(heard)
