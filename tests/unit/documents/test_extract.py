"""Every extractor on a valid document: the whole result."""

from __future__ import annotations

import py_compile
import shutil
import subprocess
from pathlib import Path

import pytest

from gossip.engine.decode.documents import EXTRACTORS, Extracted, Part, extract, extractor_for
from gossip.engine.decode.documents.limits import INPUT_BYTES_MAX, OUTPUT_BYTES_MAX
from tests.support import documents
from tests.support.documents import TOKEN

SAMPLES = documents.samples()
T = TOKEN.encode()
AUTH = b"Ym9i"


def rows(found: Extracted) -> list[tuple[str, int, int, bytes]]:
    """Parts as tuples."""
    return [(part.label, part.start, part.end, part.text) for part in found.parts]


MAIL = [
    ("headers", 0, 105, b"Subject: caf\xc3\xa9\n"),
    ("body", 124, 170, b"plain " + T),
    ("html body", 271, 321, b"caf\xc3\xa9 " + T),
    ("kéy.bin", 471, 531, b"\0bin " + T),
    ("body", 590, 600, b"inner text"),
]
SCHEMA = b"".join(
    b'type = "%s"\nname = "%s"\ntbl_name = "%s"\nsql = "%s"\n' % row
    for row in [
        (
            b"table",
            b"users",
            b"users",
            b"CREATE TABLE users (id INTEGER PRIMARY KEY, \"user name\" TEXT, token TEXT DEFAULT ('a,b'), CHECK (id > 0))",
        ),
        (b"index", b"by_token", b"users", b"CREATE INDEX by_token ON users (token)"),
        (b"table", b"settings", b"settings", b"CREATE TABLE settings (key TEXT, value)"),
        (b"table", b"blobs", b"blobs", b"CREATE TABLE blobs (payload BLOB)"),
    ]
)
PLIST = [
    ("", b'outer.pass word = "' + T + '"\nlist = "é1"\nlist = "b2"\n'.encode()),
    ("blob", b"\0\1" + T),
]

EXPECTED: dict[str, list[tuple[str, int, int, bytes]]] = {
    "K.class": [
        ("constants", 10, 137, b"K\njava/lang/Object\nKEY\nLjava/lang/String;\nConstantValue\n" + T + b"\n"),
        ("fields", 137, 163, b'KEY = "' + T + b'"\n'),
    ],
    "config.json": [("reg.example", 35, 97, b'reg.example.username = "bob"\nreg.example.password = "' + T + b'"\n')],
    ".env": [("", 0, len(documents.DOTENV), b"A=" + T + b' # no\nB=plain\nC=two\nlines " $x\nE=\nF=a\nb\nD=\'open\nG=x#y\n')],
    "a.eml": MAIL,
    "a.har": [
        ("entry 1 request", 62, 296, b"POST\nhttps://example.org/?k=1\nAuthorization: Bearer " + T + b"\n"),
        ("entry 1 request body", 252, 296, b"p=" + T),
        ("entry 1 response body", 374, 432, T),
    ],
    "a.ipynb": [
        ("cell 1", 63, 80, "# Título\n".encode()),
        ("cell 2", 132, 193, b"x = 1\nkey = '" + T + b"'\n"),
        ("cell 2 output 1", 261, 312, b"a\n" + T + b"\n"),
        ("cell 2 output 2", 374, 420, T + b"\n"),
        ("cell 2 output 3", 511, 516, b"bad\n"),
        ("cell 2 output 3", 532, 598, b"E: " + T + b"\n"),
    ],
    "a.jks": [
        ("header", 0, 12, b"Java keystore (JKS), 2 entries\n"),
        ("alias", 12, 32, b"private key: server\n"),
        ("alias", 59, 75, b"certificate: ca\n"),
    ],
    "mbox": [
        *((f"message 1: {label}", start + 11, end + 11, text) for label, start, end, text in MAIL),
        ("message 2: body", 635, 642, b"second\n"),
    ],
    ".netrc": [("", 0, 82, b'machine = "h.example" login = "bob" password = "' + T + b'"\n')],
    "a.pdf": [("properties", 0, 681, b'Title = "A title"\n'), ("page 1", 0, 681, T)],
    "a.plist": [(label, 0, 517, text) for label, text in PLIST],
    "b.plist": [(label, 0, 194, text) for label, text in PLIST],
    ".pypirc": [("", 0, 79, b'pypi.username = "__token__"\npypi.password = "' + T + b'"\n')],
    "a.db": [
        ("schema", 0, 4096, SCHEMA),
        ("users", 4096, 8192, b'user name = "ann"\ntoken = "one-' + T + b'"\nuser name = "cyd"\ntoken = "three-' + T + b'"\n'),
        ("users (deleted)", 4096, 8192, b'user name = "bob"\ntoken = "two-' + T + b'"\n'),
        ("settings", 12288, 16384, b'key = "api.key"\napi.key = "' + T + b'"\n'),
        ("blobs.payload", 16384, 20480, b"\0\1" + T * 200),
        ("blobs.payload", 16384, 20480, b'payload = "' + T + b'"\n'),
    ],
    "a.tfstate": [
        ("", 44, 104, b'output.key = "' + T + b'"\noutputs.key.type = "string"\n'),
        (
            "aws_db_instance.main", 159, 362,
            b'aws_db_instance.main.id = "db-1"\naws_db_instance.main.password = "' + T
            + b'"\naws_db_instance.main.tags.env = "x"\naws_db_instance.main[1].password = "second"\n',
        ),
    ],
    "word/document.xml": [("document", 0, 412, b"key " + T + b"\tx\ntwo & more\n")],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "data"), SAMPLES, ids=[name for _, name, _ in SAMPLES])
