"""Encoders that remember where each byte went, so that a test knows the exact place of an encoded secret.

They share nothing with the decoders: an error would have to be made twice to go unseen.
"""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass

Span = tuple[int, int]
Spans = list[Span]


@dataclass(frozen=True)
class Coded:
    """Encoded bytes and the half-open span in them of every original byte."""

    data: bytes
    spans: Spans

    def through(self, data: bytes, spans: Spans) -> Coded:
        """These bytes encoded once more, given the place of each."""
        return Coded(data, [(spans[start][0], spans[end - 1][1]) for start, end in self.spans])

    def within(self, before: bytes, after: bytes) -> Coded:
        """These bytes amid a text."""
        moved = [(start + len(before), end + len(before)) for start, end in self.spans]
        return Coded(before + self.data + after, moved)

    @property
    def span(self) -> Span:
        """Of all original bytes."""
        return self.spans[0][0], self.spans[-1][1]


Encoder = Callable[[Coded], Coded]


def plain(text: bytes) -> Coded:
    """Every byte at its place."""
    return Coded(text, [(at, at + 1) for at in range(len(text))])


def units(coded: Coded, written: Callable[[int], bytes]) -> Coded:
    """Each byte written by itself."""
    parts = [written(byte) for byte in coded.data]
    spans: Spans = []
    size = 0
    for part in parts:
        spans.append((size, size + len(part)))
        size += len(part)
    return coded.through(b"".join(parts), spans)


def b64(coded: Coded) -> Coded:
    """Standard, padded, on one line."""
    spans = [(at * 8 // 6, (at * 8 + 7) // 6 + 1) for at in range(len(coded.data))]
    return coded.through(base64.b64encode(coded.data), spans)


def b64url(coded: Coded) -> Coded:
    """The alphabet for URLs, unpadded."""
    standard = b64(coded)
    return Coded(standard.data.translate(bytes.maketrans(b"+/", b"-_")).rstrip(b"="), standard.spans)


def unpadded(coded: Coded) -> Coded:
    """Standard without padding."""
    standard = b64(coded)
    return Coded(standard.data.rstrip(b"="), standard.spans)


def broken(coded: Coded, width: int, line_break: bytes = b"\n") -> Coded:
    """Lines of at most `width` bytes."""
    spans: Spans = []
    out = bytearray()
    for at in range(len(coded.data)):
        if at and at % width == 0:
            out += line_break
        spans.append((len(out), len(out) + 1))
        out.append(coded.data[at])
    return coded.through(bytes(out), spans)


def hexed(coded: Coded) -> Coded:
    """Two digits a byte."""
    return units(coded, lambda byte: b"%02x" % byte)


def hexed_upper(coded: Coded) -> Coded:
    """The same in capitals."""
    return units(coded, lambda byte: b"%02X" % byte)


def percent(coded: Coded) -> Coded:
    """All of it."""
    return units(coded, lambda byte: b"%%%02X" % byte)


def percent_needed(coded: Coded) -> Coded:
    """What is no letter or digit."""
    return units(coded, lambda byte: bytes((byte,)) if chr(byte).isalnum() else b"%%%02X" % byte)


def _hidden(byte: int) -> bool:
    return chr(byte) in "eaioukz_5"


def percent_some(coded: Coded) -> Coded:
    """Some bytes, as an evader writes it."""
    return units(coded, lambda byte: b"%%%02x" % byte if _hidden(byte) else bytes((byte,)))


def unicode4(coded: Coded) -> Coded:
    r"""`\u0041`."""
    return units(coded, lambda byte: b"\\u%04x" % byte)


def unicode_some(coded: Coded) -> Coded:
    r"""`\u0041` for some bytes."""
    return units(coded, lambda byte: b"\\u%04X" % byte if _hidden(byte) else bytes((byte,)))


def unicode_braces(coded: Coded) -> Coded:
    r"""`\u{41}`."""
    return units(coded, lambda byte: b"\\u{%x}" % byte)


def backslash_x(coded: Coded) -> Coded:
    r"""`\x41`."""
    return units(coded, lambda byte: b"\\x%02x" % byte)


def octal(coded: Coded) -> Coded:
    r"""`\101`."""
    return units(coded, lambda byte: b"\\%03o" % byte)


def entities(coded: Coded) -> Coded:
    """`&#65;`."""
    return units(coded, lambda byte: b"&#%d;" % byte)


def entities_hex(coded: Coded) -> Coded:
    """`&#x41;`."""
    return units(coded, lambda byte: b"&#x%x;" % byte)


def quoted_printable(coded: Coded) -> Coded:
    """`=3D` for the equals sign, and lines of 76 that end softly."""
    marked = units(coded, lambda byte: b"=%02X" % byte if byte in b"=_" else bytes((byte,)))
    return broken(marked, 75, b"=\r\n")


def utf(coded: Coded, codec: str) -> Coded:
    """A wide encoding without a mark."""
    return units(coded, lambda byte: chr(byte).encode(codec))


def gz(coded: Coded) -> Coded:
    """Bytes that cannot be told apart any more."""
    data = gzip.compress(coded.data, mtime=0)
    return coded.through(data, [(0, len(data))] * len(coded.data))


def deflated(coded: Coded) -> Coded:
    """As zlib writes it."""
    data = zlib.compress(coded.data)
    return coded.through(data, [(0, len(data))] * len(coded.data))
