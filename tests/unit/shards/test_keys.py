from __future__ import annotations

import pytest

from gossip.engine.limits import KEY_BYTES_MAX
from gossip.engine.shards import keys

LONGEST = b"k" * KEY_BYTES_MAX


def test_path_key_is_the_path() -> None:
    """Nothing is normalised: not case, not separators, not Unicode forms, not what is no UTF-8."""
    for path in (b"a//b/../C", b"e\xcc\x81", b"\xc3\xa9", b"\xff\xfe", b" ", LONGEST):
        assert keys.path_key(path) == path


@pytest.mark.parametrize("path", [b"", LONGEST + b"k"])
def test_path_key_has_a_size(path: bytes) -> None:
    """Neither empty nor longer than any key."""
    with pytest.raises(ValueError, match="key"):
        keys.path_key(path)


def test_error_of_a_long_key_shows_none_of_it() -> None:
    """Length and a short hash."""
    with pytest.raises(ValueError, match=r"key of 4097 bytes \(#[0-9a-f]{8}\) is too long: at most 4096") as caught:
        keys.check_key(b"Q" * 4097)
    assert "QQ" not in str(caught.value)


def test_manifest_key_is_two_big_endian_numbers() -> None:
    """Sixteen bytes, always."""
    assert keys.manifest_key(1, 258) == b"\0\0\0\0\0\0\0\1\0\0\0\0\0\0\1\2"
    assert keys.parse_manifest_key(b"\0" * 7 + b"\1" + b"\xff" * 8) == (1, 2**64 - 1)


@pytest.mark.parametrize(("manifest", "row"), [(-1, 0), (0, -1), (2**64, 0), (0, 2**64)])
def test_manifest_key_takes_64_bit_numbers(manifest: int, row: int) -> None:
    """Others would be cut."""
    with pytest.raises(ValueError, match="numbers from 0"):
        keys.manifest_key(manifest, row)


@pytest.mark.parametrize("size", [0, 15, 17])
def test_manifest_key_is_read_from_16_bytes(size: int) -> None:
    """A key of another kind is not taken for one."""
    with pytest.raises(ValueError, match="16 bytes"):
        keys.parse_manifest_key(b"x" * size)


@pytest.mark.parametrize(
    ("prefix", "successor"),
    [
        (b"a", b"b"),
        (b"ab", b"ac"),
        (b"a\xff", b"b"),
        (b"a\xff\xff", b"b"),
        (b"\xff", None),
        (b"\xff\xff", None),
        (b"", None),
        (b"\0", b"\1"),
        (b"\xfe", b"\xff"),
        (LONGEST, LONGEST[:-1] + b"l"),
        (LONGEST + b"k", None),
    ],
)
def test_prefix_successor(prefix: bytes, successor: bytes | None) -> None:
    """Trailing 0xFF cut, last byte raised; None where nothing follows."""
    assert keys.prefix_successor(prefix) == successor


@pytest.mark.parametrize(
    ("key", "successor"),
    [
        (b"", b"\0"),
        (b"a", b"a\0"),
        (b"a\xff", b"a\xff\0"),
        (LONGEST[:-1], LONGEST[:-1] + b"\0"),
        (LONGEST, LONGEST[:-1] + b"l"),
        (LONGEST[:-1] + b"\xff", LONGEST[:-2] + b"l"),
        (b"\xff" * KEY_BYTES_MAX, None),
        (LONGEST + b"k", None),
    ],
)
def test_key_successor(key: bytes, successor: bytes | None) -> None:
    """One NUL more, unless the key is as long as keys get."""
    assert keys.key_successor(key) == successor


@pytest.mark.parametrize(
    ("low", "high", "middle"),
    [
        (b"a", b"c", b"b"),
        (b"a", b"b", b"a\x80"),
        (b"", b"\2", b"\1"),
        (b"", b"\1", b"\0"),
        (b"a", b"a\0", None),
        (b"a", b"a\0\0", b"a\0"),
        (b"a", b"a\1", b"a\0"),
        (b"a", b"a", None),
        (b"b", b"a", None),
        (b"\xff", b"\xff\xff", b"\xff\x7f"),
        (LONGEST[:-1], LONGEST[:-1] + b"\0", None),
        (LONGEST[:-1], LONGEST[:-1] + b"\1", LONGEST[:-1] + b"\0"),
        (LONGEST, LONGEST[:-1] + b"l", None),
        (LONGEST, LONGEST[:-1] + b"m", LONGEST[:-1] + b"l"),
    ],
)
def test_midpoint(low: bytes, high: bytes, middle: bytes | None) -> None:
    """Half way as numbers; one byte more where that is too coarse; None where no key is between."""
    assert keys.midpoint(low, high) == middle