def test_sample(kind: str, name: str, data: bytes) -> None:
    """A valid document is recognised, read whole, and shows its token in one piece."""
    found = extract(kind, name, data)
    assert (extractor_for(name, data[:4096]), found.kind, found.truncated, found.problem) == (kind, kind, False, "")
    assert any(T in part.text for part in found.parts) or kind == "keystore"
    if name in EXPECTED:
        assert rows(found) == EXPECTED[name]


def test_every_kind_has_a_sample() -> None:
    """No extractor is left untested."""
    assert {kind for kind, _, _ in SAMPLES} == set(EXTRACTORS)


def test_npmrc() -> None:
    """Both base64 fields are shown decoded."""
    data = b"; c\n//r/:_password=" + AUTH + b"\n_auth=Ym9iOng=\nempty=\n"
    lines = (
        b'//r/:_password = "Ym9i"',
        b'//r/:_password.plain = "bob"',
        b'_auth = "Ym9' + b'iOng="',
        b'username = "bob"',
        b'password = "x"',
        b"",
    )
    text = b"\n".join(lines)
    assert extract("npmrc", ".npmrc", data) == Extracted("npmrc", (Part(text, "", 0, len(data)),))


def test_pyc_of_the_running_python(tmp_path: Path) -> None:
    """A file that py_compile wrote: strings, bytes and names, without machine code."""
    source = tmp_path / "m.py"
    source.write_text(f"KEY = {TOKEN!r}\nE = 'é'\n", "utf-8")
    data = Path(py_compile.compile(str(source), str(tmp_path / "m.pyc"), "shown.py") or "").read_bytes()
    found = extract("pyc", "m.pyc", data)
    assert (found.truncated, found.problem, [part.label for part in found.parts]) == (False, "", [""])
    assert set(found.parts[0].text.decode().split("\n")) == {TOKEN, "é", "shown.py", "KEY", "E", "<module>", ""}


def string(text: bytes, code: bytes = b"\xda") -> bytes:
    """A marshalled string."""
    width = 1 if code in {b"\xda", b"z"} else 4
    return code + len(text).to_bytes(width, "little") + text


