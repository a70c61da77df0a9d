"""The file around the pages: what it says of itself, and how it is written to keep to standards.

PDF/A-2a (ISO 19005-2) is for archives: whatever it takes to show the pages in decades is inside. PDF/UA-1 (ISO 14289-1)
is for people who have the pages read to them.

Nothing here varies: the dates are the charge period's last day, the document id is a hash of the statement, and nothing
is compressed, since compressed bytes depend on the machine's zlib, and a replay years later could not give them again.
"""

# mypy: untyped-calls-exclude=reportlab

from __future__ import annotations

from hashlib import md5
from struct import pack
from typing import IO, Any
from xml.sax.saxutils import escape
from zlib import adler32

from reportlab import rl_config
from reportlab.pdfbase.pdfdoc import (
    PDFArrayCompact,
    PDFDictionary,
    PDFDocument,
    PDFObject,
    PDFResourceDictionary,
    PDFStream,
)
from reportlab.pdfgen.canvas import Canvas

from functions.render_statement import pdf_words as words
from functions.render_statement.model import StatementModel
from functions.render_statement.pdf_numbers import month
from functions.render_statement.pdf_text import REGULAR, without_controls
from functions.shared.periods import BillingPeriod

LANGUAGE = "en"
_PRODUCER = "chargeback"

# reportlab also takes these from the environment and from a file in the home folder; they would change bytes.
for _setting in ("pdfMultiLine", "pdfComments"):
    setattr(rl_config, _setting, 0)


def open_document(target: IO[bytes], statement: StatementModel, page: tuple[float, float]) -> Canvas:
    """A canvas for pages of a size in points, with everything about the document but its content."""
    canvas = Canvas(
        target,
        pagesize=page,
        pageCompression=0,
        invariant=1,
        pdfVersion=(1, 7),
        lang=LANGUAGE,
        initialFontName=REGULAR,
    )
    facts = _facts(statement)
    canvas.setTitle(facts["title"])
    canvas.setAuthor(facts["author"])
    canvas.setSubject(facts["subject"])
    canvas.setKeywords(facts["keywords"])
    canvas.setCreator(_PRODUCER)
    canvas.setProducer(_PRODUCER)
    canvas.setViewerPreference("DisplayDocTitle", "true")
    day = BillingPeriod.parse(statement.charge_period).last_day
    stamp = f"D:{day:%Y%m%d}000000+00'00'"
    canvas.setDateFormatter(lambda *_: stamp)
    document: Any = canvas._doc
    # reportlab's id is a hash of the title and of SOURCE_DATE_EPOCH; make it one of the whole statement instead.
    document.signature = md5(statement.model_dump_json().encode(), usedforsecurity=False)
    document.Catalog.Metadata = _Metadata(_packet(facts, f"{day:%Y-%m-%d}T00:00:00+00:00").encode())
    document.defaultStreamFilters = [_Stored()]
    return canvas


def close_document(canvas: Canvas) -> None:
    """Writes the document to its target."""
    document: Any = canvas._doc
    for font in document.delayedFonts:
        font.addObjects(document)
    document.delayedFonts = []
    for page in document.Pages.pages:
        page.Contents = PDFStream(content=page.stream)
        document.Reference(page.Contents)
    for name, thing in document.idToObject.items():
        if isinstance(thing, PDFStream):
            document.idToObject[name] = _Terminated(thing)
    canvas.save()


class _Stored:
    """The zlib format without compression: blocks as they are, and at the end the checksum that finds damage."""

    pdfname = "FlateDecode"
    _LONGEST = 0xFFFF

    def encode(self, content: str | bytes) -> bytes:
        """Whatever the zlib of the machine, the same bytes (RFC 1950, RFC 1951 3.2.4)."""
        plain = content.encode("ascii") if isinstance(content, str) else content
        blocks = [plain[i : i + self._LONGEST] for i in range(0, len(plain), self._LONGEST)] or [b""]
        flags = [0] * (len(blocks) - 1) + [1]
        stored = (pack("<BHH", flag, len(b), len(b) ^ 0xFFFF) + b for flag, b in zip(flags, blocks, strict=True))
        return b"\x78\x01" + b"".join(stored) + pack(">I", adler32(plain))


class _Terminated(PDFObject):
    """A stream with a line end between its bytes and the word that ends it: PDF/A asks for it, reportlab has none."""

    __RefOnly__ = 1

    def __init__(self, stream: PDFStream) -> None:
        self._stream = stream

    def format(self, document: PDFDocument) -> bytes:
        written: bytes = self._stream.format(document)
        return written.removesuffix(b"endstream\n") + b"\nendstream\n"


class _Metadata(PDFObject):
    """The XMP packet, which programs look for without reading PDF: as it is."""

    __RefOnly__ = 1

    def __init__(self, packet: bytes) -> None:
        self._packet = packet

    def format(self, _document: PDFDocument) -> bytes:
        head = b"<</Type/Metadata/Subtype/XML/Length %d>>" % len(self._packet)
        return b"%s\nstream\n%s\nendstream\n" % (head, self._packet)


def _facts(statement: StatementModel) -> dict[str, str]:
    """What readers show as the document's properties."""
    facts = {
        "title": words.document_title(statement),
        "author": statement.organization,
        "subject": f"AWS cost of {words.business_unit(statement)} in {month(statement.charge_period)}",
        "keywords": ", ".join([statement.business_unit.id, statement.charge_period, words.revision(statement)]),
    }
    return {name: without_controls(fact) for name, fact in facts.items()}


def calibrated_resources() -> PDFResourceDictionary:
    """A page's resources: the fonts, and what its red, green and blue are (those of sRGB), whatever device shows it."""
    srgb = {
        "WhitePoint": PDFArrayCompact([0.9505, 1, 1.089]),
        "Gamma": PDFArrayCompact([2.2, 2.2, 2.2]),
        "Matrix": PDFArrayCompact([0.4124, 0.2126, 0.0193, 0.3576, 0.7152, 0.1192, 0.1805, 0.0722, 0.9505]),
    }
    resources = PDFResourceDictionary(ColorSpace={"DefaultRGB": PDFArrayCompact(["/CalRGB", PDFDictionary(srgb)])})
    resources.basicFonts()
    return resources


def _packet(facts: dict[str, str], stamp: str) -> str:
    """The same facts as XMP, where archives and screen readers look for them."""
    escaped = {name: escape(fact) for name, fact in facts.items()}
    return _PACKET.format(**escaped, producer=_PRODUCER, language=LANGUAGE, stamp=stamp)


_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:pdf="http://ns.adobe.com/pdf/1.3/" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"
 xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
<dc:format>application/pdf</dc:format>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>{author}</rdf:li></rdf:Seq></dc:creator>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{subject}</rdf:li></rdf:Alt></dc:description>
<dc:language><rdf:Bag><rdf:li>{language}</rdf:li></rdf:Bag></dc:language>
<xmp:CreatorTool>{producer}</xmp:CreatorTool>
<xmp:CreateDate>{stamp}</xmp:CreateDate>
<xmp:ModifyDate>{stamp}</xmp:ModifyDate>
<pdf:Producer>{producer}</pdf:Producer>
<pdf:Keywords>{keywords}</pdf:Keywords>
<pdfaid:part>2</pdfaid:part>
<pdfaid:conformance>A</pdfaid:conformance>
<pdfuaid:part>1</pdfuaid:part>
</rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA identification</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name>
<pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Part of ISO 14289 that the document keeps to</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
