"""Text from scanned things, made safe to show. Paths, authors and previews are written by whoever wrote the history."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any, Final

_NAMED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
# DEL and the C1 controls steer terminals; U+0085, U+2028 and U+2029 end a line for many readers of JSON Lines; U+202A
# to U+202E and U+2066 to U+2069 turn the direction of what follows on a screen.
_JSON_UNSAFE: Final = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_BYTE_SURROGATES: Final = range(0xDC80, 0xDD00)
"""Where `surrogateescape` puts the bytes 0x80 to 0xFF of a name that is not UTF-8."""


def _escape(char: str) -> str:
    code = ord(char)
    if code in _BYTE_SURROGATES:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return _NAMED.get(char, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _harmless(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"


def visible(text: str, *, keep: str = "") -> str:
    r"""`text` in one line with nothing in it that a terminal obeys or XML 1.0 forbids.

    Controls, format characters (text direction, zero width), line separators, private and unassigned code points and
    surrogates become escapes in the style of Python; a byte that was no UTF-8 becomes `\xNN`. A backslash stays as it
    is: the result is for eyes, not for parsing back. `keep` names characters that stay, line breaks for example.

    >>> visible("a\x1b[31m\n\u202eb")
    'a\\x1b[31m\\n\\u202eb'
    """
    if text.isprintable():
        return text
    return "".join(char if char in keep or _harmless(char) else _escape(char) for char in text)


def utf8(text: str) -> bytes:
    """`text` as UTF-8; surrogates, which UTF-8 cannot hold, are shown as `visible` shows them."""
    return _SURROGATE.sub(lambda match: _escape(match[0]), text).encode()


def _json_escape(match: re.Match[str]) -> str:
    char = match[0]
    # A lone surrogate is no text, and strict JSON readers refuse its escape: the value gets the display form instead.
    return "\\" + _escape(char) if _SURROGATE.match(char) else f"\\u{ord(char):04x}"


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
"""Made once: `json.dumps` makes one for every call that is not all defaults."""


def json_utf8(value: Any) -> bytes:
    r"""`value` as compact JSON in one line of UTF-8, without the line end. Readers get the same text back.

    Exception: a surrogate arrives as its display form (`\xNN`), since it is no text.
    """
    return safe_json(_ENCODER.encode(value))


def safe_json(text: str) -> bytes:
    """JSON that somebody else wrote, as `json_utf8` writes it: nothing in it steers a terminal or ends the line."""
    # Most JSON is plain; to know that is twenty times cheaper than to search it.
    if text.isascii() and "\x7f" not in text:
        return text.encode()
    return _JSON_UNSAFE.sub(_json_escape, text).encode()
