from __future__ import annotations

from itertools import pairwise

import pytest

from gossip.engine.limits import CHILDREN_PER_SPLIT_MAX
from gossip.engine.shards.cursor import INITIAL, Cursor
from gossip.engine.shards.errors import HintInvalidError, SplitInvalidError
from gossip.engine.shards.hints import ManifestHint, PrefixHint, ShardSpec
from gossip.engine.shards.keys import manifest_key
from gossip.engine.shards.ranges import EVERYTHING, KeyRange
from gossip.engine.shards.splits import (
    check_replace,
    first_cursor,
    midpoint_cut,
    plan_replace,
    plan_residual,
    weighted_cut,
)
from tests.unit.shards.making import spec

WHOLE = spec(b"a", b"z")


def test_plan_replace() -> None:
    """Children in order, from bound to bound."""
    assert plan_replace(WHOLE, [b"h", b"p"]) == (spec(b"a", b"h"), spec(b"h", b"p"), spec(b"p", b"z"))


def test_plan_residual() -> None:
    """What is kept, what is given away."""
    assert plan_residual(WHOLE, b"p") == (spec(b"a", b"p"), spec(b"p", b"z"))


@pytest.mark.parametrize("cuts", [[b"a"], [b"z"], [b"p", b"h"], [b"h", b"h"], [b"zz"]])
def test_plan_is_refused_where_a_child_would_have_nothing(cuts: list[bytes]) -> None:
    """As a split, not as a range: that is what the caller asked for."""
    with pytest.raises(SplitInvalidError, match="no split of"):
        plan_replace(WHOLE, cuts)


def test_plan_follows_the_hint() -> None:
    """Rows are narrowed, a prefix is given up, a cut between rows is refused."""
    rows = ManifestHint(3, 0, 9)
    whole = ShardSpec(rows.covering(), rows)
    assert [child.hint for child in plan_replace(whole, [manifest_key(3, 4)])] == [
        ManifestHint(3, 0, 4),
        ManifestHint(3, 4, 9),
    ]
    with pytest.raises(HintInvalidError):
        plan_replace(whole, [manifest_key(3, 4) + b"\0"])
    prefix = ShardSpec(PrefixHint(b"src/").covering(), PrefixHint(b"src/"), b"extra")
    assert plan_replace(prefix, [b"src/m"]) == (
        ShardSpec(KeyRange(b"src/", b"src/m"), extra=b"extra"),
        ShardSpec(KeyRange(b"src/m", b"src0"), extra=b"extra"),
    )


def test_split_children_tile_the_parent() -> None:
    """Gaps, overlaps, swapped order, too little and too much are refused."""
    check_replace(WHOLE, INITIAL, [spec(b"a", b"m"), spec(b"m", b"z")])
    for children in (
        [spec(b"a", b"l"), spec(b"m", b"z")],
        [spec(b"a", b"n"), spec(b"m", b"z")],
        [spec(b"m", b"z"), spec(b"a", b"m")],
        [spec(b"a", b"m"), spec(b"m", b"y")],
        [spec(b"A", b"m"), spec(b"m", b"z")],
    ):
        with pytest.raises(SplitInvalidError, match="exactly"):
            check_replace(WHOLE, INITIAL, children)


def test_split_has_2_to_256_children() -> None:
    """To the child."""
    bounds = [b"a", *(bytes([98, n // 256, n % 256]) for n in range(CHILDREN_PER_SPLIT_MAX)), b"z"]
    children = [spec(low, high) for low, high in pairwise(bounds)]
    assert len(children) == CHILDREN_PER_SPLIT_MAX + 1
    fewer = [*children[:-2], spec(bounds[-3], b"z")]
    check_replace(WHOLE, INITIAL, fewer)
    for wrong in (children, [WHOLE], []):
        with pytest.raises(SplitInvalidError, match="give 2 to 256"):
            check_replace(WHOLE, INITIAL, wrong)


def test_split_keeps_what_was_done_in_the_first_child() -> None:
    """Cuts lie beyond the cursor: its key stays with the first child, or would be listed again."""
    children = [spec(b"a", b"m"), spec(b"m", b"z")]
    check_replace(WHOLE, Cursor(b"l\xff"), children)
    for key in (b"m", b"n"):
        with pytest.raises(SplitInvalidError, match="cut beyond it"):
            check_replace(WHOLE, Cursor(key), children)


def test_split_keeps_to_the_hint() -> None:
    """A child with a hint of its own making is refused."""
    rows = ManifestHint(3, 0, 9)
    whole = ShardSpec(rows.covering(), rows)
    low, high = plan_replace(whole, [manifest_key(3, 4)])
    check_replace(whole, INITIAL, [low, high])
    with pytest.raises(SplitInvalidError, match="not what"):
        check_replace(whole, INITIAL, [low, ShardSpec(high.range)])


def test_first_child_goes_on_from_the_key_alone() -> None:
    """The token may know of the old range."""
    assert first_cursor(Cursor(b"k", b"t")) == Cursor(b"k")
    assert first_cursor(INITIAL) == INITIAL


@pytest.mark.parametrize(
    ("items", "cut"),
    [
        ([], None),
        ([(b"c", 9)], None),
        ([(b"c", 5), (b"d", 5)], b"d"),
        ([(b"c", 1), (b"d", 1), (b"e", 8)], b"e"),
        ([(b"c", 8), (b"d", 1), (b"e", 1)], b"d"),
        ([(b"c", 0), (b"d", 0), (b"e", 0), (b"f", 0)], b"e"),
        ([(b"c", 0), (b"d", 7)], None),
        ([(b"a", 5), (b"a", 5), (b"b", 5)], b"b"),
        ([(b"A", 100), (b"c", 5), (b"d", 5), (b"zz", 100)], b"d"),
    ],
)
def test_weighted_cut(items: list[tuple[bytes, int]], cut: bytes | None) -> None:
    """Half of the bytes on each side, as near as keys allow; by count without sizes; only keys of the range count."""
    assert weighted_cut(KeyRange(b"a", b"z"), INITIAL, items) == cut


def test_cuts_are_beyond_the_cursor() -> None:
    """What is done is not shared out."""
    span, items = KeyRange(b"a", b"z"), [(bytes([c]), 10) for c in b"bcdefghij"]
    assert weighted_cut(span, Cursor(b"f"), items) == b"i"
    assert weighted_cut(span, Cursor(b"i"), items) is None
    assert midpoint_cut(span, Cursor(b"y")) == b"y\x80"
    assert midpoint_cut(KeyRange(b"a", b"c"), INITIAL) == b"b"
    assert midpoint_cut(KeyRange(b"a", b"a\0\0"), Cursor(b"a")) is None


def test_no_midpoint_without_an_end() -> None:
    """Half way to nowhere."""
    assert midpoint_cut(EVERYTHING, INITIAL) is None
