from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

import hyperscan
from hypothesis import given, settings
from hypothesis import strategies as st

from gossip.engine.rules.encoded import base64_forms, escape_forms, hex_forms, percent_forms, utf16_forms
from gossip.engine.rules.patterns import compile_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

around = st.binary(max_size=12)
literals = st.one_of(
    st.binary(min_size=2, max_size=12), st.text("aAkKzZ019-_.=", min_size=2, max_size=12).map(str.encode)
)
prose = st.text("abzAZ09-_=: \u00e9\u20ac", max_size=12)
words = st.text("aAkKzZ019-_.=:/\u00e9", min_size=2, max_size=12)
picks = st.integers(0, 2**12 - 1)


def recased(literal: bytes, caseless: bool, pick: int) -> bytes:
    """The literal, or with `caseless` one of its spellings."""
    if not caseless:
        return literal
    return b"".join(bytes((c,)).upper() if pick >> n & 1 else bytes((c,)).lower() for n, c in enumerate(literal))


def found(forms: Sequence[bytes], text: bytes) -> tuple[bool, bool]:
    """Whether RE2, and whether Vectorscan, find one of the forms."""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=list(forms), ids=list(range(len(forms))), elements=len(forms), flags=[0] * len(forms))
    hits: list[int] = []
    database.scan(text, match_event_handler=lambda *hit: hits.append(hit[2]) or None)
    return any(compile_bytes(form).search(text) for form in forms), bool(hits)


BOTH = (True, True)


@given(
    literals,
    st.lists(st.tuples(around, around, st.booleans(), st.booleans()), min_size=1, max_size=3),
    st.booleans(),
    picks,
)
@settings(max_examples=250)
def test_nested_base64(
    literal: bytes, levels: list[tuple[bytes, bytes, bool, bool]], caseless: bool, pick: int
) -> None:
    """Whatever stands around it at every level, in either alphabet, with or without padding."""
    text = recased(literal, caseless, pick)
    for before, behind, safe, padded in levels:
        encode = base64.urlsafe_b64encode if safe else base64.b64encode
        text = encode(before + text + behind)
        text = text if padded else text.rstrip(b"=")
    assert found(base64_forms(literal, caseless, len(levels)), text) == BOTH


@given(literals, around, around, st.booleans(), picks, st.booleans())
def test_hex(literal: bytes, before: bytes, behind: bytes, caseless: bool, pick: int, upper: bool) -> None:
    """Digits of either case."""
    text = binascii.hexlify(before + recased(literal, caseless, pick) + behind)
    assert found(hex_forms(literal, caseless), text.upper() if upper else text) == BOTH


@given(words, prose, prose, st.booleans(), picks, st.sampled_from(["utf-16-le", "utf-16-be", "utf-16"]))
def test_utf16(word: str, before: str, behind: str, caseless: bool, pick: int, codec: str) -> None:
    """Both byte orders; characters outside ASCII are left out of what is looked for."""
    forms = utf16_forms(word.encode(), caseless)
    assert len(forms) <= 1
    text = (before + recased(word.encode(), caseless, pick).decode() + behind).encode(codec)
    assert not forms or found(forms, text) == BOTH


@given(literals, around, around, st.booleans(), picks, st.booleans())
def test_percent(literal: bytes, before: bytes, behind: bytes, caseless: bool, pick: int, upper: bool) -> None:
    """Where every byte is encoded."""
    raw = before + recased(literal, caseless, pick) + behind
    text = b"".join((b"%%%02X" if upper else b"%%%02x") % value for value in raw)
    assert found(percent_forms(literal, caseless), text) == BOTH


ESCAPES: list[Callable[[int], str]] = [
    "\\u{:04x}".format,
    "\\u{:04X}".format,
    "\\x{:02x}".format,
    "\\x{:02X}".format,
    "\\{:03o}".format,
    "\\{:o}".format,
    "&#{:d};".format,
    "&#{:04d};".format,
    "&#x{:x};".format,
    "&#X{:04X};".format,
    "&#{:d}".format,
]


@given(st.text("aAkKzZ019-_.=:/", min_size=1, max_size=9), prose, prose, st.booleans(), picks, st.sampled_from(ESCAPES))
def test_escapes(word: str, before: str, behind: str, caseless: bool, pick: int, escape: Callable[[int], str]) -> None:
    """Every spelling of a character by its number."""
    raw = recased(word.encode(), caseless, pick).decode()
    text = before + "".join(escape(ord(char)) for char in raw) + behind
    assert found(escape_forms(word.encode(), caseless), text.encode()) == BOTH
