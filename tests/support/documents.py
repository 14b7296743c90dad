"""Small valid documents of every kind, built from a token by code."""

from __future__ import annotations

import base64
import importlib._bootstrap_external as external
import json
import plistlib
import sqlite3
import struct
import zlib

TOKEN = "gh" + "p_" + "Zq9" * 12
"""Looks like a token to a test, in two pieces to a scan of this tree."""


def pyc(token: str = TOKEN) -> bytes:
    """Compiled by the running Python."""
    code = compile(
        f"KEY = {token!r}\ndef f(a, *b):\n    return a, {token[:8]!r}, 3.5, 1 << 90, (1, b'raw bytes')\n",
        "m.py",
        "exec",
    )
    return bytes(external._code_to_timestamp_pyc(code, 0, 0))  # type: ignore[attr-defined]


def java_class(token: str = TOKEN) -> bytes:
    """`class K { static final String KEY = token; }`, assembled by hand, with a long constant in the way."""

    def utf8(text: str) -> bytes:
        return b"\x01" + struct.pack(">H", len(text)) + text.encode()

    pool = [
        utf8("K"), b"\x07\x00\x01", utf8("java/lang/Object"), b"\x07\x00\x03", b"\x05" + bytes(8),
        utf8("KEY"), utf8("Ljava/lang/String;"), utf8("ConstantValue"), utf8(token), b"\x08\x00\x0a",
    ]  # fmt: skip
    # The long takes slots 5 and 6, so KEY is 7, the token 10, the String 11.
    field = struct.pack(">HHHHHIH", 0x18, 7, 8, 1, 9, 2, 11)
    head = b"\xca\xfe\xba\xbe" + struct.pack(">HHH", 0, 52, 12)
    return head + b"".join(pool) + struct.pack(">HHHHH", 0x20, 2, 4, 0, 1) + field + bytes(4)


