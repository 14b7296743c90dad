from __future__ import annotations

import re

import pytest

from gossip.engine.rules.encoded import (
    base64_forms,
    base64_of,
    escape_forms,
    expression,
    hex_forms,
    literal_sets,
    percent_forms,
    utf16_forms,
)


def read(form: bytes) -> bytes:
    r"""An expression with its `\xNN` written as characters, for the eye."""
    return re.sub(rb"\\x([0-9a-f]{2})", lambda hit: bytes.fromhex(hit[1].decode()), form)


@pytest.mark.parametrize(
    ("literal", "caseless", "expected"),
    [
        (b"AKI", False, [b"QUtJ", b"[0EUk]FLS[QRSTUVWXYZabcdef]", b"[159BFJNRVZdhlptx]BS0[klmn]"]),
        (b"AKIA", False, [b"QUtJQ[QRSTUVWXYZabcdef]", b"[0EUk]FLSU[EFGH]", b"[159BFJNRVZdhlptx]BS0lB"]),
        (
            b"k?>",
            True,
            [b"[Sa]z8[+-]", b"[02EGUWkm]s[/_]P[ghijklmnopqrstuv]", b"[159BFJNRVZdhlptx][Lr]Pz[4567]"],
        ),
    ],
)
def test_base64_at_the_three_offsets(literal: bytes, caseless: bool, expected: list[bytes]) -> None:
    """Whole characters as they are; at the ends, what the two or four known bits allow; both alphabets; both cases."""
    assert [read(expression(row)) for row in base64_of(literal_sets(literal, caseless=caseless))] == expected
    assert sorted(map(read, base64_forms(literal, caseless))) == sorted(expected)


def test_nested_base64_has_three_forms_for_each() -> None:
    """The number that a database has to take."""
    assert [len(base64_forms(b"AKIA", caseless=False, depth=depth)) for depth in (1, 2, 3)] == [3, 9, 27]


def test_what_leaves_nothing_to_look_for() -> None:
    """An empty row, and one that says nothing, are the caller's mistake."""
    with pytest.raises(ValueError, match="too wide"):
        base64_forms(b"", caseless=False)
    with pytest.raises(ValueError, match="too wide"):
        base64_of([frozenset(range(256))] * 4)


def test_other_encodings() -> None:
    """Hexadecimal digits of either case; one form for both orders of UTF-16; of the spelled-out ones four bytes."""
    literal = b"a-Zkey"
    assert list(map(read, hex_forms(literal, caseless=False))) == [b"612[Dd]5[Aa]6[Bb]6579"]
    assert list(map(read, hex_forms(b"AKIA", caseless=True))) == [b"[46]1[46][Bb][46]9[46]1"]
    assert list(map(read, utf16_forms(literal, caseless=True))) == [b"[Aa]\0-\0[Zz]\0[Kk]\0[Ee]\0[Yy]"]
    assert list(map(read, percent_forms(literal, caseless=False))) == [b"%61%2[Dd]%5[Aa]%6[Bb]"]
    assert list(map(read, escape_forms(b"a-", caseless=True))) == [
        b"\\u00[46]1\\u002[Dd]",
        b"\\x[46]1\\x2[Dd]",
        b"\\0{0,2}(?:101|141)\\0{0,2}55",
        b"&#0{0,5}(?:65|97);?&#0{0,5}45;?",
        b"&#[Xx]0{0,5}[46]1;?&#[Xx]0{0,5}2[Dd];?",
    ]


def test_text_encodings_look_for_ascii() -> None:
    """The longest run of it; a single character, and none, have no form."""
    assert utf16_forms(b"\xc3\xa9ab\xc3\xa9abc", caseless=False) == utf16_forms(b"abc", caseless=False)
    assert utf16_forms(b"\xc3\xa9a", caseless=False) == ()
    assert escape_forms(b"\xc3\xa9", caseless=False) == ()
