"""Hostile documents, the same bytes every time: lying headers, rings, bombs, deep nesting, and truncation of all kinds.

Run as a program with a folder to write them to files, for use with other tools.
"""

from __future__ import annotations

import pathlib
import plistlib
import struct
import sys
import zlib
from collections.abc import Iterator

from tests.support import documents

Case = tuple[str, str, str, bytes]
"""What it is, kind, name of the document, its bytes."""

MIB = 1024 * 1024


def json_cases() -> Iterator[Case]:
    """Notebooks, HTTP archives and states that nest, repeat and stop."""
    yield "deep arrays", "ipynb", "a.ipynb", b'{"cells":' + b"[" * 2 * MIB
    yield "deep objects", "har", "a.har", b'{"a":' * MIB
    yield "many empty arrays", "tfstate", "a.tfstate", b"[" + b"[]," * (16 * MIB // 3)
    yield "many strings", "tfstate", "a.tfstate", b'{"resources":[{"instances":[{"attributes":[' + b'"a",' * (2 * MIB)
    long_key = b'{"resources":[{"' + b"k" * MIB + b'":[' + b'"v",' * MIB
    yield "a long key above many values", "tfstate", "a.tfstate", long_key
    yield "escapes only", "ipynb", "a.ipynb", b'{"cells":[{"source":"' + b"\\n" * (8 * MIB) + b'"}]}'
    yield "string without end", "har", "a.har", b'{"log":{"entries":[{"request":{"url":"' + b"x" * MIB
    yield "surrogates", "ipynb", "a.ipynb", b'{"cells":[{"source":"\\ud800\\udfff\\ud800"}]}'
    yield "wrong escape", "ipynb", "a.ipynb", b'{"cells":[{"source":"\\q"}]}'
    yield "commas", "har", "a.har", b"{" + b",:" * (8 * MIB)
    yield "closing brackets", "har", "a.har", b"]" * (4 * MIB)
    yield (
        "not text",
        "docker-config",
        "config.json",
        b'{"auths":{"r":{"auth":"////\xff"}},"\xff":{"auth":"' + b"=" * MIB + b'"}}',
    )


def text_cases() -> Iterator[Case]:
    """Settings files that make readers look ahead."""
    yield "quotes that never close", "dotenv", ".env", b"A='\n" + b'B="\\"\n' * (MIB // 4)
    yield "empty values", "dotenv", ".env", b"=\nA=\n" * MIB
    yield "open quote per thousand lines", "dotenv", ".env", (b'A="\n' + b"\n" * 1100) * 900
    yield "backslashes", "dotenv", ".env", b'A="' + b"\\" * (2 * MIB)
    yield "quotes", "netrc", ".netrc", b'" \\" \\"' * (MIB // 4)
    yield "machines without end", "netrc", ".netrc", b"machine " * (MIB // 4)
    yield "colons", "npmrc", ".npmrc", b":=:" * MIB
    yield "sections", "pypirc", ".pypirc", b"[" * MIB + b"\n" + b"[a]\n=b\n" * (MIB // 8)


def xml_cases() -> Iterator[Case]:
    """Entities, depth, and attributes."""
    laughs = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    bomb = b'<!DOCTYPE p [<!ENTITY l0 "lol">' + laughs + b"]><plist><string>&l9;</string></plist>"
    yield "billion laughs", "plist", "a.plist", bomb
    yield "billion laughs in Word", "xml-text", "word/document.xml", bomb.replace(b"plist>", b"p>")
    outside = b'<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><p><t>&x;</t></p>'
    yield "external entity", "xml-text", "word/document.xml", outside
    yield (
        "external subset",
        "xml-text",
        "word/document.xml",
        b'<!DOCTYPE p SYSTEM "http://127.0.0.1:1/x"><p><t>a</t></p>',
    )
    yield "deep elements", "xml-text", "content.xml", b"<p>" * (4 * MIB)
    yield "many elements", "xml-text", "xl/worksheets/sheet1.xml", b"<w>" + b"<c/>" * (3 * MIB)
    attributes = b"".join(b" a%d=''" % n for n in range(MIB))
    yield "many attributes", "xml-text", "word/document.xml", b"<w><p" + attributes + b"/></w>"
    yield "one long text", "xml-text", "ppt/slides/slide1.xml", b"<p><t>" + b"x" * (16 * MIB)
    yield "spaces", "xml-text", "content.xml", b"<p>" + b'<text:s text:c="999999999"/>' * 20_000 + b"</p>"
    yield "deep dicts", "plist", "a.plist", b"<plist>" + b"<dict><key>k</key>" * MIB
    yield "strange encoding", "xml-text", "word/document.xml", b'<?xml version="1.0" encoding="zlib"?><p><t>a</t></p>'


def _bplist(objects: list[bytes], *, offsets: list[int] | None = None, count: int | None = None) -> bytes:
    """A binary property list of raw objects."""
    body, places = b"bplist00", []
    for item in objects:
        places.append(len(body))
        body += item
    table = b"".join(place.to_bytes(4, "big") for place in (offsets or places))
    trailer = bytes(6) + b"\x04\x04" + struct.pack(">QQQ", len(places) if count is None else count, 0, len(body))
    return body + table + trailer


def binary_plist_cases() -> Iterator[Case]:
    """Rings, overlaps and lies."""
    ring = [b"\xd1" + struct.pack(">II", 1, 0), b"\x51k", b"\xa2" + struct.pack(">II", 2, 0)]
    yield "ring of dicts", "plist", "a.plist", _bplist(ring)
    yield "count that lies", "plist", "a.plist", _bplist(ring, count=1 << 60)
    big = b"\x5f\x13" + struct.pack(">Q", 4 * MIB) + b"x" * (4 * MIB)
    overlapping = b"bplist00" + big + (8).to_bytes(4, "big") * 300_000 + bytes(6) + b"\x04\x04"
    yield "one string, 300000 times", "plist", "a.plist", overlapping + struct.pack(">QQQ", 300_000, 0, 8 + len(big))
    yield "size that lies", "plist", "a.plist", _bplist([b"\xdf\x13" + b"\xff" * 8, b"\xaf\x13" + b"\xff" * 8])
    yield "no trailer", "plist", "a.plist", b"bplist00" + bytes(8)


def code_cases() -> Iterator[Case]:
    """Compiled Python and Java, and keystores."""
    head = struct.pack("<H", 3495) + b"\r\n" + bytes(12)
    yield "tuples in tuples", "pyc", "a.pyc", head + b")\x01" * MIB
    yield "counts that lie", "pyc", "a.pyc", head + b"(\xff\xff\xff\xff" + b"N" * (2 * MIB)
    yield "code in code", "pyc", "a.pyc", head + (b"\xe3" + bytes(20)) * 20_000
    yield "references to themselves", "pyc", "a.pyc", head + b"\xa9\x02r\x00\x00\x00\x00r\x00\x00\x00\x00"
    yield "dict without end", "pyc", "a.pyc", head + b"{" * 5000 + b"0" * 4000
    yield "unknown type", "pyc", "a.pyc", head + b"\x7f" + documents.TOKEN.encode() * 9
    yield "only a header", "pyc", "a.pyc", head
    yield "huge number", "pyc", "a.pyc", head + b"l\x00\x00\x00\x80"
    text = b"\x01\xff\xff" + b"x" * 65_535
    pool = text + b"\x08\x00\x01" + b"\x01\x00\x0dConstantValue"
    field = struct.pack(">HHHH", 0, 1, 1, 65_535) + struct.pack(">HIH", 3, 2, 2) * 65_535
    shared = b"\xca\xfe\xba\xbe\0\0\0\x34\0\x04" + pool + bytes(6) + struct.pack(">HH", 0, 9) + field * 9
    yield "one constant, 589815 times", "class", "A.class", shared
    yield "pool that lies", "class", "A.class", b"\xca\xfe\xba\xbe\0\0\0\x34\xff\xff" + b"\x01\xff\xff"
    yield "unknown constant", "class", "A.class", b"\xca\xfe\xba\xbe\0\0\0\x34\xff\xff" + b"\x63" * 99
    yield (
        "keystore that lies",
        "keystore",
        "a.jks",
        b"\xfe\xed\xfe\xed" + struct.pack(">II", 2, 1 << 31) + documents.jks()[12:],
    )
    chain = struct.pack(">IH", 1, 1) + b"a" + bytes(8) + struct.pack(">II", 0, 1 << 31)
    yield "endless chain", "keystore", "a.jks", b"\xfe\xed\xfe\xed" + struct.pack(">II", 1, 1) + chain + bytes(MIB)
    name = bytes.fromhex("06092a864886f70d010914")
    yield "names only", "keystore", "a.p12", b"\x30\x80\x02\x01\x03\x30" + (name + b"\x31\x04\x1e\xff") * 99_999


def sqlite_cases() -> Iterator[Case]:
    """Databases whose numbers lie."""
    good = bytearray(documents.users())
    for what, at, value in (
        ("page size of 3", 16, b"\0\x03"), ("page size of 65536", 16, b"\0\x01"), ("page size of 512", 16, b"\x02\0"),
        ("all reserved", 20, b"\xff"), ("unknown charset", 56, b"\xff" * 4), ("UTF-16", 56, b"\0\0\0\x02"),
        ("65535 cells", 4096 + 3, b"\xff\xff"), ("an inner page that is its own child", 4096, b"\x05\0\0\0\x02\0\0\0\0\0\0\x02"),
        ("cells outside", 4096 + 8, b"\xff\xff\xff\xff"), ("a payload without end", 4096 * 2 - 60, b"\xff" * 9),
    ):  # fmt: skip
        yield what, "sqlite", "a.db", bytes(good[:at] + value + good[at + len(value) :])
    page = bytearray(b"\x0d\0\0\x01\0\0\0\0\0" + bytes(4087))
    cells = b"".join(struct.pack(">H", 4000) for _ in range(1900))
    page[3:5], page[8 : 8 + len(cells)] = struct.pack(">H", 1900), cells
    page[4000:4012] = b"\x87\xff\xff\x7f\x01\x03\x17" + b"abcde"
    yield "one row 1900 times on each page", "sqlite", "a.db", bytes(good[:4096]) + bytes(page) * 500
    ring = bytes(good[:4096]) + (struct.pack(">I", 2) + b"secret" * 682)[:4096] * 100
    yield "pages of nothing", "sqlite", "a.db", ring
    yield "only magic", "sqlite", "a.db", b"SQLite format 3\0"


def mail_cases() -> Iterator[Case]:
    """Multiparts in multiparts, and headers without end."""
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(5000))
    yield "deep multiparts", "eml", "a.eml", deep + b"\nx"
    one = b"Content-Type: multipart/mixed; boundary=b\n\n"
    yield "many parts", "eml", "a.eml", one + b"--b\n\nx\n" * 300_000
    yield "boundaries in lines", "eml", "a.eml", one + b"x--b" * MIB
    yield "messages in messages", "eml", "a.eml", b"Content-Type: message/rfc822\n\n" * 9999
    yield "endless header", "eml", "a.eml", b"Content-Type: text/plain; " + b'a="\\"; ' * MIB
    yield "slow charset", "eml", "a.eml", b"Content-Type: text/plain; charset=punycode\n\n" + b"a-" * MIB
    yield "encoded words", "eml", "a.eml", b"Subject: " + b"=?utf-8?q?a?= " * 99_999 + b"\n\nx"
    yield "half a letter", "eml", "a.eml", b"Content-Transfer-Encoding: base64\n\nQUJDRA=x=QUJ"
    yield "many messages", "mbox", "a.mbox", b"From a\n\nx\n" * 300_000


def pdf_cases() -> Iterator[Case]:
    """Trees that are rings, streams that are bombs."""
    pdf = documents.pdf
    yield (
        "page tree in a ring",
        "pdf",
        "a.pdf",
        pdf(extra={2: b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 9999999 >>"}),
    )
    yield (
        "a page 5000 times",
        "pdf",
        "a.pdf",
        pdf(extra={2: b"<< /Type /Pages /Count 5000 /Kids [" + b"3 0 R " * 5000 + b"] >>"}),
    )
    bomb = zlib.compress(zlib.compress(bytes(200 * MIB)))
    stream = b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >>\nstream\n" % len(bomb) + bomb + b"\nendstream"
    yield "stream of 200 MiB", "pdf", "a.pdf", pdf(extra={4: stream})
    yield "a million operators", "pdf", "a.pdf", pdf(content=b"BT /F1 1 Tf " + b"(a) Tj " * MIB + b"ET")
    yield "deep array", "pdf", "a.pdf", pdf(content=b"BT " + b"[" * 99_999)
    form = b"<< /Type /XObject /Subtype /Form /Resources << /XObject << /X 7 0 R >> >> /Length 12 >>\nstream\n/X Do /X Do \nendstream"
    page = b"<< /Type /Page /Parent 2 0 R /Contents 7 0 R /Resources << /XObject << /X 7 0 R >> >> >>"
    yield "form that draws itself", "pdf", "a.pdf", pdf(extra={3: page, 7: form})
    yield "length that refers to itself", "pdf", "a.pdf", pdf(extra={4: b"<< /Length 4 0 R >>\nstream\nx\nendstream"})
    yield "no table", "pdf", "a.pdf", pdf().replace(b"startxref", b"startxxxx").replace(b"xref\n", b"xxxx\n")
    yield (
        "objects without table",
        "pdf",
        "a.pdf",
        b"%PDF-1.4\n" + b"".join(b"%d 0 obj\n<<>>\nendobj\n" % n for n in range(99_999)),
    )
    yield "magic only", "pdf", "a.pdf", b"%PDF-1.7"
    yield "encrypted in an unknown way", "pdf", "a.pdf", pdf().replace(b"/Info 6 0 R", b"/Encrypt 6 0 R")


def truncated_cases() -> Iterator[Case]:
    """Every valid document, cut in the middle and after its first bytes."""
    for kind, name, data in documents.samples():
        for size in (len(data) // 2, len(data) - 1, 9):
            yield f"{size} bytes of {len(data)}", kind, name, data[:size]


def cases() -> Iterator[Case]:
    """All hostile documents, one at a time: together they are large."""
    makers = (
        json_cases, text_cases, xml_cases, binary_plist_cases, code_cases, sqlite_cases, mail_cases, pdf_cases, truncated_cases,
    )  # fmt: skip
    assert plistlib.loads(_bplist([b"\x51a"])) == "a", "the maker of binary property lists must make valid ones"
    for make in makers:
        yield from make()


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    for index, (what, _, name, data) in enumerate(cases()):
        place = folder / f"{index:03d} {what}" / name
        place.parent.mkdir(parents=True)
        place.write_bytes(data)
