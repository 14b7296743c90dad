"""One planted token in every container that is promised, through the real path: rule, decode and container path."""

from __future__ import annotations

import base64
import json
import lzma
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support import documents, tokens
from tests.support.archives import ar, gz, seven, tar, zipped, zst
from tests.support.scanning import Place, place, scan_bytes

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = tokens.github(Random(5))
TEXT = b"# settings\ntoken=" + TOKEN + b"\nend=1\n"
AT = TEXT.index(TOKEN)
WORD = TOKEN.decode()


class Held(NamedTuple):
    """A file, and where in it the token is found."""

    name: str
    data: bytes
    found: tuple[Place, ...]


def at(*container: str, start: int = AT, path: tuple[str, ...] = ()) -> Place:
    """The token in the text of a member."""
    return Place("github-pat", path, container, start, start + len(TOKEN))


def coded(*container: str, start: int, end: int, path: tuple[str, ...]) -> Place:
    """The token in encoded bytes."""
    return Place("github-pat", path, container, start, end)


def _nested_zip(depth: int) -> bytes:
    data = zipped([("a.env", TEXT)])
    for level in range(depth - 1):
        data = zipped([(f"{level}.zip", data)])
    return data


def _office(member: str, text: bytes) -> bytes:
    types = b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
    return zipped([("[Content_Types].xml", types), (member, text)])


def _deb() -> bytes:
    return ar([
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", gz(tar([("./control", b"Package: a\n")]))),
        ("data.tar.xz", lzma.compress(tar([("./etc/app/.env", TEXT)]))),
    ])  # fmt: skip


def _helm_in_yaml_in_tar() -> tuple[bytes, int, int]:
    packed = base64.b64encode(gz(TEXT))
    text = b"apiVersion: v1\nkind: Secret\ndata:\n  release: " + packed + b"\n"
    start = text.index(packed)
    return tar([("chart/secret.yaml", text)]), start, start + len(packed.rstrip(b"="))


def plain_files() -> list[Held]:
    """Files whose content is read as it is, or in a wide encoding."""
    long = b"x=" + b"lorem ipsum " * 450_000
    far = long + b"token=" + TOKEN + b" " + long
    inner = base64.b64encode(b"my token=" + TOKEN + b" and more text after it")
    hidden = long + b"'" + inner + b"'" + long
    # The token begins nine bytes in: at character twelve, on a group's border.
    start = len(long) + 1 + 12
    line = [
        Held("long.txt", far, (at(start=len(long) + 6),)),
        Held("long.b64.txt", hidden, (coded(start=start, end=start + (40 * 8 + 5) // 6, path=("base64",)),)),
        Held("a.xml", b"<a><![CDATA[token=" + TOKEN + b"]]></a>", (at(start=18),)),
        Held(".env", TEXT, (at(),)),
    ]
    for codec, unit, mark in (("utf-16-le", 2, True), ("utf-16-be", 2, True), ("utf-16-le", 2, False),
                              ("utf-16-be", 2, False), ("utf-32-le", 4, True), ("utf-32-be", 4, True)):  # fmt: skip
        head = "\ufeff".encode(codec) if mark else b""
        begin = len(head) + AT * unit
        name = codec[:6] + codec[7:]
        data = head + TEXT.decode().encode(codec)
        line.append(Held("a.txt", data, (coded(start=begin, end=begin + 40 * unit, path=(name,)),)))
    return line


def archive_files() -> list[Held]:
    """Archives."""
    helm, helm_start, helm_end = _helm_in_yaml_in_tar()
    members = [("x/a.env", TEXT)]
    jar = zipped([("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\n"), ("K.class", documents.java_class(WORD))])
    return [
        Held("a.env.gz", gz(TEXT), (at("a.env"),)),
        Held("a.zip", zipped(members), (at("x/a.env"),)),
        Held("a.zip", _nested_zip(4), (at("2.zip", "1.zip", "0.zip", "a.env"),)),
        Held("a.tar.gz", gz(tar(members)), (at("x/a.env"),)),
        Held("a.tar.xz", lzma.compress(tar(members)), (at("x/a.env"),)),
        Held("a.tar.zst", zst(tar(members)), (at("x/a.env"),)),
        Held("a.7z", seven(members), (at("x/a.env"),)),
        Held("a.deb", _deb(), (at("data.tar.xz", "./etc/app/.env"),)),
        # Once among the constants, once as the value of its field.
        Held(
            "a.jar", jar, tuple(coded("K.class", start=s, end=e, path=("class",)) for s, e in ((10, 137), (137, 163)))
        ),
        Held("a.tar", helm, (coded("chart/secret.yaml", start=helm_start, end=helm_end, path=("base64", "gzip")),)),
    ]


def document_files() -> list[Held]:
    """Structured documents: where a format keeps no text in one piece, the place is the piece that holds it."""
    docx, pdf, pyc = documents.docx(WORD), documents.pdf(WORD), documents.pyc(WORD)
    sheet = b"<sst><si><t>token=" + TOKEN + b"</t></si></sst>"
    notebook = json.dumps({"cells": [{"cell_type": "code", "metadata": {}, "outputs": [],
        "source": ["token='" + WORD[:9], WORD[9:] + "'\n"]}], "metadata": {}, "nbformat": 4}).encode()  # fmt: skip
    source = notebook.index(b'"token'), notebook.index(b"]}]")
    database = documents.sqlite([("CREATE TABLE t (a TEXT)", ()), ("INSERT INTO t VALUES (?)", (WORD,))])
    mail = _mail()
    attached = mail.index(b"AGJpbi")
    word, strings = "word/document.xml", "xl/sharedStrings.xml"
    return [
        Held("a.docx", _office(word, docx), (coded(word, start=0, end=len(docx), path=("xml-text",)),)),
        Held("a.xlsx", _office(strings, sheet), (at(strings, start=18),)),
        Held("a.db", database, (coded(start=4096, end=8192, path=("sqlite",)),)),
        Held("a.ipynb", notebook, (coded(start=source[0], end=source[1], path=("ipynb",)),)),
        Held("a.pdf", pdf, (coded(start=0, end=len(pdf), path=("pdf",)),)),
        # Eleven bytes in; the body is one long line and what is left of it.
        Held("a.eml", mail, (coded(start=attached + 14, end=mail.index(b"--bb--") - 2, path=("base64",)),)),
        Held("a.pyc", pyc, (coded(start=16, end=len(pyc), path=("pyc",)),)),
    ]


def _mail() -> bytes:
    body = base64.encodebytes(b"\0bin token=" + TOKEN).replace(b"\n", b"\r\n")
    lines = [b"From: a@example.org", b"MIME-Version: 1.0", b'Content-Type: multipart/mixed; boundary="bb"', b"", b"--bb",
             b"Content-Type: application/octet-stream", b"Content-Transfer-Encoding: base64", b"", body.rstrip(),
             b"--bb--", b""]  # fmt: skip
    return b"\r\n".join(lines)


def _id(held: Held) -> str:
    return held.name


@pytest.mark.parametrize("held", [*plain_files(), *archive_files(), *document_files()], ids=_id)
def test_file(held: Held, tmp_path: Path) -> None:
    """Exactly these findings, nothing lost."""
    found = scan_bytes(tmp_path, held.name, held.data)
    assert ([place(f) for f in found.findings], found.losses) == (list(held.found), [])
