"""Escapes: text in which some bytes, or all, are written otherwise. Everything between them stands for itself.

What is decoded is the neighbourhood of the escapes, not a run: a token of which one byte is escaped is found whole,
and text without an escape is never copied.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from html.entities import name2codepoint

from gossip.engine.decode.transforms.base import Decoded, Form, Hit, Origin
from gossip.engine.limits import DECODE_REACH_BYTES, ESCAPE_CONTEXT_BYTES, ESCAPE_GAP_BYTES

_SIMPLE = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b'"': b'"', b"'": b"'", b"\\": b"\\", b"/": b"/"}
_QP_BYTE = re.compile(rb"=[0-9A-F]{2}")
_QP_LONG = re.compile(rb"[^\r\n]{60}=\r?\n")
_NAMED = {name.encode(): chr(code).encode() for name, code in name2codepoint.items()} | {b"apos": b"'"}


class _Escape:
    """Decodes the neighbourhood of hits by one regular expression.

    What is a hit: a few escapes of printable ASCII in a row, or one inside a word. One beside a space or a quote, such
    as a format's `%20s`, changes no token.
    """

    name: str
    forms: tuple[Form, ...]
    thorough: tuple[Form, ...] = ()
    joins = True
    _pattern: re.Pattern[bytes]
    value: Callable[[re.Match[bytes]], bytes | None]

    def decode(self, data: bytes, hits: Sequence[Hit]) -> Iterator[Decoded]:
        """One for each group of hits that lie close together."""
        for low, high in _clusters(hits, len(data)):
            decoded = self._decode(data, low, high)
            if decoded is not None:
                yield decoded

    def plausible(self, data: bytes, low: int, high: int) -> bool:
        """Whether the window is worth decoding."""
        return low < high <= len(data)

    def replaced(self, stored: bytes) -> bytes:
        """A text with its escapes undone."""
        value = type(self).value
        return self._pattern.sub(lambda match: match[0] if (text := value(match)) is None else text, stored)

    def _decode(self, data: bytes, low: int, high: int) -> Decoded | None:
        if not self.plausible(data, low, high):
            return None
        stored = data[low:high]
        decoded = self.replaced(stored)
        if decoded == stored:
            return None
        return Decoded(self.name, decoded, self._origin(stored, low), low, high, escaped=True)

    def _origin(self, stored: bytes, low: int) -> Origin:
        """Where decoded bytes came from. Few windows hold a secret, so the marks are made when first asked for."""
        marked: list[Origin] = []

        def origin(start: int, end: int) -> tuple[int, int]:
            if not marked:
                marked.append(_moved(*self._marks(stored, low), low + len(stored)))
            return marked[0](start, end)

        return origin

    def _marks(self, stored: bytes, low: int) -> tuple[list[int], list[int]]:
        """Offsets of the beginning and the end of every escape, decoded and as they are stored, after that of both."""
        here, there = [0], [low]
        size = position = 0
        for match in self._pattern.finditer(stored):
            text = type(self).value(match)
            if text is not None:
                start, end = match.span()
                size += start - position
                here += (size, size + len(text))
                there += (low + start, low + end)
                size += len(text)
                position = end
        return here, there


def _clusters(hits: Sequence[Hit], size: int) -> list[tuple[int, int]]:
    """Disjoint windows around hits, none much longer than DECODE_REACH_BYTES."""
    windows: list[tuple[int, int]] = []
    for hit in sorted(hits):
        low, high = max(0, hit.end - hit.width - ESCAPE_CONTEXT_BYTES), min(size, hit.end + ESCAPE_CONTEXT_BYTES)
        if windows and low <= windows[-1][1] + ESCAPE_GAP_BYTES and high - windows[-1][0] <= DECODE_REACH_BYTES:
            windows[-1] = (windows[-1][0], max(high, windows[-1][1]))
        else:
            windows.append((low, high))
    return windows


def _moved(here: list[int], there: list[int], last: int) -> Origin:
    """Positions between two marks move along with the mark before them, but never past the mark after them."""

    def outer(position: int, *, end: bool) -> int:
        mark = bisect_right(here, position - 1 if end else position) - 1
        moved = there[mark] + position - here[mark]
        ceiling = there[mark + 1] if mark + 1 < len(there) else last
        # Inside an escape, whose mark is followed by the mark of its end: its first byte, or the end of it all.
        if mark % 2 == 1:
            return ceiling if end else there[mark]
        return min(moved, ceiling)

    return lambda start, end: (outer(start, end=False), outer(max(end, start), end=True))


def _char(code: int) -> bytes | None:
    """A code point as UTF-8; None for what is none, or a surrogate."""
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        return None
    return chr(code).encode()


class Percent(_Escape):
    """`%41`, as in URLs."""

    name = "percent"
    forms: tuple[Form, ...] = (
        Form(rb"[A-Za-z0-9_=+/.-]%[2-7][0-9a-fA-F][A-Za-z0-9_=+/.-]", 5),
        Form(rb"(?:%[2-7][0-9a-fA-F]){2}", 6),
    )
    _pattern = re.compile(rb"%([0-9a-fA-F]{2})")

    @staticmethod
    def value(match: re.Match[bytes]) -> bytes:
        """What one escape stands for; None: itself."""
        return bytes((int(match[1], 16),))


class BackslashEscape(_Escape):
    r"""`\u0041`, `\u{41}`, `\U00000041`, `\x41`, `\101`, and next to them the one-letter escapes of strings."""

    name = "unicode-escape"
    forms: tuple[Form, ...] = (
        Form(rb"[A-Za-z0-9_=+/.-]\\u00[2-7][0-9a-fA-F][A-Za-z0-9_=+/.-]", 8),
        Form(rb"[A-Za-z0-9_=+/.-]\\x[2-7][0-9a-fA-F][A-Za-z0-9_=+/.-]", 6),
        Form(rb"(?:\\u00[2-7][0-9a-fA-F]){2}", 12),
        Form(rb"(?:\\[uU]\{?0{0,6}[2-7][0-9a-fA-F]\}?){3}", 36),
        Form(rb"(?:\\x\{?[2-7][0-9a-fA-F]\}?){3}", 18),
        Form(rb"(?:\\[01][0-7][0-7]){3}", 12),
    )
    _pattern = re.compile(
        rb"\\(?:u\{0{0,6}([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})"
        rb"|x\{([0-9a-fA-F]{1,6})\}|x([0-9a-fA-F]{2})|([0-3][0-7]{2})|([nrt\"'\\/]))"
    )

    @staticmethod
    def value(match: re.Match[bytes]) -> bytes | None:
        """What one escape stands for; None: itself."""
        kind = match.lastindex or 0
        text = match[kind]
        if kind == 7:
            return _SIMPLE[text]
        if kind in (5, 6):
            return bytes((int(text, 16 if kind == 5 else 8),))
        return _char(int(text, 16))


class HtmlEntity(_Escape):
    """`&#65;`, `&#x41;`, and next to them the named ones."""

    name = "html-entity"
    forms: tuple[Form, ...] = (Form(rb"&#(?:0{0,4}[0-9]{2,3}|[xX]0{0,4}[0-9a-fA-F]{2})", 9),)
    _pattern = re.compile(rb"&(?:#[xX]([0-9a-fA-F]{1,8});?|#([0-9]{1,9});?|([A-Za-z]{2,8});)")

    @staticmethod
    def value(match: re.Match[bytes]) -> bytes | None:
        """What one escape stands for; None: itself."""
        if match[3] is not None:
            return _NAMED.get(match[3])
        return _char(int(match[1], 16) if match[1] is not None else int(match[2]))


class QuotedPrintable(_Escape):
    """`=41` and soft line breaks, as in mail."""

    name = "quoted-printable"
    forms: tuple[Form, ...] = (Form(rb"=3D", 3), Form(rb"[^\s=]=\r?\n[^\s=]", 5), Form(rb"(?:=[2-7][0-9A-F]){3}", 9))
    _pattern = re.compile(rb"=(?:([0-9A-F]{2})|[ \t]{0,8}\r?\n)")

    def plausible(self, data: bytes, low: int, high: int) -> bool:
        """Configuration has lines that end with `=` too; mail breaks no short line, or encodes something else."""
        return _QP_BYTE.search(data, low, high) is not None or _QP_LONG.search(data, low, high) is not None

    def replaced(self, stored: bytes) -> bytes:
        """Where there are only soft line breaks, none has to be looked at: lists of hashes are full of `=` at ends."""
        return super().replaced(stored) if _QP_BYTE.search(stored) else self._pattern.sub(b"", stored)

    def _marks(self, stored: bytes, low: int) -> tuple[list[int], list[int]]:
        """The same, for such a list, without a look at any of them."""
        if _QP_BYTE.search(stored):
            return super()._marks(stored, low)
        here, there = [0], [low]
        gone = 0
        for start, end in [match.span() for match in self._pattern.finditer(stored)]:
            here += (start - gone, start - gone)
            there += (low + start, low + end)
            gone += end - start
        return here, there

    @staticmethod
    def value(match: re.Match[bytes]) -> bytes:
        """What one escape stands for; None: itself."""
        return b"" if match[1] is None else bytes((int(match[1], 16),))
