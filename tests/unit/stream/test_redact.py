"""Redaction: only secrets go, and JSON stays JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossip.engine.stream.redact import Span, redacted, stand_in

HASH = "0a" * 32
MARK = stand_in(HASH)


def test_the_rest_is_untouched() -> None:
    """Bytes around two secrets stay as they are."""
    assert redacted(b"a SECRET b OTHER c", [Span(11, 16, "ff"), Span(2, 8, HASH)]) == b"a " + MARK + b" b gossip:ff c"


def test_overlapping_secrets_go_together() -> None:
    """No byte of either stays."""
    assert redacted(b"0123456789", [Span(2, 6, HASH), Span(4, 8, "ff")]) == b"01" + MARK + b"89"


@pytest.mark.parametrize(
    ("raw", "secret", "expected"),
    [
        (b'{"pin": 123456, "b": 1}', b"123456", b'{"pin": "%s", "b": 1}' % MARK),
        (b'["a\\nbcdef"]', b"nbcdef", b'["%s"]' % MARK),
        (b'["x", "keep"]', b'x", "ke', b'["%sep"]' % MARK),
        (b'{"a": "b"}', b'": "b', b'{"a%s"}' % MARK),
        (b"not json 123456", b"123456", b"not json " + MARK),
    ],
)
def test_json_stays_valid(raw: bytes, secret: bytes, expected: bytes) -> None:
    """Where the plain way would break it, whole strings and numbers are replaced."""
    start = raw.index(secret)
    out = redacted(raw, [Span(start, start + len(secret), HASH)])
    try:
        json.loads(raw)
    except ValueError:
        assert out == expected
        return
    json.loads(out)
    assert secret not in out


@given(st.recursive(st.text(max_size=10) | st.integers(), lambda x: st.lists(x, max_size=3), max_leaves=6), st.data())
def test_any_span_of_any_json(document: object, data: st.DataObject) -> None:
    """Whatever bytes are secret: the result is valid, and what lies before the first and after the last is kept
    or part of a replaced token.
    """
    raw = json.dumps(document).encode()
    start = data.draw(st.integers(0, len(raw) - 1))
    end = data.draw(st.integers(start + 1, len(raw)))
    out = redacted(raw, [Span(start, end, HASH)])
    if any(byte not in b'[]{},: "' for byte in raw[start:end]):
        assert MARK in out
    json.loads(out)


@given(st.binary(max_size=40))
def test_nothing_to_redact(raw: bytes) -> None:
    """Without a span the message is the same."""
    assert redacted(raw, []) == raw
