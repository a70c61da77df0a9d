"""The page says what hygiene.json says, to every reader, and never as code of somebody else."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from functions.shared.periods import BillingPeriod
from local.hygiene import empty_hygiene
from local.hygiene_report.figures import age, amount, percent, signed
from local.hygiene_report.page import STYLE, render
from local.hygiene_report.trend import DAYS_SHOWN, trend
from tests.unit.local.hygiene_samples import SANDBOX, account, hygiene

HOSTILE = "<script>alert('x')</script>\"&"


class Page(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\N{NO-BREAK SPACE}", " ").split())

    def all_of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_names_and_values_of_others_are_text_and_never_code() -> None:
    resource = {"resource_id": HOSTILE, "service_name": HOSTILE, "exact_cost": "1.00"}
    value = {"value": HOSTILE, "exact_cost": "1.00", "resources": 1, "closest": HOSTILE}
    service = account()["services"][0] | {"service_name": HOSTILE}
    bad = account(
        HOSTILE,
        account_name=HOSTILE,
        owner=HOSTILE,
        coverage={HOSTILE: "1.0000"},
        resource_coverage={HOSTILE: "1.0000"},
        services=[service],
        unrecognized=[value],
        costly_untagged=[resource],
        history=[{"period_day": f"2026-05#{HOSTILE}", "untagged_ratio": "0.1000"}],
    )
    unit = {"business_unit": HOSTILE, "month_to_date": "1.00", "previous_month_to_date": None, "change": None}
    drift = {"added": [HOSTILE], "missing": [HOSTILE], "retyped": {HOSTILE: HOSTILE}}
    source = render(hygiene(bad, organization=HOSTILE, drift=drift, pools={HOSTILE: "1.00"}, business_units=[unit]))

    page = Page(source)
    assert not page.all_of("script")
    assert "<script" not in source
    assert page.text.count("alert('x')") >= 12
    allowed = {"class", "id", "href", "scope", "role", "tabindex", "aria-label", "charset", "name", "content"}
    allowed |= {"http-equiv", "lang", "viewbox", "width", "height", "x1", "x2", "y1", "y2", "points", "cx", "cy", "r"}
    assert {name for _, attributes in page.elements for name in attributes} <= allowed


def test_the_page_needs_no_other_file() -> None:
    source = render(hygiene())

    page = Page(source)
    assert page.open == []
    assert all(link["href"] and link["href"].startswith("#") for link in page.all_of("a"))
    assert not [tag for tag, _ in page.elements if tag in {"script", "link", "img", "iframe", "object"}]
    assert "url(" not in source
    assert "@import" not in source
    [policy] = [meta["content"] for meta in page.all_of("meta") if meta.get("http-equiv")]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_every_link_leads_to_a_place_on_the_page() -> None:
    page = Page(render(hygiene(account(), account(SANDBOX, costly_untagged=[]))))

    places = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert {str(link["href"]).removeprefix("#") for link in page.all_of("a")} == places == {"account-1"}


def test_accounts_stand_in_the_order_of_their_untagged_cost_with_what_is_over() -> None:
    clean = account(SANDBOX, account_name="", owner="", untagged_ratio="0.0100", over_threshold=False)
    text = Page(render(hygiene(account(), clean))).text

    assert "claims-prod 111122223333 · CC-1001 1 11.63 % over 1,234,567.89 10,615,373.00" in text
    assert f"{SANDBOX} no owner 2 1.00 % 1,234,567.89" in text
    assert "Accounts over 5.00 % 1 of 2" in text


def test_coverage_is_told_by_cost_and_by_resources() -> None:
    assert (
        "cost-center environment claims-prod (111122223333) 88.37 % 75.00 % of resources"
        in Page(render(hygiene())).text
    )


def test_a_value_that_names_nobody_stands_beside_the_closest_known_one() -> None:
    near = {"value": "CC-1O01", "exact_cost": "5.0000000000", "resources": 1, "closest": "CC-1001"}
    far = {"value": "nobody", "exact_cost": "50.0000000000", "resources": 2, "closest": ""}
    text = Page(render(hygiene(account(unrecognized=[near]), account(SANDBOX, unrecognized=[far])))).text

    assert "nobody none is near claims-prod (222233334444) 50.00 2 CC-1O01 CC-1001" in text
    assert "Every value of the owner tag names a cost center." in Page(render(hygiene())).text


def test_a_delivery_tells_its_age_and_every_column_that_differs() -> None:
    drift = {"added": ["new_one"], "missing": ["old_one"], "retyped": {"cost": "double, string"}}
    text = Page(render(hygiene(drift=drift))).text

    assert "2 hours 30 minutes" in text
    assert "new_one new old_one missing cost of another type double, string" in text
    assert "Its columns are those of the contract." in Page(render(hygiene())).text


def test_pools_are_told_as_a_share_of_the_bill() -> None:
    text = Page(render(hygiene())).text

    assert "Shared pools hold 2,414,400.00 of 12,000,000.00 USD, 20.12 % of the bill so far" in text


def test_a_business_unit_stands_beside_its_month_before_where_that_was_measured() -> None:
    text = Page(render(hygiene())).text

    assert "claims 120.00 100.00 +20.00 clinical 50.00 not measured –" in text


def test_a_month_of_which_nothing_is_delivered_has_a_page_too() -> None:
    assert "There is nothing to measure yet." in Page(render(empty_hygiene(BillingPeriod(2026, 6)))).text


def test_tables_have_captions_and_headers_and_can_be_scrolled_by_keys() -> None:
    page = Page(render(hygiene()))

    tables = page.all_of("table")
    assert len(tables) == len(page.all_of("caption")) >= 5
    assert {head["scope"] for head in page.all_of("th")} == {"col", "row"}
    regions = [div for div in page.all_of("div") if div.get("class") == "scrolls"]
    assert len(regions) == len(tables)
    for region in regions:
        assert (region["tabindex"], region["role"]) == ("0", "region")
        assert region["aria-label"]


def test_a_trend_is_told_in_words_as_well() -> None:
    days = [("01", "0.1200"), ("02", "0.3000"), ("03", "0.0500")]
    history = [{"period_day": f"2026-05#2026-05-{day}", "untagged_ratio": ratio} for day, ratio in days]
    [graph] = Page(trend(history, "0.05")).all_of("svg")

    assert str(graph["aria-label"]).replace("\N{NO-BREAK SPACE}", " ") == (
        "Untagged 12.00 % on 2026-05-01, 5.00 % on 2026-05-03; highest 30.00 % on 2026-05-02; 3 days"
    )


def test_a_month_that_is_measured_when_it_is_over_is_named() -> None:
    [graph] = Page(trend([{"period_day": "2026-04#2026-05-02", "untagged_ratio": "0.1000"}], "0.05")).all_of("svg")

    assert str(graph["aria-label"]).replace("\N{NO-BREAK SPACE}", " ") == (
        "Untagged 10.00 % on 2026-05-02, of 2026-04, the only day"
    )


def test_a_trend_stays_in_its_frame_and_shows_the_newest_days() -> None:
    ratios = ["-0.5000", "0.0000", "1.5000", *["0.2000"] * DAYS_SHOWN]
    history = [{"period_day": f"2026-05#{day}", "untagged_ratio": ratio} for day, ratio in enumerate(ratios)]
    [line] = Page(trend(history, "0")).all_of("polyline")

    points = [tuple(map(float, point.split(","))) for point in str(line["points"]).split()]
    assert len(points) == DAYS_SHOWN
    assert all(0 <= x <= 120 and 0 <= y <= 28 for x, y in points)
    assert [x for x, _ in points] == sorted({x for x, _ in points})
    [first_days] = Page(trend(history[:3], "0")).all_of("polyline")
    assert str(first_days["points"]) == "3.0,25.0 60.0,25.0 117.0,3.0", "a ratio below zero is drawn as none"
    assert trend([], "0.05") == ""


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (percent("0.1163"), "11.63\N{NO-BREAK SPACE}%"),
        (percent("-0.0100"), "-1.00\N{NO-BREAK SPACE}%"),
        (amount("-1234567.8949999999"), "-1,234,567.89"),
        (amount("-0.0000000001"), "0.00"),
        (signed("20.0000000001"), "+20.00"),
        (signed("-20"), "-20.00"),
        (signed("-0.001"), "0.00"),
        (age(59), "less than a minute"),
        (age(90_061), "1 day 1 hour"),
        (age(172_800), "2 days"),
    ],
)
def test_numbers_are_written_as_people_read_them(shown: str, wanted: str) -> None:
    assert shown == wanted


# --- colours -------------------------------------------------------------------------------------------------------


def palettes() -> dict[str, dict[str, str]]:
    """The colours of the page in light, dark and print, by name."""
    blocks = re.findall(r":root \{([^}]*)\}", STYLE.read_text(encoding="utf-8"))
    found = [dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", block)) for block in blocks]
    return dict(zip(("light", "dark", "print"), found, strict=True))


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_the_measure_of_contrast_is_that_of_wcag() -> None:
    assert round(contrast("#000000", "#ffffff"), 2) == 21.0
    assert round(contrast("#767676", "#ffffff"), 2) == 4.54


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_text_contrasts_with_its_ground_and_lines_can_be_seen(scheme: str) -> None:
    colours = palettes()[scheme]
    for ground in ("ground", "panel"):
        for text in ("ink", "muted", "link", "over"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        assert contrast(colours["line"], colours[ground]) >= 3, ground


def test_no_colour_is_used_beside_the_palette() -> None:
    rules = re.sub(r":root \{[^}]*\}", "", STYLE.read_text(encoding="utf-8"))
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(", rules)
    assert set(re.findall(r"var\(--(\w+)\)", rules)) == set(palettes()["light"])
