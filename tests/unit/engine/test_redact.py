from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gossip.engine.decode.policy import is_binary
from gossip.engine.findings import display_path, item_of
from gossip.engine.identity import item_id
from gossip.engine.limits import BINARY_SNIFF_BYTES, SEGMENT_BYTES, check_segment_bytes, overlap_bytes
from gossip.engine.redact import preview
from gossip.schemas.errors import MisuseError


@given(st.binary(max_size=60))
@example(b"hunter2")
@example(b"\n\xff\0")
def test_preview_shows_at_most_a_fifth(secret: bytes) -> None:
    """Never more than four characters, never the whole; graphic ASCII only, on one line; and the length."""
    found = re.fullmatch(r"([!-~]{0,4})\.\.\.\(([0-9]+)\)", preview(secret))
    assert found
    shown, length = found[1], int(found[2])
    assert length == len(secret)
    assert len(shown) == min(4, len(secret) // 5)
    assert all(char in (chr(byte), ".") for char, byte in zip(shown, secret, strict=False))


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        (b"", "...(0)"),
        (b"pass", "...(4)"),
        (b"passw", "p...(5)"),
        (b"ghp_" + b"a" * 36, "ghp_...(40)"),
        (b"a\n\xffb" * 10, "a..b...(40)"),
    ],
)
def test_preview(secret: bytes, text: str) -> None:
    """A short password shows nothing or nearly nothing."""
    assert preview(secret) == text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"src/a.py", "src/a.py"),
        ("\u00e9/\u20ac".encode(), "\u00e9/\u20ac"),
        (b"\xff\xfe.txt", "\\xff\\xfe.txt"),
        (b"a\xc3", "a\\xc3"),
        (b"", ""),
    ],
)
def test_display_path(path: bytes, text: str) -> None:
    """Bytes that are not UTF-8 are written out."""
    assert display_path(path) == text


@given(st.binary(max_size=30))
def test_display_path_can_always_be_written(path: bytes) -> None:
    """As UTF-8, which surrogates could not be."""
    display_path(path).encode("utf-8")


@pytest.mark.parametrize(
    ("data", "binary"),
    [
        (b"", False),
        (b"text\n", False),
        (b"\0", True),
        (b"a" * (BINARY_SNIFF_BYTES - 1) + b"\0", True),
        (b"a" * BINARY_SNIFF_BYTES + b"\0", False),
        (bytes(range(1, 256)), False),
        ("UTF-16".encode("utf-16"), True),
    ],
)
def test_content_policy(data: bytes, binary: bool) -> None:
    """A NUL within the first 8 KiB."""
    assert is_binary(data) is binary


def test_a_target_is_one_item() -> None:
    """Its locator is a dot: moving a secret to another file does not change a finding's id."""
    assert item_of("gitlocal", b"example.org/a") == item_id("gitlocal", b"example.org/a", b".")


def test_least_segment() -> None:
    """A segment must be longer than what two of them share; the default is."""
    floor = overlap_bytes(100)
    check_segment_bytes(floor + 1, floor)
    check_segment_bytes(SEGMENT_BYTES)
    with pytest.raises(MisuseError, match=f"give more than {floor}"):
        check_segment_bytes(floor, floor)
