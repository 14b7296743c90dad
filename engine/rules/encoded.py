r"""Expressions that find a literal inside encoded text, without decoding it.

Each function gives expressions for Vectorscan, one of which matches wherever text in that encoding holds the literal,
whatever stands around it: they are supersets, and the decoder and the rules decide. Bytes are written `\xNN`.

An encoding maps a row of byte sets (what may stand at each place) to rows of byte sets again, so encodings nest. A
literal without case is a row of two-member sets. Sets are independent of each other, which is what makes the result a
superset: a base64 character of two bytes with two cases each takes all four values.

Base64 packs three bytes into four characters, so a literal has three forms, by its offset modulo three. A character
at either end that also holds bits of an unknown neighbour is a class of 4 or 16 values; it keeps what little is known.
It holds for data that ends with the literal too: there those bits are zero, which is one of the values.

Not found: base64 with a line break within the literal's own characters. Remove line breaks before looking.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

ByteSets = Sequence[frozenset[int]]
"""A row of places and the bytes that may stand at each."""

EDGE_MEMBERS_MAX = 16
"""A base64 character at an end with more values says too little, and is left out."""
SPELLED_BYTES_MAX = 4
"""So many bytes of a literal are looked for in encodings that take three to six characters for each."""

_BASE64 = [
    frozenset(pair)
    for pair in zip(
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
        strict=True,
    )
]
"""The characters of each value, in the standard and in the URL-safe alphabet."""
_ANY = frozenset(range(256))
_ASCII_RUN = re.compile(rb"[\x00-\x7f]+")


def literal_sets(literal: bytes, *, caseless: bool) -> list[frozenset[int]]:
    """The literal as a row of sets: of one byte each, or with `caseless` of both cases of ASCII letters."""
    if not caseless:
        return [frozenset((value,)) for value in literal]
    return [frozenset(bytes((value,)).lower() + bytes((value,)).upper()) for value in literal]


def expression(sets: ByteSets) -> bytes:
    r"""A row of sets as a pattern: `\xNN` for a single byte, a class of such for more."""
    return b"".join(_class(members) for members in sets)


def base64_of(sets: ByteSets) -> list[list[frozenset[int]]]:
    """What the base64 characters of a row can be, in either alphabet, at offsets 0, 1 and 2 modulo three.

    The row may stand anywhere in the encoded data. Raises ValueError where all that is left of it is unknown.
    """
    rows = [_base64_at(sets, offset) for offset in range(3)]
    if not all(rows):
        raise ValueError("a row of sets that are all too wide leaves nothing to look for in base64")
    return rows


def base64_forms(literal: bytes, caseless: bool, depth: int = 1) -> tuple[bytes, ...]:  # noqa: FBT001 - as in Anchors
    """Expressions for base64 of the literal, `depth` times nested; up to 3 ** depth of them, sorted.

    Either alphabet at every level, padded or not. Raises ValueError for an empty literal.
    """
    rows: list[list[frozenset[int]]] = [literal_sets(literal, caseless=caseless)]
    for _ in range(depth):
        rows = [inner for row in rows for inner in base64_of(row)]
    return tuple(sorted({expression(row) for row in rows}))


def hex_forms(literal: bytes, caseless: bool) -> tuple[bytes, ...]:  # noqa: FBT001 - as in Anchors
    """One expression for pairs of hexadecimal digits of either case, without anything between them."""
    sets = literal_sets(literal, caseless=caseless)
    return (b"".join(_hex_digits(members) for members in sets),)


def utf16_forms(literal: bytes, caseless: bool) -> tuple[bytes, ...]:  # noqa: FBT001 - as in Anchors
    """One expression for UTF-16 of both byte orders: the characters with a NUL between each two.

    Covers the literal's longest run of ASCII; none where it has less than two such characters, which would be found
    in any text.
    """
    sets = literal_sets(_ascii_part(literal), caseless=caseless)
    return (rb"\x00".join(map(_class, sets)),) if len(sets) > 1 else ()


def percent_forms(literal: bytes, caseless: bool) -> tuple[bytes, ...]:  # noqa: FBT001 - as in Anchors
    """One expression for the literal's first bytes, every one of them written `%XX`."""
    sets = literal_sets(literal[:SPELLED_BYTES_MAX], caseless=caseless)
    return (b"".join(rb"\x25" + _hex_digits(members) for members in sets),)


