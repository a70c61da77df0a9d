"""Expressions on which two SQL engines are known to differ, each with the value that the close relies on."""

from __future__ import annotations

from typing import NamedTuple

WHITE = r"\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
_TRIM = f"regexp_replace(regexp_replace(x, '^[{WHITE}]+', ''), '[{WHITE}]+$', '')"


class Expression(NamedTuple):
    """``sql`` over a column ``x``: what it gives for each value, as text, as Athena's result files have it."""

    about: str
    sql: str
    expected: dict[str, str | None]

    @property
    def query(self) -> str:
        """One row per value, in order; the values are rows of a table, so no engine can fold them into a constant."""
        rows = " union all ".join(f"select {n} as n, {x} as x" for n, x in enumerate(self.expected))
        return f"select {self.sql} as result from ({rows}) as given order by n"


EXPRESSIONS = [
    Expression(
        "half a cent is rounded away from zero",
        "cast(x as decimal(38, 2))",
        {
            "cast('0.0050000000' as decimal(38, 10))": "0.01",
            "cast('-0.0050000000' as decimal(38, 10))": "-0.01",
            "cast('0.0049999999' as decimal(38, 10))": "0.00",
            "cast('-0.0049999999' as decimal(38, 10))": "0.00",
            "cast('2.6750000000' as decimal(38, 10))": "2.68",
            "cast('9999999999999.9950000000' as decimal(38, 10))": "10000000000000.00",
        },
    ),
    Expression(
        "a double of the bill becomes the decimal that its shortest text says",
        "cast(x as decimal(38, 10))",
        {
            "0.1e0 + 0.2e0": "0.3000000000",
            "1.005e0": "1.0050000000",
            "2.5e-10": "0.0000000003",
            "-2.5e-10": "-0.0000000003",
            "1.23456789015e0": "1.2345678902",
            "0.00000000005e0": "0.0000000001",
            "123456789.123456789e0": "123456789.1234567900",
            "cast(null as double)": None,
        },
    ),
    Expression(
        "floor goes to minus infinity, also for decimals",
        "cast(floor(x * 100) as decimal(38, 0))",
        {
            "cast('-0.0000000001' as decimal(38, 10))": "-1",
            "cast('-1.2500000000' as decimal(38, 10))": "-125",
            "cast('-1.2510000000' as decimal(38, 10))": "-126",
            "cast('1.2590000000' as decimal(38, 10))": "125",
        },
    ),
    Expression(
        "ceiling goes to plus infinity",
        "cast(ceiling(x * 1000000) as decimal(38, 0))",
        {"cast('0.0000000001' as decimal(38, 10))": "1", "cast('-0.0000000001' as decimal(38, 10))": "0"},
    ),
    Expression(
        "what floor leaves is a fraction in [0, 1)",
        "cast(x * 100 - floor(x * 100) as decimal(38, 10))",
        {
            "cast('-0.0000000001' as decimal(38, 10))": "0.9999999900",
            "cast('12.3456789012' as decimal(38, 10))": "0.5678901200",
        },
    ),
    Expression(
        "whole cents become dollars and keep both places, at the width limit too",
        "cast(x * cast('0.01' as decimal(3, 2)) as decimal(38, 2))",
        {
            "cast('1' as decimal(38, 0))": "0.01",
            "cast('-26262' as decimal(38, 0))": "-262.62",
            "cast('99999999999999999999999999999999999' as decimal(38, 0))": "999999999999999999999999999999999.99",
        },
    ),
    Expression(
        "whole 1e-10 dollars become dollars and keep ten places",
        "cast(x * cast('0.0000000001' as decimal(11, 10)) as decimal(38, 10))",
        {"cast('1' as decimal(38, 0))": "0.0000000001", "cast('-26261890256' as decimal(38, 0))": "-2.6261890256"},
    ),
    Expression(
        "products of whole numbers are exact up to 38 digits",
        "cast(x * cast('99999999999999999' as decimal(38, 0)) as decimal(38, 0))",
        {"cast('99999999999999999999' as decimal(38, 0))": "9999999999999999899900000000000000001"},
    ),
    Expression(
        "a product with ten places keeps them",
        "cast(x * 10000000000 as decimal(38, 0))",
        {"cast('123456789012345.0123456789' as decimal(38, 10))": "1234567890123450123456789"},
    ),
    Expression(
        "integer division truncates",
        "x / 2",
        {"7": "3", "-7": "-3", "cast(9007199254740993 as bigint)": "4503599627370496"},
    ),
    Expression("a remainder has the sign of the dividend", "x % 3", {"7": "1", "-7": "-1"}),
    Expression("abs keeps the scale", "abs(x)", {"cast('-1.50' as decimal(38, 2))": "1.50"}),
    Expression(
        "greatest of decimals is the larger number",
        "greatest(x, cast('9' as decimal(38, 0)))",
        {"cast('10' as decimal(38, 0))": "10"},
    ),
    Expression(
        "a decimal's text keeps its zeros",
        "cast(x as varchar)",
        {"cast('0' as decimal(38, 2))": "0.00", "cast('-0.5' as decimal(38, 2))": "-0.50"},
    ),
    Expression(
        "white space around a tag value is what Python calls white space, and nothing else is",
        f"to_hex(to_utf8({_TRIM}))",
        {
            "' a b '": "612062",
            "chr(9) || 'a' || chr(11)": "61",
            "chr(28) || 'a' || chr(31)": "61",
            "chr(133) || 'a' || chr(160)": "61",
            "chr(8195) || 'a' || chr(12288)": "61",
            "chr(8232) || chr(8233)": "",
            "chr(6158) || 'a' || chr(8203)": "E1A08E61E2808B",
            "'{team}'": "7B7465616D7D",
            "'a}'": "617D",
            "''": "",
        },
    ),
    Expression(
        "only white space is blank",
        f"regexp_like(x, '[^{WHITE}]')",
        {"' '": "false", "''": "false", "chr(160)": "false", "chr(11)": "false", "'}'": "true", "chr(8203)": "true"},
    ),
    Expression(
        "composed and decomposed spelling are one value",
        "to_hex(to_utf8(normalize(x, NFC)))",
        {"'e' || chr(769)": "C3A9", "chr(233)": "C3A9", "chr(8491)": "C385", "chr(64257)": "EFAC81"},
    ),
    Expression(
        "letters are lowered one by one",
        "to_hex(to_utf8(lower(x)))",
        {
            "chr(927) || chr(931)": "CEBFCF83",
            "chr(304)": "69",
            "chr(223)": "C39F",
            "chr(7838)": "C39F",
            "'ÀÉ'": "C3A0C3A9",
        },
    ),
    Expression(
        "blanks stay in a joined list, NULL does not",
        "array_join(array[x, '', 'b', ''], chr(31))",
        {"'a'": "a\x1f\x1fb\x1f", "''": "\x1f\x1fb\x1f", "cast(null as varchar)": "\x1fb\x1f"},
    ),
    Expression(
        "concat_ws keeps blanks and skips NULL",
        "concat_ws('|', 'a', x, 'b')",
        {"''": "a||b", "cast(null as varchar)": "a|b"},
    ),
    Expression("NULL makes a concatenation NULL", "'a' || x", {"cast(null as varchar)": None, "''": "a"}),
    Expression(
        "a SHA-256 is over UTF-8 and in lower-case hexadecimal",
        "lower(to_hex(sha256(to_utf8(x))))",
        {
            "''": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "'Zürich'": "4251685e06cab635578c72b1f5f221e9840a05ac4d8f2404be4177aa87f9907d",
        },
    ),
    Expression(
        "a month's text",
        "date_format(x, '%Y-%m')",
        {"timestamp '2026-03-31 23:59:59'": "2026-03", "timestamp '2026-12-01 00:00:00'": "2026-12"},
    ),
    Expression(
        "starts_with compares exactly",
        "starts_with(x, 'AWSSupport')",
        {"'AWSSupportBusiness'": "true", "'awssupport'": "false", "''": "false"},
    ),
    Expression(
        "LIKE looks at case",
        "x like '%Discount'",
        {"'EdpDiscount'": "true", "'discount'": "false", "'DiscountedUsage'": "false"},
    ),
    Expression(
        "an absent key or position is NULL", "element_at(x, 3)", {"array['a', 'b']": None, "array['a', 'b', 'c']": "c"}
    ),
    Expression("trailing blanks count in comparisons", "x = 'a'", {"'a '": "false", "'a'": "true"}),
]

ORDERED = [
    "",
    " ",
    "-",
    "0",
    "10",
    "9",
    "A",
    "Z",
    "_",
    "a",
    "z",
    "~",
    "É",
    "ß",
    "é",
    "Σ",
    "、",
    "가",
    "\ue000",
    "ﬁ",
    "\ufffd",
    "𐖗",
    "😀",
]
"""Texts in the order in which ties are broken: by code point, whatever a locale or UTF-16 says."""
