"""Base64, standard and URL-safe, padded or not, on one line or broken over several."""

from __future__ import annotations

import binascii
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from gossip.engine.decode.transforms.base import Decoded, Form, Hit, Origin, run_start
from gossip.engine.limits import DECODE_REACH_BYTES, ENCODED_MIN_CHARS

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_RUN = re.compile(rb"[A-Za-z0-9+/_-]*")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_LINE_MIN = 16
"""A line shorter than this is not taken for a part of a broken one (encoders break at 57 and more)."""
_BREAK = re.compile(rb"\r?\n[ \t]*|(?:\\r)?\\n|[\"'][ \t]*[+.,]?[ \t]*\\?\r?\n[ \t]*[\"']")
_BREAK_BEFORE = re.compile(rb"(?:\r?\n[ \t]*|(?:\\r)?\\n|[\"'][ \t]*[+.,]?[ \t]*\\?\r?\n[ \t]*[\"'])\Z")
_BREAK_BYTES_MAX = 64
_DASHES = b"--"
"""So begin the lines after a block: of a mail's boundary, of a key's end. They are in the alphabet for URLs."""


class Base64:
    """The transform. A hit's phase says which of four characters of a group it begins with, so that a run that is cut,
    or glued to something else, is still read right.
    """

    forms: tuple[Form, ...] = (
        # JSON that begins with `{"`, as in every JWT; gzip; zlib at its three usual levels.
        Form(rb"eyJ[A-Za-z0-9+/_-]{13}", 16),
        Form(rb"ewog[A-Za-z0-9+/_-]{12}", 16),
        Form(rb"H4sI[A-Za-z0-9+/_-]{16}", 20),
        Form(rb"e(?:J[w-z]|A[EFG]|N[op])[A-Za-z0-9+/_-]{29}", 32),
    )
    thorough: tuple[Form, ...] = (
        Form(rb"[^A-Za-z0-9+/_-][A-Za-z0-9+/_-]{20}", 20),
        Form(rb"\A[A-Za-z0-9+/_-]{20}", 20),
    )

    joins = False

    def decode(self, data: bytes, hits: Sequence[Hit]) -> Iterator[Decoded]:
        """One for each run and phase that was hit."""
        seen: set[tuple[int, int]] = set()
        run: _Run | None = None
        for hit in sorted(hits):
            start = hit.end - hit.width
            if run is None or not run.holds(start):
                run = _Run(data, start)
            skip = (run.index(start) - hit.phase) % 4
            if (run.start, skip) not in seen:
                seen.add((run.start, skip))
                decoded = run.decode(skip)
                if decoded is not None:
                    yield decoded


class _Run:
    """The characters of one encoding around an offset, over line breaks, at most DECODE_REACH_BYTES to each side."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        pieces = _before(data, at)
        pieces[-1] = (pieces[-1][0], _RUN.match(data, pieces[-1][1], at + DECODE_REACH_BYTES).end())  # type: ignore[union-attr]
        _extend(data, pieces, at + DECODE_REACH_BYTES)
        self._pieces = pieces
        self._starts = [start for start, _ in pieces]
        self._sizes = [0, *accumulate(end - start for start, end in pieces)]
        self.start, self.end = pieces[0][0], pieces[-1][1]

    def holds(self, offset: int) -> bool:
        """Whether a piece of the run holds this byte."""
        return self.start <= offset < self.end and offset < self._pieces[self._piece(offset)][1]

    def index(self, offset: int) -> int:
        """Which character of the run stands at an offset; of one between two pieces, the first after it."""
        piece = self._piece(offset)
        start, end = self._pieces[piece]
        return self._sizes[piece] + min(offset, end) - start

    def _piece(self, offset: int) -> int:
        return max(0, bisect_right(self._starts, offset) - 1)

    def decode(self, skip: int) -> Decoded | None:
        """The bytes of the characters past the first `skip`."""
        text = b"".join([self._data[start:end] for start, end in self._pieces])[skip:]
        if len(text) < ENCODED_MIN_CHARS:
            return None
        name = "base64"
        if b"-" in text or b"_" in text:
            text, name = text.translate(_STANDARD), "base64url"
        if len(text) % 4 == 1:
            text = text[:-1]
        try:
            data = binascii.a2b_base64(text + b"=" * (-len(text) % 4))
        except binascii.Error:  # pragma: no cover - the alphabet and the length are right
            return None
        return Decoded(name, data, self._origin(skip), self._offset(skip), self.end)

    def _offset(self, index: int) -> int:
        piece = min(bisect_right(self._sizes, index) - 1, len(self._pieces) - 1)
        return self._pieces[piece][0] + index - self._sizes[piece]

    def _origin(self, skip: int) -> Origin:
        def origin(start: int, end: int) -> tuple[int, int]:
            first = skip + start * 4 // 3
            last = skip + (max(end, start + 1) * 4 + 2) // 3 - 1
            return self._offset(first), min(self._offset(last) + 1, self.end)

        return origin


def _before(data: bytes, at: int) -> list[tuple[int, int]]:
    """The pieces that end at `at`, the last of them open to the right."""
    floor = max(0, at - DECODE_REACH_BYTES)
    start = run_start(data, at, _ALPHABET, at - floor)
    pieces = [(start, at)]
    while start > floor:
        start = pieces[0][0]
        if data[start - 1 : start] == b"\\" and data[start : start + 1] in (b"n", b"r"):
            start += 1  # the letter of a written-out line break is no character of the encoding
        gap = _BREAK_BEFORE.search(data, max(floor, start - _BREAK_BYTES_MAX), start)
        if gap is None or not _RUN.match(data, start):
            break
        line = run_start(data, gap.start(), _ALPHABET, gap.start() - floor)
        if gap.start() - line < _LINE_MIN or data.startswith(_DASHES, line):
            break
        pieces[0] = (start, pieces[0][1])
        pieces.insert(0, (line, gap.start()))
        start = line
    return pieces


def _extend(data: bytes, pieces: list[tuple[int, int]], ceiling: int) -> None:
    """Add the pieces on the lines that follow."""
    while pieces[-1][1] - pieces[-1][0] >= _LINE_MIN and pieces[-1][1] < ceiling:
        if len(pieces) > 2 and pieces[-1][1] - pieces[-1][0] < pieces[-2][1] - pieces[-2][0]:
            return  # only the last line of a block is short
        gap = _BREAK.match(data, pieces[-1][1], ceiling)
        if gap is None:
            return
        following = _RUN.match(data, gap.end(), ceiling)
        if following is None or following.end() == following.start() or data.startswith(_DASHES, following.start()):
            return
        pieces.append(following.span())