@pytest.mark.parametrize(
    ("magic", "header", "numbers"), [(62211, 8, 4), (3151, 8, 5), (3230, 12, 5), (3379, 12, 5), (3394, 16, 5), (3413, 16, 6), (3439, 16, 6)]
)  # fmt: skip
def test_pyc_of_older_pythons(magic: int, header: int, numbers: int) -> None:
    """Headers and code objects of each generation are followed to the end."""
    empty = b")\0"
    code = string(b"machine code", b"s")
    consts = b")\x05" + string(T, b"u") + string(b"raw one", b"s") + b"i\1\0\0\0" + b"r\0\0\0\0" + b"l\2\0\0\0\1\0\1\0"
    tail = string(b"f.py") + string(b"name", b"t") + b"\1\0\0\0" + string(b"line table", b"s")
    data = (
        magic.to_bytes(2, "little")
        + b"\r\n"
        + bytes(header - 4)
        + b"\xe3"
        + bytes(4 * numbers)
        + code
        + consts
        + empty * 4
        + tail
    )
    text = T + b"\nraw one\nf.py\nname\n"
    assert extract("pyc", "m.pyc", data) == Extracted("pyc", (Part(text, "", header, len(data)),))


@pytest.mark.skipif(shutil.which("javac") is None, reason="needs a Java compiler")
def test_class_of_a_real_compiler(tmp_path: Path) -> None:
    """The compiler's own output: constant fields as pairs."""
    source = tmp_path / "K.java"
    source.write_text(
        f'class K {{ static final String KEY = "{TOKEN}"; static final long N = 5L; String s = "other é"; }}', "utf-8"
    )
    subprocess.run(["javac", "-encoding", "utf-8", str(source)], check=True, timeout=120)
    data = (tmp_path / "K.class").read_bytes()
    found = extract("class", "K.class", data)
    assert [part.label for part in found.parts] == ["constants", "fields"]
    assert {TOKEN.encode(), "other é".encode(), b"KEY"} <= set(found.parts[0].text.split(b"\n"))
    assert (found.parts[1].text, found.problem) == (b'KEY = "' + T + b'"\n', "")


def office(name: str, body: str) -> bytes:
    """Text of an office member whose root holds `body`."""
    found = extract("xml-text", name, f"<x:root xmlns:x='x' xmlns:text='t'>{body}</x:root>".encode())
    assert found.problem == ""
    return b"".join(part.text for part in found.parts)


def test_office_members() -> None:
    """Runs are joined; phonetic text, numbers and indexes are not shown."""
    shared = "<si><r><t>ab</t></r><r><t>cd</t></r><rPh><t>no</t></rPh></si><si><t>e</t></si>"
    assert office("xl/sharedStrings.xml", shared) == b"abcd\ne\n"
    cells = (
        '<c t="inlineStr"><is><t>in</t></is></c><c t="s"><v>7</v></c><c><v>12</v></c><c t="str"><f>A1</f><v>res</v></c>'
    )
    assert office("xl/worksheets/sheet1.xml", cells) == b"in\nA1 res\n"
    assert (
        office("ppt/slides/slide1.xml", "<x:p><x:r><x:t>a</x:t></x:r><x:br/><x:r><x:t>b</x:t></x:r></x:p>") == b"a\nb\n"
    )
    odf = "<text:p>a<text:s text:c='2'/><text:span>b</text:span><text:tab/>c</text:p><text:h>d</text:h>"
    assert office("content.xml", odf) == b"a  b\tc\nd\n"


@pytest.mark.parametrize("damage", [b"\0" * 16, b"SQLite format 3\0\0\3"])
def test_sqlite_with_a_damaged_header_is_swept(damage: bytes) -> None:
    """The text is found all the same, and the damage is said."""
    found = extract("sqlite", "a.db", damage + documents.users()[len(damage) :])
    assert (found.problem, [part.label for part in found.parts]) == (
        "the header of the database is damaged",
        ["remains"],
    )
    assert b"one-" + T in found.parts[0].text


