"""Mail: single messages and mailboxes. Bodies and attachments are decoded.

The structure is searched for with the find of bytes, not with the parser of the standard library: that one goes line by
line through every enclosing multipart, and does not tell where a body was.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import NamedTuple
from urllib.parse import unquote

from gossip.engine.decode.documents.limits import (
    MAIL_DEPTH_MAX,
    MAIL_FIELD_BYTES_MAX,
    MAIL_HEADER_BYTES_MAX,
    MAIL_PARTS_MAX,
    OUTPUT_BYTES_MAX,
)
from gossip.engine.decode.documents.parts import Output

_BLANK_LINE = re.compile(rb"(?:\A|\n)\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_PARAMETER = re.compile(r';\s*+([\w-]+)(\*?)(?:0\*?)?\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^;\s]*+))')
_FROM_LINE = re.compile(rb"^From [^\n]*\n", re.MULTILINE)

# Codecs are looked up by a name from the document: those that are no character set, or slow, must not be.
_CHARSET = re.compile(
    r"utf-?(?:7|8|16|16le|16be|32)|(?:us-)?ascii|iso-?8859-\d+|windows-125\d|cp\d{3,4}|koi8-[ru]|gb2312|gbk|gb18030|big5"
    r"|euc-(?:jp|kr)|shift_jis|iso-2022-(?:jp|kr)|macintosh"
)
_SAME_BYTES = frozenset({"", "ascii", "us-ascii", "utf-8", "utf8"})


class _Body(NamedTuple):
    """A leaf of a message."""

    label: str
    start: int
    end: int
    headers: dict[str, str]


def extract_eml(data: bytes, out: Output, _name: str) -> None:
    """A part per body and attachment (`body`, `html body`, or the file's name), and one for headers with encoded words.
    Bodies are UTF-8, attachments the bytes that were attached.
    """
    _messages(data, [(0, len(data), "")], out)


def extract_mbox(data: bytes, out: Output, _name: str) -> None:
    """As for a message, with `message 3: ` in front of each label. Messages are counted from 1."""
    starts: list[tuple[int, int]] = []
    for line in _FROM_LINE.finditer(data):
        if len(starts) == MAIL_PARTS_MAX:
            out.cut()
            break
        starts.append((line.start(), line.end()))
    ends = [start for start, _ in starts[1:]] + [len(data)]
    spans = zip(starts, ends, strict=False)
    _messages(data, [(start, end, f"message {n}: ") for n, ((_, start), end) in enumerate(spans, 1)], out)


def _messages(data: bytes, spans: list[tuple[int, int, str]], out: Output) -> None:
    """Emit what is encoded first: when the text is too much, what the raw scan cannot see is worth more than what it
    can. The parts are put in the order of the document at the end.
    """
    found = _Finder(data, out)
    for start, end, prefix in spans:
        found.entity(start, end, prefix, 0)
    try:
        for verbatim in (False, True):
            for body in found.bodies:
                if _is_verbatim(body) == verbatim:
                    _emit(data, body, out)
    finally:
        out.parts.sort(key=lambda part: (part.start, part.end))


class _Finder:
    """Finds the leaves of messages."""

    def __init__(self, data: bytes, out: Output) -> None:
        self.bodies: list[_Body] = []
        self._data = data
        self._out = out

    def entity(self, start: int, end: int, prefix: str, depth: int) -> None:
        """Find the leaves of what begins with headers at `start`."""
        if depth > MAIL_DEPTH_MAX or len(self.bodies) >= MAIL_PARTS_MAX:
            self._out.cut()
            return
        blank = _BLANK_LINE.search(self._data[start : min(end, start + MAIL_HEADER_BYTES_MAX)])
        head_end = start + blank.end() if blank else min(end, start + MAIL_HEADER_BYTES_MAX)
        headers = _headers(self._data[start:head_end])
        decoded = headers.pop("decoded", "")
        if decoded:
            self._out.add(decoded, f"{prefix}headers", start, head_end)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        boundary = _parameter(headers.get("content-type", ""), "boundary")
        if kind.startswith("multipart/") and boundary:
            for part_start, part_end in self._between(boundary.encode("utf-8", "replace"), head_end, end):
                self.entity(part_start, part_end, prefix, depth + 1)
        elif kind == "message/rfc822" and headers.get("content-transfer-encoding", "").lower() != "base64":
            self.entity(head_end, end, prefix, depth + 1)
        elif head_end < end:
            self.bodies.append(_Body(prefix + _label(headers, kind), head_end, end, headers))

    def _between(self, boundary: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Spans of the parts of a multipart; the last one may lack its closing line."""
        mark = b"--" + boundary
        opened = -1
        at = start
        while (at := self._data.find(mark, at, end)) >= 0:
            after = at + len(mark)
            # One boundary may be the beginning of another.
            longer = after < end and self._data[after] not in b"\r\n\t -"
            if longer or (at != start and self._data[at - 1] != 0x0A):
                at = after
                continue
            if opened >= 0:
                # The line break in front of the mark belongs to it.
                stop = at - (2 if self._data[at - 2 : at] == b"\r\n" else 1)
                yield opened, max(opened, stop)
            line_end = self._data.find(b"\n", after, end)
            opened = line_end + 1 if line_end >= 0 else end
            if self._data.startswith(b"--", after):
                return
            at = after
        if opened >= 0:
            self._out.damaged("a multipart has no end")
            yield opened, end


def _headers(block: bytes) -> dict[str, str]:
    """Fields that say how to read a body, by lower-case name, and, as `decoded`, lines for those with encoded words."""
    found: dict[str, str] = {}
    decoded = []
    for raw in _FOLD.sub(b" ", block).split(b"\n"):
        name, colon, value = raw[:MAIL_FIELD_BYTES_MAX].decode("utf-8", "replace").partition(":")
        if not colon:
            continue
        if "=?" in value and (plain := _words(value.strip())):
            decoded.append(f"{name.strip()}: {plain}\n")
        if name[:8].lower() == "content-":
            found.setdefault(name.strip().lower(), value.strip())
    if decoded:
        found["decoded"] = "".join(decoded)
    return found


def _words(value: str) -> str:
    """A header field with its encoded words decoded, or nothing."""
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):
        return ""


