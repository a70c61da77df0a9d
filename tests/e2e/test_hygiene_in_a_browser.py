"""hygiene.html in a real browser: quiet, alone, as wide as a phone, and whole on paper."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from local.hygiene_report.page import render
from tests.e2e.browser import needs_chromium, run, title_of, visit
from tests.unit.local.hygiene_samples import SANDBOX, account, hygiene

pytestmark = [pytest.mark.slow, needs_chromium]

LONG = "a-name-without-any-place-to-break-it-" * 6


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page with names as long as AWS allows, a trend and something in every section."""
    days = [{"period_day": f"2026-05#2026-05-{day:02d}", "untagged_ratio": f"0.{day:02d}00"} for day in range(1, 15)]
    resource = {"resource_id": f"arn:aws:rds:us-east-1:111122223333:db:{LONG}", "service_name": "AmazonRDS"}
    value = {"value": LONG, "exact_cost": "5.0000000000", "resources": 1, "closest": "CC-1001"}
    shown = hygiene(
        account(history=days, unrecognized=[value], costly_untagged=[resource | {"exact_cost": "17103.7562563274"}]),
        account(SANDBOX, account_name=LONG),
        drift={"added": [LONG], "missing": [], "retyped": {}},
        organization=LONG,
    )
    file = tmp_path / "hygiene.html"
    file.write_text(render(shown), encoding="utf-8")
    return file


def measuring(page: Path, script: str) -> Path:
    """A copy of the page that is allowed a script, and writes what it finds into its title."""
    source, count = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text(encoding="utf-8"))
    assert count == 1
    copy = page.with_name("measuring.html")
    script = f"<script>addEventListener('load', () => {{ document.title = {script}; }});</script></body>"
    copy.write_text(source.replace("</body>", script), encoding="utf-8")
    return copy


def on_a_phone(page: Path, script: str) -> str:
    """What a script finds in a frame of 360 pixels; a window of chromium is never as narrow as that."""
    inner = measuring(page, script)
    frame = page.with_name("phone.html")
    found = "document.title = frames[0].document.title"
    # A file may not look into another, so the copy itself is the frame's document.
    source = inner.read_text(encoding="utf-8").replace("&", "&amp;").replace('"', "&quot;")
    style = "width:360px;height:740px;border:0"
    frame.write_text(
        f'<!DOCTYPE html><title>none</title><iframe style="{style}" srcdoc="{source}" onload="{found}"></iframe>',
        encoding="utf-8",
    )
    return title_of(visit(frame, page.parent).document)


def test_the_browser_has_nothing_to_complain_of_and_asks_for_nothing_but_the_file(page: Path, tmp_path: Path) -> None:
    seen = visit(page, tmp_path)

    assert title_of(seen.document) == "Tag hygiene, May 2026"
    assert seen.console == []
    assert seen.requests == []


def test_the_page_forbids_the_browser_to_run_or_fetch_anything(page: Path, tmp_path: Path) -> None:
    foreign = "<script>document.title = 'ran'</script><img src='http://127.0.0.1:9/outside.png'></body>"
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", foreign), encoding="utf-8")

    seen = visit(page, tmp_path)

    assert title_of(seen.document) == "Tag hygiene, May 2026"
    assert len([line for line in seen.console if "Content Security Policy" in line]) == 2
    assert seen.requests == []


def test_a_request_would_be_seen(tmp_path: Path) -> None:
    page = tmp_path / "asking.html"
    page.write_text("<!DOCTYPE html><title>asks</title><img src='http://127.0.0.1:9/outside.png'>", encoding="utf-8")

    seen = visit(page, tmp_path)

    assert seen.requests == ["http://127.0.0.1:9/outside.png"]


def test_on_a_phone_the_page_never_scrolls_sideways(page: Path) -> None:
    opened = "(document.querySelectorAll('details').forEach(one => one.open = true), "
    measured = "[innerWidth, document.documentElement.scrollWidth, document.body.scrollWidth].join())"

    assert on_a_phone(page, opened + measured) == "360,360,360"


def test_on_a_phone_a_wide_table_scrolls_by_itself_and_a_key_reaches_it(page: Path) -> None:
    wide = "[...document.querySelectorAll('.scrolls')].filter(one => one.scrollWidth > one.clientWidth)"

    assert on_a_phone(page, f"{wide}.length > 0 && {wide}.every(one => one.tabIndex === 0)") == "true"


def test_light_dark_and_paper_have_their_own_colours(page: Path, tmp_path: Path) -> None:
    copy = measuring(page, "getComputedStyle(document.body).backgroundColor")
    grounds = []
    for scheme in ("1", "0"):
        ended = run(tmp_path, f"--blink-settings=preferredColorScheme={scheme}", "--dump-dom", copy.as_uri())
        grounds.append(title_of(ended.stdout))

    assert grounds == ["rgb(255, 255, 255)", "rgb(18, 23, 29)"]


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs pdftotext: apt-get install poppler-utils")
def test_on_paper_what_is_folded_on_the_screen_is_printed(page: Path, tmp_path: Path) -> None:
    printed = tmp_path / "printed.pdf"
    run(tmp_path, f"--print-to-pdf={printed}", "--no-pdf-header-footer", page.as_uri())

    told = subprocess.run(["pdftotext", "-layout", printed, "-"], capture_output=True, text=True, check=True).stdout
    assert "Tag hygiene, May 2026" in told
    assert "17,103.76" in told, "the resources of an account are folded"
