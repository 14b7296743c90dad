"""Messages without their secrets: each is replaced by its hash, and JSON stays JSON."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[^\s{}\[\],:"]+', re.DOTALL)


class Span(NamedTuple):
    """Bytes that must not stay, half-open, and the hash of the secret in hex."""

    start: int
    end: int
    secret_hash: str


def stand_in(secret_hash: str) -> bytes:
    """What a secret is replaced by: no character of it means anything to JSON.

    >>> stand_in("00ff")
    b'gossip:00ff'
    """
    return b"gossip:" + secret_hash.encode()


def redacted(data: bytes, spans: Iterable[Span]) -> bytes:
    """The bytes with every span replaced; spans that overlap are replaced together. All other bytes are untouched.

    Where that would make a JSON text invalid (a secret was a bare number, or began inside an escape), the strings and
    numbers that the spans touch are replaced as a whole, by strings.
    """
    merged = _merged(spans)
    if not merged:
        return data
    pieces, position = [], 0
    for span in merged:
        pieces += [data[position : span.start], stand_in(span.secret_hash)]
        position = span.end
    plain = b"".join((*pieces, data[position:]))
    return _by_token(data, merged) if _is_json(data) and not _is_json(plain) else plain


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            merged[-1] = last._replace(end=max(last.end, span.end))
        elif span.end > span.start:
            merged.append(span)
    return merged


def _by_token(data: bytes, spans: list[Span]) -> bytes:
    """Replace whole tokens of a JSON text. `spans` are disjoint and ascend."""
    pieces, position, index = [], 0, 0
    for token in _TOKEN.finditer(data):
        while index < len(spans) and spans[index].end <= token.start():
            index += 1
        if index < len(spans) and spans[index].start < token.end():
            pieces += [data[position : token.start()], b'"' + stand_in(spans[index].secret_hash) + b'"']
            position = token.end()
    return b"".join((*pieces, data[position:]))


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data.decode())
    except (ValueError, RecursionError):
        return False
    return True
