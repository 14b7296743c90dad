from __future__ import annotations

import pickle
from itertools import pairwise

import pytest

from gossip.engine.limits import KEY_BYTES_MAX
from gossip.engine.shards.errors import RangeInvalidError
from gossip.engine.shards.ranges import EVERYTHING, KeyRange, first_overlap, locate, tiles


def spans(*bounds: bytes) -> list[KeyRange]:
    """Ranges between consecutive bounds."""
    return [KeyRange(low, high) for low, high in pairwise(bounds)]


@pytest.mark.parametrize(("start", "end"), [(b"b", b"a"), (b"a", b"a"), (b"a\0", b"a")])
def test_range_without_keys_is_refused(start: bytes, end: bytes) -> None:
    """The first rule of pages holds of every range: it has a start before its end."""
    with pytest.raises(RangeInvalidError, match="without keys"):
        KeyRange(start, end)


@pytest.mark.parametrize("side", [0, 1])
def test_bounds_are_no_longer_than_keys(side: int) -> None:
    """A bound that no key could have is refused."""
    bounds = [b"", b""]
    bounds[side] = b"k" * (KEY_BYTES_MAX + 1)
    with pytest.raises(RangeInvalidError, match="at most 4096"):
        KeyRange(*bounds)


def test_range_is_half_open() -> None:
    """The start is in, the end is not; an empty bound is none."""
    span = KeyRange(b"b", b"d")
    assert [key in span for key in (b"a\xff", b"b", b"b\0", b"c\xff\xff", b"d")] == [False, True, True, True, False]
    assert b"\xff" * 9 in KeyRange(b"b")
    assert b"\0" in KeyRange(b"", b"b")
    assert b"anything" in EVERYTHING


def test_text_shows_no_key() -> None:
    """Keys are paths of somebody's files."""
    span = KeyRange(b"secret-a", b"secret-b")
    with pytest.raises(RangeInvalidError) as caught:
        KeyRange(b"secret-b", b"secret-a")
    assert not any("secret" in text for text in (repr(span), str(span), str(caught.value)))


def test_covers_and_overlaps() -> None:
    """Neighbours share nothing; an open end is covered by an open end alone."""
    low, high = spans(b"a", b"m", b"z")
    assert (low.overlaps(high), high.overlaps(low)) == (False, False)
    assert KeyRange(b"l", b"n").overlaps(low)
    assert KeyRange(b"", b"").overlaps(low)
    assert EVERYTHING.covers(low)
    assert not low.covers(EVERYTHING)
    assert not KeyRange(b"a", b"z").covers(KeyRange(b"b"))
    assert KeyRange(b"a").covers(KeyRange(b"b"))
    assert low.covers(low)


def test_cut() -> None:
    """Pieces in order, without a gap."""
    assert KeyRange(b"a", b"z").cut([b"c", b"m"]) == tuple(spans(b"a", b"c", b"m", b"z"))
    assert EVERYTHING.cut([b"m"]) == (KeyRange(b"", b"m"), KeyRange(b"m", b""))
    assert EVERYTHING.cut([]) == (EVERYTHING,)


@pytest.mark.parametrize("cuts", [[b"a"], [b"z"], [b"zz"], [b"A"], [b"m", b"c"], [b"c", b"c"], [b""]])
def test_cut_leaves_every_piece_something(cuts: list[bytes]) -> None:
    """At a bound, outside, twice, out of order: refused."""
    with pytest.raises(RangeInvalidError):
        KeyRange(b"a", b"z").cut(cuts)


def test_an_empty_cut_is_no_open_end() -> None:
    """It would make a piece that covers everything."""
    for span in (EVERYTHING, KeyRange(b"", b"z")):
        with pytest.raises(RangeInvalidError):
            span.cut([b""])


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        (spans(b"a", b"m", b"z"), True),
        (spans(b"a", b"m", b"z")[::-1], True),
        (spans(b"a", b"z"), True),
        ([], False),
        (spans(b"a", b"m"), False),
        (spans(b"m", b"z"), False),
        (spans(b"a", b"l") + spans(b"m", b"z"), False),
        (spans(b"a", b"n") + spans(b"m", b"z"), False),
        (spans(b"a", b"m", b"z") + spans(b"a", b"m"), False),
        ([KeyRange(b"a", b"m"), KeyRange(b"m")], False),
        ([KeyRange(b"a"), KeyRange(b"m", b"z")], False),
        ([KeyRange(b"", b"m"), KeyRange(b"m", b"z")], False),
    ],
)
def test_tiles(parts: list[KeyRange], whole: bool) -> None:
    """Exactly: no gap, no overlap, nothing beyond."""
    assert tiles(KeyRange(b"a", b"z"), parts) is whole


def test_tiles_of_everything() -> None:
    """Open ends meet open ends, and an open end inside is an overlap."""
    assert tiles(EVERYTHING, [KeyRange(b"", b"m"), KeyRange(b"m")])
    assert not tiles(EVERYTHING, [EVERYTHING, EVERYTHING])
    assert not tiles(EVERYTHING, [KeyRange(b"", b"m"), KeyRange(b"n")])


def test_first_overlap() -> None:
    """Two that share a key, whatever their order."""
    a, b, c = KeyRange(b"a", b"d"), KeyRange(b"c", b"f"), KeyRange(b"x")
    assert first_overlap([c, b, a]) == (a, b)
    assert first_overlap([c, a]) is None
    assert first_overlap([]) is None


def test_locate() -> None:
    """By key, also before, between and behind all of them."""
    parts = [KeyRange(b"b", b"d"), KeyRange(b"d", b"f"), KeyRange(b"m")]
    assert [locate(parts, key) for key in (b"a", b"b", b"d", b"e\xff", b"f", b"m", b"\xff")] == [
        None, 0, 1, 1, None, 2, 2
    ]  # fmt: skip


def test_range_can_be_pickled() -> None:
    """It lives in state."""
    span = KeyRange(b"a", b"b")
    assert pickle.loads(pickle.dumps(span)) == span
