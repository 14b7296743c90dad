"""Where to cut a shard, and what its parts are.

A split happens beyond the cursor: what was done stays with one part, which goes on from there, and no key is listed
twice. A plan is only a proposal; the shard's transition checks it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.engine.limits import CHILDREN_PER_SPLIT_MAX
from gossip.engine.shards.cursor import INITIAL, Cursor
from gossip.engine.shards.errors import RangeInvalidError, SplitInvalidError
from gossip.engine.shards.keys import key_successor, midpoint
from gossip.engine.shards.ranges import tiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gossip.engine.shards.hints import ShardSpec
    from gossip.engine.shards.ranges import KeyRange


def plan_replace(spec: ShardSpec, cuts: Sequence[bytes]) -> tuple[ShardSpec, ...]:
    """The children of a shard cut at ascending keys, each key being the first of the child behind it.

    SplitInvalidError for cuts that are not inside the range or out of order; HintInvalidError where the shard's hint
    does not allow a bound.
    """
    try:
        spans = spec.range.cut(cuts)
    except RangeInvalidError as err:
        raise SplitInvalidError(f"no split of {spec.range!r}: {err}") from err
    return tuple(spec.part(span) for span in spans)


def plan_residual(spec: ShardSpec, cut: bytes) -> tuple[ShardSpec, ShardSpec]:
    """(what a shard keeps, what it gives away) when cut at the first key of what it gives away. Errors as above."""
    kept, residual = plan_replace(spec, [cut])
    return kept, residual


def check_replace(spec: ShardSpec, cursor: Cursor, children: Sequence[ShardSpec]) -> None:
    """Raise SplitInvalidError unless the children, in ascending order, tile the shard and the cursor stays in the first
    of them; HintInvalidError where the hint does not allow a child.
    """
    if not 2 <= len(children) <= CHILDREN_PER_SPLIT_MAX:
        raise SplitInvalidError(f"{len(children)} children: give 2 to {CHILDREN_PER_SPLIT_MAX}")
    spans = [child.range for child in children]
    if [span.start for span in spans] != sorted(span.start for span in spans) or not tiles(spec.range, spans):
        raise SplitInvalidError(f"{len(spans)} children do not cover {spec.range!r} exactly, in ascending order")
    if cursor.key is not None and cursor.key not in spans[0]:
        raise SplitInvalidError(f"{cursor!r} is not in the first child: cut beyond it")
    for child in children:
        if child.hint != spec.hint.narrow(child.range):
            raise SplitInvalidError(f"{child.hint!r} is not what {spec.hint!r} leaves of {child.range!r}")


def first_cursor(cursor: Cursor) -> Cursor:
    """The cursor that the first child goes on from. Without the token, which may know of the old range."""
    return INITIAL if cursor.key is None else Cursor(cursor.key)


def weighted_cut(span: KeyRange, cursor: Cursor, items: Sequence[tuple[bytes, int]]) -> bytes | None:
    """The key of a sample at which a shard is best cut: its (key, bytes) pairs, by ascending key, are halved by bytes,
    or by count where all bytes are 0. None where no key of the sample leaves both sides something.
    """
    ahead = [(key, weight) for key, weight in items if key in span and (cursor.key is None or key > cursor.key)]
    if not any(weight for _, weight in ahead):
        ahead = [(key, 1) for key, _ in ahead]
    total = sum(weight for _, weight in ahead)
    best: tuple[int, bytes] | None = None
    before = 0
    for key, weight in ahead:
        # With nothing of the sample before it, a cut would give everything away.
        if before and key > span.start:
            off = abs(2 * before - total)
            best = (off, key) if best is None or off < best[0] else best
        before += weight
    return None if best is None else best[1]


def midpoint_cut(span: KeyRange, cursor: Cursor) -> bytes | None:
    """The key half way between the cursor and the end, as numbers. None where there is none, or the range has no end:
    half way to nowhere is a guess, which a sample makes better.
    """
    low = span.start if cursor.key is None else key_successor(cursor.key)
    return None if low is None or not span.end else midpoint(low, span.end)