def escape_forms(literal: bytes, caseless: bool) -> tuple[bytes, ...]:  # noqa: FBT001 - as in Anchors
    r"""Expressions for the first characters of the literal's longest run of ASCII, every one of them escaped.

    In this order `\uXXXX`, `\xXX`, octal `\NNN` (a leading zero may be missing), `&#NNN;` and `&#xXX;` (both with up to
    five leading zeros, and with or without the semicolon). Empty where the literal has no ASCII character.
    """
    sets = literal_sets(_ascii_part(literal)[:SPELLED_BYTES_MAX], caseless=caseless)
    if not sets:
        return ()
    digits = [_hex_digits(members) for members in sets]
    octal = [_either(f"{value:o}" for value in sorted(members)) for members in sets]
    decimal = [_either(str(value) for value in sorted(members)) for members in sets]
    # A sign below 0x10 is also written with one digit; no ASCII letter, digit or punctuation is.
    spelled = [
        [rb"\x5c\x75\x30\x30" + pair for pair in digits],
        [rb"\x5c\x78" + pair for pair in digits],
        [rb"\x5c\x30{0,2}" + number for number in octal],
        [rb"\x26\x23\x30{0,5}" + number + rb"\x3b?" for number in decimal],
        [rb"\x26\x23[\x58\x78]\x30{0,5}" + pair + rb"\x3b?" for pair in digits],
    ]
    return tuple(b"".join(parts) for parts in spelled)


def _base64_at(sets: ByteSets, offset: int) -> list[frozenset[int]]:
    """The characters that hold a bit of the row, which begins `offset` bytes into a group of three."""
    padded = [*[_ANY] * offset, *sets, _ANY, _ANY]
    count = (8 * (offset + len(sets)) + 5) // 6
    values = [_sextet(padded, index) for index in range(count)]
    start, stop = 0, count
    while start < stop and len(values[start]) > EDGE_MEMBERS_MAX:
        start += 1
    while stop > start and len(values[stop - 1]) > EDGE_MEMBERS_MAX:
        stop -= 1
    return [frozenset().union(*(_BASE64[value] for value in found)) for found in values[start:stop]]


def _sextet(sets: ByteSets, index: int) -> set[int]:
    """The values of bits 6 * index to 6 * index + 5, which lie in one byte or in two neighbouring ones."""
    first, skipped = divmod(6 * index, 8)
    if skipped <= 2:
        return {byte >> (2 - skipped) & 63 for byte in sets[first]}
    below = skipped - 2  # bits out of the second byte
    high = {byte << below & 63 for byte in sets[first]}
    low = {byte >> (8 - below) for byte in sets[first + 1]}
    return {a | b for a in high for b in low}


def _ascii_part(literal: bytes) -> bytes:
    """The longest run of ASCII characters: what of a literal is the same in every text encoding, one by one."""
    return max(_ASCII_RUN.findall(literal), key=len, default=b"")


def _class(members: frozenset[int]) -> bytes:
    written = b"".join(b"\\x%02x" % value for value in sorted(members))
    return written if len(members) == 1 else b"[" + written + b"]"


def _hex_digits(members: frozenset[int]) -> bytes:
    """The two digits of a byte out of some."""
    pairs = [b"%02x" % value for value in members]
    sets = [
        frozenset(digit for pair in pairs for digit in (pair[at : at + 1] + pair[at : at + 1].upper())) for at in (0, 1)
    ]
    return expression(sets)


def _either(texts: Iterable[str]) -> bytes:
    branches = [expression(literal_sets(text.encode(), caseless=False)) for text in texts]
    return branches[0] if len(branches) == 1 else b"(?:" + b"|".join(branches) + b")"