def _parameter(field: str, name: str) -> str:
    """A parameter of a header field: plain, quoted, or percent-encoded with a character set in front."""
    for found in _PARAMETER.finditer(field):
        if found[1].lower() == name:
            value = re.sub(r"\\(.)", r"\1", found[3]) if found[3] is not None else found[4]
            return unquote(value.rpartition("'")[2]) if found[2] else value
    return ""


def _label(headers: dict[str, str], kind: str) -> str:
    name = _parameter(headers.get("content-disposition", ""), "filename")
    name = name or _parameter(headers.get("content-type", ""), "name")
    if "=?" in name:
        name = _words(name) or name
    return name or ("html body" if kind == "text/html" else "body" if kind in {"", "text/plain"} else kind)


def _encoding(body: _Body) -> str:
    return body.headers.get("content-transfer-encoding", "").strip().lower()


def _charset(body: _Body) -> str:
    """Character set of a text, or nothing for what is to stay as it is."""
    field = body.headers.get("content-type", "text/plain")
    name = _parameter(field, "charset").lower()
    return name if field.lower().startswith("text/") and _CHARSET.fullmatch(name) else ""


def _is_verbatim(body: _Body) -> bool:
    return _encoding(body) not in {"base64", "quoted-printable"} and _charset(body) in _SAME_BYTES


def _emit(data: bytes, body: _Body, out: Output) -> None:
    """Add one body, decoded."""
    encoding, charset = _encoding(body), _charset(body)
    # Base64 and quoted-printable take up to three bytes for one, and more than OUTPUT_BYTES_MAX cannot be kept.
    end = min(body.end, body.start + 4 * OUTPUT_BYTES_MAX)
    if end < body.end:
        out.cut()
    text = data[body.start : end]
    if encoding == "base64":
        text = _base64(text, out, whole=end == body.end)
    elif encoding == "quoted-printable":
        text = binascii.a2b_qp(text)
    if charset not in _SAME_BYTES:
        try:
            text = text.decode(charset, "replace").encode()
        except (LookupError, UnicodeError):
            out.damaged("a body in a character set that is not known")
    out.add(text, body.label, body.start, body.end)


def _base64(text: bytes, out: Output, *, whole: bool) -> bytes:
    """Decoded bytes; of a body that is cut short, the whole groups."""
    try:
        return binascii.a2b_base64(text)
    except binascii.Error:
        if whole:
            out.damaged("a base64 body is cut short")
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", text)
    return binascii.a2b_base64(letters[: len(letters) // 4 * 4])
