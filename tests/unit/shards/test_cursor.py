from __future__ import annotations

import pickle

import pytest

from gossip.engine.limits import KEY_BYTES_MAX, TOKEN_BYTES_MAX
from gossip.engine.shards import errors
from gossip.engine.shards.cursor import INITIAL, Cursor, CursorSemantics, check_advance, check_place
from gossip.engine.shards.ranges import EVERYTHING, KeyRange

SPAN = KeyRange(b"b", b"y")


def test_token_without_a_key_cannot_be_made() -> None:
    """The key is what a resume needs."""
    with pytest.raises(ValueError, match="token without a key"):
        Cursor(None, b"t")


@pytest.mark.parametrize(("key", "token"), [(b"", None), (b"", b"t"), (b"k", b"")])
def test_empty_is_not_none(key: bytes, token: bytes | None) -> None:
    """One way to say that there is nothing."""
    with pytest.raises(ValueError, match="empty"):
        Cursor(key, token)


def test_cursor_never_decreases() -> None:
    """Forward and in place, with whatever token."""
    for new in (Cursor(b"m"), Cursor(b"m", b"t"), Cursor(b"m\0"), Cursor(b"x\xff")):
        check_advance(Cursor(b"m", b"old"), new, SPAN)
    with pytest.raises(errors.CursorRegressionError):
        check_advance(Cursor(b"m"), Cursor(b"l\xff"), SPAN)


def test_checkpoint_has_a_key() -> None:
    """Neither a first one without, nor one that loses it."""
    for old in (INITIAL, Cursor(b"m")):
        with pytest.raises(errors.CheckpointMissingKeyError):
            check_advance(old, INITIAL, SPAN)


def test_cursor_lies_in_a_half_open_range() -> None:
    """On the start, not on the end; without bounds, anywhere."""
    check_advance(INITIAL, Cursor(b"b"), SPAN)
    check_advance(INITIAL, Cursor(b"\xff" * 9), EVERYTHING)
    for key in (b"a\xff", b"y", b"z"):
        with pytest.raises(errors.CursorOutOfBoundsError):
            check_advance(INITIAL, Cursor(key), SPAN)


def test_sizes_have_limits() -> None:
    """To the byte."""
    check_advance(INITIAL, Cursor(b"c" * KEY_BYTES_MAX, b"t" * TOKEN_BYTES_MAX), SPAN)
    with pytest.raises(errors.CursorKeyTooLargeError, match="4097 bytes"):
        check_advance(INITIAL, Cursor(b"c" * (KEY_BYTES_MAX + 1)), SPAN)
    with pytest.raises(errors.CursorTokenTooLargeError, match="16385 bytes"):
        check_advance(INITIAL, Cursor(b"c", b"t" * (TOKEN_BYTES_MAX + 1)), SPAN)


def test_checks_come_in_order() -> None:
    """A cursor with everything wrong is told one thing after the other."""
    old, long_key, long_token = Cursor(b"m"), b"a" * (KEY_BYTES_MAX + 1), b"t" * (TOKEN_BYTES_MAX + 1)
    cases = [
        (Cursor(long_key, long_token), errors.CursorKeyTooLargeError),
        (Cursor(b"a", long_token), errors.CursorTokenTooLargeError),
        (Cursor(b"a"), errors.CursorRegressionError),
        (Cursor(b"z"), errors.CursorOutOfBoundsError),
    ]
    for new, expected in cases:
        with pytest.raises(expected):
            check_advance(old, new, SPAN)


def test_stored_cursor_may_be_initial() -> None:
    """A record without progress is one; the same limits hold for one with."""
    check_place(INITIAL, SPAN)
    check_place(Cursor(b"b"), SPAN)
    with pytest.raises(errors.CursorOutOfBoundsError):
        check_place(Cursor(b"y"), SPAN)


def test_text_shows_lengths_only() -> None:
    """Neither key nor token, also in errors."""
    with pytest.raises(errors.CursorRegressionError) as caught:
        check_advance(Cursor(b"secret2"), Cursor(b"secret1", b"secret-token"), EVERYTHING)
    assert "secret" not in str(caught.value) + repr(Cursor(b"secret", b"secret"))
    assert repr(INITIAL) == "Cursor(initial)"


def test_cursor_can_be_pickled() -> None:
    """It lives in state."""
    assert pickle.loads(pickle.dumps(Cursor(b"k", b"t"))) == Cursor(b"k", b"t")


def test_stored_numbers_do_not_change() -> None:
    """They are in records."""
    assert [(one.name, int(one)) for one in CursorSemantics] == [("COMPLETED", 0), ("DISPATCHED", 1)]
