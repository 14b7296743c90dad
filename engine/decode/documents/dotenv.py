"""Dotenv files: values without their quoting, one KEY=VALUE per line."""

from __future__ import annotations

import re

from gossip.engine.decode.documents.limits import DOTENV_QUOTED_LINES_MAX, SETTINGS_BYTES_MAX
from gossip.engine.decode.documents.parts import Output

_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_EXPORT = re.compile(rb"export[ \t]+")
_QUOTED = {
    b"'": re.compile(rb"'([^']*+)'"),
    b'"': re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL),
}
_COMMENT = re.compile(rb"(?:^|[ \t])#")


def extract_dotenv(data: bytes, out: Output, _name: str) -> None:
    """One part: a line KEY=VALUE per entry. A value that held quoted line breaks keeps them.

    Blank lines and comments are skipped, and a lowercase `export`. Unquoted values are trimmed and end at a `#` that is
    their first byte or follows white space. Single quotes are literal; in double quotes \\n, \\r, \\t, \\\\ and \\"
    are read, and any other \\x is x. A quote that is not closed within DOTENV_QUOTED_LINES_MAX lines is no quote: the
    first line is read as unquoted and reading goes on after it.
    """
    if len(data) > SETTINGS_BYTES_MAX:
        data = data[:SETTINGS_BYTES_MAX]
        out.cut()
    entries = []
    position, size = (3 if data.startswith(b"\xef\xbb\xbf") else 0), len(data)
    while position < size:
        line_end = data.find(b"\n", position)
        line_end = size if line_end < 0 else line_end
        equals = data.find(b"=", position, line_end)
        key = data[position:equals].strip() if equals >= 0 else b"#"
        if key.startswith(b"#"):
            position = line_end + 1
            continue
        exported = _EXPORT.match(key)
        value, position = _value(data, equals + 1, line_end)
        key = key[exported.end() :] if exported else key
        if key:
            entries.append(key + b"=" + value + b"\n")
    out.add(b"".join(entries))


def _value(data: bytes, start: int, line_end: int) -> tuple[bytes, int]:
    """The value that begins at `start`, and the position after its last line."""
    raw = data[start:line_end]
    begin = start + len(raw) - len(raw.lstrip())
    pattern = _QUOTED.get(data[begin : begin + 1])
    # The search may run to the end of the document, but not again and again: an opening quote closes any earlier one,
    # so between an opening quote and what closes it, too far away, there is no other that would be tried.
    quoted = pattern.match(data, begin) if pattern else None
    if quoted and data.count(b"\n", begin, quoted.end()) < DOTENV_QUOTED_LINES_MAX:
        value: bytes = quoted[1]
        if quoted[0].startswith(b'"'):
            value = _ESCAPE.sub(lambda hit: _ESCAPES.get(hit[1], hit[1]), value)
        after = data.find(b"\n", quoted.end())
        return value, (len(data) if after < 0 else after + 1)
    comment = _COMMENT.search(raw)
    return (raw[: comment.start()] if comment else raw).strip(), line_end + 1
