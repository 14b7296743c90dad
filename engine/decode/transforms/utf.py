"""UTF-16 and UTF-32: told from the bytes, with or without a byte order mark."""

from __future__ import annotations

import codecs
import itertools
from bisect import bisect_right
from collections.abc import Iterable, Iterator

_SAMPLE_BYTES = 1024
_HELD_BYTES_MAX = 64 * 1024 * 1024
"""Text held to count in; only what is not ASCII is."""
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32be"),
    (codecs.BOM_UTF16_LE, "utf-16le"),
    (codecs.BOM_UTF16_BE, "utf-16be"),
)
_CODECS = {"utf-16le": "utf-16-le", "utf-16be": "utf-16-be", "utf-32le": "utf-32-le", "utf-32be": "utf-32-be"}
_NUL_SHARE = 0.6
"""Text is mostly ASCII: so many of a code unit's high bytes are NUL, and hardly any of the low ones."""


def utf_encoding(head: bytes) -> str | None:
    """The encoding of content that begins with `head`; None for what is 8-bit text or binary.

    Without a mark it is guessed from where the NUL bytes stand in the first KiB.
    """
    for mark, name in _MARKS:
        if head.startswith(mark) and (len(mark) == 4 or b"\0" in head[:_SAMPLE_BYTES]):
            return name
    sample = head[: min(_SAMPLE_BYTES, len(head) // 4 * 4)]
    if len(sample) < 8 or b"\0" not in sample:
        return None
    lanes = [sample[n::4].count(0) / (len(sample) // 4) for n in range(4)]
    patterns = {
        "utf-32le": (0, 1, 1, 1),
        "utf-32be": (1, 1, 1, 0),
        "utf-16le": (0, 1, 0, 1),
        "utf-16be": (1, 0, 1, 0),
    }
    for name, wanted in patterns.items():
        if all(
            share >= _NUL_SHARE if nul else share < 1 - _NUL_SHARE for share, nul in zip(lanes, wanted, strict=True)
        ):
            return name
    return None


class WideText:
    """UTF-16 or UTF-32 content as UTF-8, chunk by chunk, that can say where each byte came from."""

    def __init__(self, encoding: str) -> None:
        self._codec = _CODECS[encoding]
        self._unit = 4 if encoding.startswith("utf-32") else 2
        self._here: list[int] = []
        self._there: list[int] = []
        self._texts: list[bytes | None] = []
        self._held = 0
        self._size = 0

    def chunks(self, stored: Iterable[bytes]) -> Iterator[bytes]:
        """The text. What is malformed becomes U+FFFD, a byte order mark is dropped."""
        decoder = codecs.getincrementaldecoder(self._codec)("replace")
        here = there = 0
        for chunk in itertools.chain(stored, (b"",)):
            pending = len(decoder.getstate()[0])
            text = decoder.decode(chunk, final=not chunk)
            start = there - pending
            there += len(chunk)
            self._size = there
            if not here and text.startswith("\ufeff"):
                text, start = text[1:], start + self._unit
            if text:
                data = text.encode("utf-8", "replace")
                self._mark(here, start, None if len(data) == len(text) else data)
                here += len(data)
                yield data

    def _mark(self, here: int, there: int, data: bytes | None) -> None:
        # Text of one byte a character needs no copy to count in; of the rest, what is past the limit is taken as such.
        if data is not None:
            self._held += len(data)
        self._here.append(here)
        self._there.append(there)
        self._texts.append(data if self._held <= _HELD_BYTES_MAX else None)

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Half-open span of the text -> of the stored bytes."""
        # What is malformed may be shorter than what stands for it.
        return min(self._size, self._outer(start)), min(self._size, self._outer(end))

    def _outer(self, offset: int) -> int:
        at = bisect_right(self._here, offset) - 1
        if at < 0:
            return 0
        inside = offset - self._here[at]
        text = self._texts[at]
        if text is not None:
            return self._there[at] + outer_length(text[:inside], self._codec)
        return self._there[at] + inside * self._unit


def outer_length(text: bytes, codec: str) -> int:
    """How many bytes UTF-8 `text` takes in another encoding."""
    return len(text.decode("utf-8", "replace").encode(codec, "replace"))