def test_sqlite_without_rowid_overflow_freed_pages_and_utf16() -> None:
    """Rows of several pages, tables that are indexes, dropped tables, another encoding."""
    long = b"begin" + b"-" * 9000 + T
    data = documents.sqlite([
        ("PRAGMA encoding = 'UTF-16le'", ()),
        ("CREATE TABLE w (k TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID", ()),
        ("CREATE TABLE gone (v TEXT)", ()),
        ("INSERT INTO w VALUES ('key', ?)", (long.decode(),)),
        ("INSERT INTO gone VALUES (?)", ("gone-" + TOKEN,)),
        ("DROP TABLE gone", ()),
    ])  # fmt: skip
    found = extract("sqlite", "a.db", data)
    assert found.problem == ""
    texts = {part.label: part.text for part in found.parts}
    assert texts["w"] == b'k = "key"\nv = "' + long + b'"\n'
    assert any(b"gone-" + T in text for label, text in texts.items() if "deleted" in label)


def test_caps_and_unknown_kinds() -> None:
    """Too much input, too much output and a wrong kind are said in the result."""
    big = extract("dotenv", ".env", bytes(INPUT_BYTES_MAX + 1))
    assert (big.parts, big.truncated, "at most" in big.problem) == ((), True, True)
    notebook = b'{"cells":[{"source":"' + b"x" * (OUTPUT_BYTES_MAX + 9) + b'"}]}'
    cut = extract("ipynb", "a.ipynb", notebook)
    assert (len(cut.parts), len(cut.parts[0].text), cut.truncated) == (1, OUTPUT_BYTES_MAX, True)
    assert "no extractor" in extract("nothing", "x", b"x").problem
    assert extract("pdf", "a.pdf", b"") == Extracted("pdf", ())


def test_encrypted_pdf() -> None:
    """An empty password opens; another one is a problem without text."""
    import io

    from pypdf import PdfReader, PdfWriter

    found = []
    for password in ("", "not empty"):
        writer = PdfWriter(PdfReader(io.BytesIO(documents.pdf())))
        writer.encrypt(password, "owner", algorithm="AES-128")
        stream = io.BytesIO()
        writer.write(stream)
        found.append(extract("pdf", "a.pdf", stream.getvalue()))
    assert [part.text for part in found[0].parts if part.label == "page 1"] == [T]
    assert (found[0].problem, found[1].parts, found[1].problem) == ("", (), "encrypted with a password")


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a/.ENV", b"", "dotenv"), ("x\\.env.prod", b"", "dotenv"), (".envrc", b"", None), ("my.env", b"", None),
        ("A.IPYNB", b"{", "ipynb"), ("x", b"%PDF-1", "pdf"), ("x", b"SQLite format 3\0", "sqlite"), ("x", b"SQLi", None),
        ("fat", b"\xca\xfe\xba\xbe\0\0\0\x02", None), ("A", b"\xca\xfe\xba\xbe\0\0\0\x34", "class"), ("A.class", b"text", None),
        ("m.pyc", b"x", None), ("cacerts", b"\xfe\xed\xfe\xed", "keystore"), ("a.pfx", b"0", None),
        ("terraform.tfstate.backup", b"{", "tfstate"), ("x.backup", b"{", None), ("config.json", b'{"auths"', "docker-config"),
        ("config.json", b"{}", None), ("f.docx!/word/Document.xml", b"<", "xml-text"), ("keyword/document.xml", b"<", None),
        ("d/xl/worksheets/sheet12.xml", b"<", "xml-text"), ("xl/styles.xml", b"<", None), ("content.xml", b"<a>", None),
        ("content.xml", b"urn:oasis:names:tc:opendocument", "xml-text"), ("f.docx", b"PK", None), ("README.md", b"# x", None),
        ("", b"", None), ("x", b"bplist00", "plist"),
    ],
)  # fmt: skip
def test_recognition(name: str, head: bytes, kind: str | None) -> None:
    """Names in any case, with either slash, and first bytes."""
    assert extractor_for(name, head) == kind