def pdf(token: str = TOKEN, *, content: bytes | None = None, extra: dict[int, bytes] | None = None) -> bytes:
    """One page with a compressed content stream. `extra` replaces or adds objects by number."""
    content = b"BT /F1 12 Tf 72 720 Td (" + token.encode() + b") Tj ET" if content is None else content
    packed = zlib.compress(content)
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        4: b"<< /Length %d /Filter /FlateDecode >>\nstream\n" % len(packed) + packed + b"\nendstream",
        5: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        6: b"<< /Title (A title) >>",
    } | (extra or {})
    out = bytearray(b"%PDF-1.4\n")
    places = {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (max(objects) + 1)
    for number in range(1, max(objects) + 1):
        out += b"%010d 00000 n \n" % places[number] if number in places else b"0000000000 65535 f \n"
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 6 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (max(objects) + 1, table)
    return bytes(out)


def sqlite(statements: list[tuple[str, tuple[object, ...]]]) -> bytes:
    """A database in memory after `statements`, where deleted content stays."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    try:
        db.execute("PRAGMA secure_delete = OFF")
        for sql, values in statements:
            db.execute(sql, values)
        return bytes(db.serialize())
    finally:
        db.close()


def users(token: str = TOKEN) -> bytes:
    """A database with a token in a text, in a BLOB, and in a deleted row."""
    return sqlite([
        ("CREATE TABLE users (id INTEGER PRIMARY KEY, \"user name\" TEXT, token TEXT DEFAULT ('a,b'), CHECK (id > 0))", ()),
        ("CREATE INDEX by_token ON users (token)", ()),
        ("CREATE TABLE settings (key TEXT, value)", ()),
        ("CREATE TABLE blobs (payload BLOB)", ()),
        ("INSERT INTO users VALUES (1, 'ann', ?)", ("one-" + token,)),
        ("INSERT INTO users VALUES (2, 'bob', ?)", ("two-" + token,)),
        ("INSERT INTO users VALUES (3, 'cyd', ?)", ("three-" + token,)),
        ("INSERT INTO settings VALUES ('api.key', ?)", (token,)),
        ("INSERT INTO blobs VALUES (?)", (b"\0\1" + token.encode() * 200,)),
        ("INSERT INTO blobs VALUES (?)", (token.encode(),)),
        ("DELETE FROM users WHERE id = 2", ()),
    ])  # fmt: skip


def ipynb(token: str = TOKEN) -> bytes:
    """Format 4: markdown, code with outputs of each type."""
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["a\n", token + "\n"]},
        {
            "output_type": "execute_result",
            "data": {"text/plain": [token[:20], token[20:]], "image/png": "iVBO"},
            "metadata": {},
        },
        {"output_type": "error", "ename": "E", "evalue": "bad", "traceback": ["\x1b[0;31mE\x1b[0m: " + token]},
    ]
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "# Título\n"},
        {"cell_type": "code", "metadata": {}, "source": ["x = 1\n", f"key = '{token}'"], "outputs": outputs},
    ]
    return json.dumps({"cells": cells, "metadata": {"kernelspec": {"name": "p"}}, "nbformat": 4}).encode()


def eml(token: str = TOKEN) -> bytes:
    """Plain, quoted-printable, a base64 attachment, and a message inside."""
    attachment = base64.encodebytes(b"\0bin " + token.encode()).replace(b"\n", b"\r\n")
    lines = [
        b"From: a@example.org", b"Subject: =?utf-8?q?caf=C3=A9?=", b"Content-Type: multipart/mixed;", b'  boundary="b=1"', b"",
        b"preamble", b"--b=1", b"", b"plain " + token.encode(),
        b"--b=1", b"Content-Type: text/html; charset=iso-8859-1", b"Content-Transfer-Encoding: quoted-printable", b"",
        b"caf=E9 " + token[:6].encode() + b"=", token[6:].encode(),
        b"--b=1", b"Content-Type: application/octet-stream", b"Content-Transfer-Encoding: base64",
        b"Content-Disposition: attachment; filename*=utf-8''k%C3%A9y.bin", b"", attachment.rstrip(),
        b"--b=1", b"Content-Type: message/rfc822", b"", b"Subject: inner", b"", b"inner text",
        b"--b=1--", b"",
    ]  # fmt: skip
    return b"\r\n".join(lines)


def har(token: str = TOKEN) -> bytes:
    """One exchange with a header, a posted body and a base64 answer."""
    request = {
        "method": "POST", "url": "https://example.org/?k=1", "headers": [{"name": "Authorization", "value": "Bearer " + token}],
        "postData": {"mimeType": "text/plain", "text": "p=" + token},
    }  # fmt: skip
    content = {"size": 3, "text": base64.b64encode(token.encode()).decode(), "encoding": "base64"}
    response = {"status": 200, "headers": [], "content": content, "redirectURL": ""}
    return json.dumps({"log": {"version": "1.2", "entries": [{"request": request, "response": response}]}}).encode()


def tfstate(token: str = TOKEN) -> bytes:
    """Version 4, with the fields of the resource after its instances."""
    resource = {
        "instances": [{"attributes": {"id": "db-1", "password": token, "port": 5432, "tags": {"env": "x"}}}, {"attributes": {"password": "second"}}],
        "mode": "managed", "name": "main", "type": "aws_db_instance",
    }  # fmt: skip
    return json.dumps(
        {"version": 4, "outputs": {"key": {"value": token, "type": "string"}}, "resources": [resource]}
    ).encode()


def jks() -> bytes:
    """A JKS with one key of one certificate, and one certificate."""

    def utf(text: str) -> bytes:
        return struct.pack(">H", len(text)) + text.encode()

    certificate = utf("X.509") + struct.pack(">I", 3) + b"abc"
    key = (
        struct.pack(">I", 1)
        + utf("server")
        + bytes(8)
        + struct.pack(">I", 5)
        + b"12345"
        + struct.pack(">I", 1)
        + certificate
    )
    return (
        b"\xfe\xed\xfe\xed" + struct.pack(">II", 2, 2) + key + struct.pack(">I", 2) + utf("ca") + bytes(8) + certificate
    )


def plist(token: str = TOKEN, *, binary: bool = False) -> bytes:
    """Nested dicts, an array and a data value."""
    value = {"outer": {"pass word": token, "n": 3}, "list": ["é1", "b2"], "blob": b"\0\1" + token.encode()}
    return plistlib.dumps(value, fmt=plistlib.FMT_BINARY if binary else plistlib.FMT_XML, sort_keys=False)


def docx(token: str = TOKEN) -> bytes:
    """word/document.xml with a token split over runs."""
    runs = "".join(
        f"<w:r><w:rPr/><w:t xml:space='preserve'>{piece}</w:t></w:r>"
        for piece in ("key ", token[:2], token[2:9], token[9:])
    )
    return f"<?xml version='1.0'?><w:document xmlns:w='w'><w:body><w:p>{runs}<w:r><w:tab/><w:t>x</w:t></w:r></w:p><w:p><w:r><w:t>two &amp; more</w:t></w:r></w:p></w:body></w:document>".encode()


DOTENV = f'# c\nexport A=\'{TOKEN} # no\'\nB=plain # yes\n\nC="two\\nlines \\" $x"\nE=#none\nF="a\nb" # c\nD=\'open # c\nG = x#y\n'.encode()


def samples() -> list[tuple[str, str, bytes]]:
    """(kind, name, document) of every kind."""
    auth = base64.b64encode(f"bob:{TOKEN}".encode()).decode()
    return [
        ("class", "K.class", java_class()),
        ("docker-config", "config.json", json.dumps({"auths": {"reg.example": {"auth": auth}}}).encode()),
        ("dotenv", ".env", DOTENV),
        ("eml", "a.eml", eml()),
        ("har", "a.har", har()),
        ("ipynb", "a.ipynb", ipynb()),
        ("keystore", "a.jks", jks()),
        ("mbox", "mbox", b"From a Mon\n" + eml() + b"\nFrom b Tue\n\nsecond\n"),
        ("netrc", ".netrc", f"machine h.example\n  login bob\n  password {TOKEN}\n".encode()),
        ("npmrc", ".npmrc", f"//r.example/:_authToken={TOKEN}\n_auth = {auth}\n".encode()),
        ("pdf", "a.pdf", pdf()),
        ("plist", "a.plist", plist()),
        ("plist", "b.plist", plist(binary=True)),
        ("pyc", "a.pyc", pyc()),
        ("pypirc", ".pypirc", f"[pypi]\nusername = __token__\npassword: {TOKEN}\n".encode()),
        ("sqlite", "a.db", users()),
        ("tfstate", "a.tfstate", tfstate()),
        ("xml-text", "word/document.xml", docx()),
    ]
