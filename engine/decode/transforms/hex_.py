"""Hexadecimal text, two digits a byte."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gossip.engine.decode.transforms.base import Decoded, Form, Hit, Origin, run_start
from gossip.engine.limits import DECODE_REACH_BYTES, ENCODED_MIN_CHARS

_DIGITS = b"0123456789abcdefABCDEF"
_RUN = re.compile(rb"[0-9a-fA-F]*")


class Hex:
    """The transform. A hit begins at a byte's first digit, which tells the two ways to read a run apart."""

    forms: tuple[Form, ...] = ()
    thorough: tuple[Form, ...] = (
        Form(rb"[^0-9a-fA-F](?:[2-7][0-9a-fA-F]){12}", 24),
        Form(rb"\A(?:[2-7][0-9a-fA-F]){12}", 24),
    )

    joins = False

    def decode(self, data: bytes, hits: Sequence[Hit]) -> Iterator[Decoded]:
        """One for each run and parity that was hit."""
        before: list[tuple[int, int]] = []
        for hit in sorted(hits):
            at = hit.end - hit.width
            if any(low <= at < high and (at - low) % 2 == 0 for low, high in before):
                continue
            start = run_start(data, at, _DIGITS, DECODE_REACH_BYTES)
            start += (at - start) % 2
            run = _RUN.match(data, at, at + DECODE_REACH_BYTES)
            end = run.end() if run else at
            end -= (end - start) % 2
            if end - start >= ENCODED_MIN_CHARS:
                text = data[start:end]
                # The two ways to read the last run.
                before = [*before[-1:], (start, end)]
                yield Decoded("hex", bytes.fromhex(text.decode("ascii")), _origin(start), start, end)


def _origin(first: int) -> Origin:
    return lambda start, end: (first + 2 * start, first + 2 * end)
