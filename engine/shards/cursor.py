"""How far a shard got, and the rules by which that moves.

The key is the only thing that a resume needs; the token saves the connector a search and may be dropped at any time.
A cursor never stands on its range's end: that nothing follows is said by completing the shard, not by a key.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from gossip.engine.identity import opaque, var
from gossip.engine.limits import KEY_BYTES_MAX, TOKEN_BYTES_MAX
from gossip.engine.shards.errors import (
    CheckpointMissingKeyError,
    CursorKeyTooLargeError,
    CursorOutOfBoundsError,
    CursorRegressionError,
    CursorTokenTooLargeError,
)

if TYPE_CHECKING:
    from gossip.engine.shards.ranges import KeyRange


class CursorSemantics(IntEnum):
    """What a run promises by moving a cursor. The rules are the same for both."""

    COMPLETED = 0
    """All work up to the key is done, and its results are durable."""
    DISPATCHED = 1
    """All work up to the key was handed to something durable."""


@dataclass(frozen=True, slots=True, repr=False)
class Cursor:
    """Everything up to `key`, included, is behind; None: nothing is. ValueError for an empty key or token, or a token
    without a key. Its text shows no byte of either.
    """

    key: bytes | None = None
    token: bytes | None = None

    def __post_init__(self) -> None:
        if self.key is None and self.token is not None:
            raise ValueError("a token without a key cannot be resumed from")
        if b"" in (self.key, self.token):
            raise ValueError("an empty key or token: give None for none")

    def __repr__(self) -> str:
        parts = [opaque(name, part) for name, part in (("key", self.key), ("token", self.token)) if part is not None]
        return f"Cursor({', '.join(parts) or 'initial'})"

    def canonical(self) -> bytes:
        """For fingerprints of operations: key, then token, each behind a byte that says whether there is one."""
        return b"".join(b"\0" if part is None else b"\1" + var(part) for part in (self.key, self.token))


INITIAL = Cursor()


def check_place(cursor: Cursor, span: KeyRange) -> None:
    """Raise unless a cursor's key, where it has one, is in the range: CursorKeyTooLargeError, CursorTokenTooLargeError,
    CursorOutOfBoundsError, in this order.
    """
    check_sizes(cursor)
    if cursor.key is not None and cursor.key not in span:
        raise CursorOutOfBoundsError(f"{cursor!r} is not in {span!r}")


def check_sizes(cursor: Cursor) -> None:
    """Raise CursorKeyTooLargeError or CursorTokenTooLargeError for a cursor that could not be stored."""
    if cursor.key is not None and len(cursor.key) > KEY_BYTES_MAX:
        raise CursorKeyTooLargeError(f"cursor with a key of {len(cursor.key)} bytes: at most {KEY_BYTES_MAX}")
    if cursor.token is not None and len(cursor.token) > TOKEN_BYTES_MAX:
        raise CursorTokenTooLargeError(f"cursor with a token of {len(cursor.token)} bytes: at most {TOKEN_BYTES_MAX}")


def check_advance(old: Cursor, new: Cursor, span: KeyRange) -> None:
    """Raise unless a shard's cursor may move from `old` to `new`. The same key again is fine: that is a retry.

    In this order: CheckpointMissingKeyError, CursorKeyTooLargeError, CursorTokenTooLargeError, CursorRegressionError,
    CursorOutOfBoundsError.
    """
    if new.key is None:
        raise CheckpointMissingKeyError("a checkpoint without a key: leave it out while nothing is done")
    check_sizes(new)
    if old.key is not None and new.key < old.key:
        raise CursorRegressionError(f"from {old!r} back to {new!r}")
    check_place(new, span)
