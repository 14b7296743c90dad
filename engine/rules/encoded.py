"""Expressions that find the encoded forms of a literal, so that encoded text is decoded only where a rule may match.

A literal is a sequence of byte sets: one member each, two where its case is free. Encoding a sequence gives sequences
of sets again, one for each way in which the literal can lie in the groups of the encoding; so forms of forms, base64
inside base64, are the same function applied again. Every set holds all that can stand there: forms may match too much
and never too little.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

ByteSets = tuple[frozenset[int], ...]

_ANY = frozenset(range(256))
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_CHARS = [frozenset((byte,)) for byte in _ALPHABET[:62]] + [frozenset(b"+-"), frozenset(b"/_")]
"""Value -> the characters of both alphabets."""
_EDGE_SET_MAX = 16
"""A set with more members at either end of a form says too little to be looked at."""


class EncodedForm(NamedTuple):
    """One sequence, and where in a group of four its first character lies."""

    sets: ByteSets
    phase: int


def literal_sets(literal: bytes, *, caseless: bool) -> ByteSets:
    """A literal as byte sets."""
    if not caseless:
        return tuple(frozenset((byte,)) for byte in literal)
    return tuple(frozenset(bytes((byte,)).lower() + bytes((byte,)).upper()) for byte in literal)


def base64_forms(sets: Sequence[frozenset[int]]) -> Iterator[EncodedForm]:
    """Both alphabets at once, in the three positions that the bytes can have in a group."""
    for shift in range(3):
        padded = (*(_ANY for _ in range(shift)), *sets, *(_ANY for _ in range(-(shift + len(sets)) % 3)))
        chars: list[frozenset[int]] = []
        for at in range(0, len(padded), 3):
            chars.extend(_group(padded[at], padded[at + 1], padded[at + 2]))
        first = next((i for i, one in enumerate(chars) if len(one) <= _EDGE_SET_MAX), len(chars))
        last = next((i for i in range(len(chars), first, -1) if len(chars[i - 1]) <= _EDGE_SET_MAX), first)
        if last > first:
            yield EncodedForm(tuple(chars[first:last]), first % 4)


def _group(one: frozenset[int], two: frozenset[int], three: frozenset[int]) -> tuple[frozenset[int], ...]:
    """Three byte sets as four character sets."""
    return (
        _chars(_bits(one, 2, 63)),
        _joined(_bits(one, 0, 3), _bits(two, 4, 15), 4),
        _joined(_bits(two, 0, 15), _bits(three, 6, 3), 2),
        _chars(_bits(three, 0, 63)),
    )


# The same few sets come again and again: with these three remembered, forms are made six times faster.


@cache
def _bits(sets: frozenset[int], shift: int, mask: int) -> frozenset[int]:
    return frozenset(byte >> shift & mask for byte in sets)


@cache
def _joined(high: frozenset[int], low: frozenset[int], shift: int) -> frozenset[int]:
    return _chars(frozenset(a << shift | b for a in high for b in low))


@cache
def _chars(values: frozenset[int]) -> frozenset[int]:
    return frozenset().union(*(_CHARS[value] for value in values))


def hex_form(sets: Sequence[frozenset[int]]) -> ByteSets:
    """Two digits a byte, in either case."""
    digits: list[frozenset[int]] = []
    for one in sets:
        texts = [f"{byte:02x}" for byte in one]
        for place in (0, 1):
            chars = "".join(text[place] for text in texts)
            digits.append(frozenset((chars + chars.upper()).encode()))
    return tuple(digits)


def utf16_forms(sets: Sequence[frozenset[int]]) -> tuple[ByteSets, ByteSets]:
    """Little and big endian. The outer NUL of the last or first character is left out: it may be cut off."""
    nul = frozenset((0,))
    little = tuple(one for byte in sets for one in (byte, nul))
    big = tuple(one for byte in sets for one in (nul, byte))
    return little[:-1], big[1:]


def expression(sets: Sequence[frozenset[int]]) -> bytes:
    r"""For Vectorscan: every byte as `\xNN`, since expressions are C strings."""
    parts = []
    for one in sets:
        written = "".join(f"\\x{byte:02x}" for byte in sorted(one))
        parts.append(written if len(one) == 1 else f"[{written}]")
    return "".join(parts).encode("ascii")
