"""Keys, ranges, splits, hints and pages against their definitions."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gossip.engine.limits import KEY_BYTES_MAX
from gossip.engine.shards import keys as encodings
from gossip.engine.shards.cursor import INITIAL, Cursor, check_advance
from gossip.engine.shards.errors import HintInvalidError, PageInvalidError, RangeInvalidError, SplitInvalidError
from gossip.engine.shards.hints import Hint, ManifestHint, PrefixHint, RangeHint, ShardSpec, decode_hint, decode_spec
from gossip.engine.shards.pages import Page, check_page, checkpoint_of
from gossip.engine.shards.ranges import EVERYTHING, KeyRange, first_overlap, locate, tiles
from gossip.engine.shards.splits import check_replace, midpoint_cut, plan_replace, weighted_cut

# Few letters, so that prefixes, neighbours and equal keys come up; the two at the ends carry over.
letters = st.sampled_from([0x00, 0x01, 0x61, 0x62, 0xFE, 0xFF])
short = st.lists(letters, min_size=1, max_size=5).map(bytes)
edge = st.builds(lambda fill, tail: fill * (KEY_BYTES_MAX - len(tail)) + tail, st.sampled_from([b"a", b"\xff"]), short)
keys = st.one_of(short, short, short, edge, st.binary(min_size=1, max_size=12))
u64 = st.integers(0, 2**64 - 1)


@st.composite
def spans(draw: st.DrawFn) -> KeyRange:
    """A range, often without a bound."""
    low, high = sorted([draw(st.one_of(st.just(b""), keys)), draw(keys)])
    end = draw(st.booleans()) and low < high
    return KeyRange(low, high if end else b"")


@st.composite
def cut_spans(draw: st.DrawFn) -> tuple[KeyRange, list[bytes]]:
    """A range, and ascending keys strictly inside."""
    span = draw(spans())
    inside = draw(st.lists(keys.filter(lambda key: key > span.start and key in span), unique=True, max_size=6))
    return span, sorted(inside)


@given(st.tuples(u64, u64), st.tuples(u64, u64))
def test_manifest_keys_keep_order(a: tuple[int, int], b: tuple[int, int]) -> None:
    """They compare as their numbers do, and read back as the same."""
    left, right = encodings.manifest_key(*a), encodings.manifest_key(*b)
    assert (left < right, left == right) == (a < b, a == b)
    assert encodings.parse_manifest_key(left) == a


@given(keys, keys)
def test_path_keys_keep_order(a: bytes, b: bytes) -> None:
    """They are the paths."""
    left, right = encodings.path_key(a), encodings.path_key(b)
    assert (left < right, left == right) == (a < b, a == b)


@given(keys, keys)
def test_key_successor_is_the_next_key(key: bytes, other: bytes) -> None:
    """Above the key, and no key is between."""
    successor = encodings.key_successor(key)
    if successor is None:
        assert other <= key
    else:
        assert key < successor
        assert len(successor) <= KEY_BYTES_MAX
        assert other <= key or other >= successor


@given(keys, keys)
def test_prefix_successor_ends_the_prefix(prefix: bytes, other: bytes) -> None:
    """What begins with the prefix is below, what is above is not between."""
    successor = encodings.prefix_successor(prefix)
    if successor is None:
        assert set(prefix) == {0xFF}
        assert other < prefix or other.startswith(prefix)
    else:
        assert (prefix <= other < successor) == other.startswith(prefix)


@given(st.one_of(st.just(b""), keys), keys)
def test_midpoint_is_strictly_between_or_there_is_no_key(low: bytes, high: bytes) -> None:
    """None only where the next key is the other one already."""
    middle = encodings.midpoint(low, high)
    if middle is not None:
        assert low < middle < high
        assert len(middle) <= KEY_BYTES_MAX
    else:
        successor = encodings.key_successor(low)
        assert not low < high or successor is None or successor >= high


@given(spans(), spans(), st.lists(keys, max_size=20))
def test_ranges_are_sets_of_keys(a: KeyRange, b: KeyRange, sample: list[bytes]) -> None:
    """Covering and overlapping mean what they mean for sets."""
    marks = [*sample, *(bound for span in (a, b) for bound in (span.start, span.end) if bound)]
    marks += [key for mark in marks if (key := encodings.key_successor(mark)) is not None]
    ours, theirs = {m for m in marks if m in a}, {m for m in marks if m in b}
    if a.covers(b):
        assert theirs <= ours
    if ours & theirs:
        assert a.overlaps(b)
        assert b.overlaps(a)
    if a.overlaps(b):
        low = max(a.start, b.start)
        assert low == b"" or (low in a and low in b)


@given(cut_spans(), st.lists(keys, max_size=20))
def test_split_covers_exactly(case: tuple[KeyRange, list[bytes]], sample: list[bytes]) -> None:
    """No gap, no overlap: each key of the whole lands in exactly one part, no other in any."""
    span, cuts = case
    parts = span.cut(cuts)
    assert tiles(span, parts)
    assert first_overlap(parts) is None
    for key in [*sample, *cuts, *(bound for bound in (span.start, span.end) if bound)]:
        homes = [index for index, part in enumerate(parts) if key in part]
        assert len(homes) == (key in span)
        assert locate(parts, key) == (homes[0] if homes else None)


@given(cut_spans(), st.data())
def test_damaged_split_is_refused(case: tuple[KeyRange, list[bytes]], data: st.DataObject) -> None:
    """A part missing, twice, or with another bound: no tiling."""
    span, cuts = case
    assume(cuts)
    parts = list(span.cut(cuts))
    index = data.draw(st.integers(0, len(parts) - 1))
    assert not tiles(span, parts[:index] + parts[index + 1 :])
    assert not tiles(span, [*parts, parts[index]])
    other = data.draw(keys.filter(lambda key: key != parts[index].start))
    if not parts[index].end or other < parts[index].end:
        assert not tiles(span, [*parts[:index], KeyRange(other, parts[index].end), *parts[index + 1 :]])


@given(spans(), st.lists(keys, max_size=3))
def test_bad_cuts_are_refused_whole(span: KeyRange, cuts: list[bytes]) -> None:
    """Either all pieces have keys, or there is no cut."""
    good = all(key in span and key > span.start for key in cuts) and all(a < b for a, b in pairwise(cuts))
    try:
        parts = span.cut(cuts)
    except RangeInvalidError:
        assert not good
    else:
        assert good
        assert tiles(span, parts)


@settings(max_examples=200)
@given(cut_spans(), st.one_of(st.none(), keys), st.binary(max_size=4))
def test_planned_splits_pass_their_check(case: tuple[KeyRange, list[bytes]], key: bytes | None, extra: bytes) -> None:
    """Where the cursor is before the first cut; elsewhere they are refused."""
    span, cuts = case
    assume(cuts)
    assume(key is None or key in span)
    cursor = INITIAL if key is None else Cursor(key)
    spec = ShardSpec(span, extra=extra)
    children = plan_replace(spec, cuts)
    assert {child.extra for child in children} == {extra}
    try:
        check_replace(spec, cursor, children)
    except SplitInvalidError:
        assert key is not None
        assert key >= cuts[0]
    else:
        assert key is None or key < cuts[0]


@settings(max_examples=200)
@given(spans(), st.one_of(st.none(), keys), st.lists(st.tuples(keys, st.integers(0, 9)), max_size=12))
def test_proposed_cuts_are_legal(span: KeyRange, key: bytes | None, items: list[tuple[bytes, int]]) -> None:
    """Inside the range, beyond the cursor, so a split there is accepted."""
    assume(key is None or key in span)
    cursor = INITIAL if key is None else Cursor(key)
    for cut in (weighted_cut(span, cursor, sorted(items)), midpoint_cut(span, cursor)):
        if cut is not None:
            check_replace(ShardSpec(span), cursor, plan_replace(ShardSpec(span), [cut]))


@given(st.lists(st.tuples(short, st.integers(1, 9)), min_size=2, max_size=12, unique_by=lambda item: item[0]))
def test_weighted_cut_is_the_best(items: list[tuple[bytes, int]]) -> None:
    """No other key of the sample leaves the two sides more alike."""
    items.sort()
    total = sum(weight for _, weight in items)
    offs = {key: abs(2 * sum(w for k, w in items if k < key) - total) for key, _ in items[1:]}
    cut = weighted_cut(EVERYTHING, INITIAL, items)
    assert cut is not None
    assert offs[cut] == min(offs.values())


row_hints = st.builds(
    lambda manifest, rows: ManifestHint(manifest, min(rows), max(rows)),
    u64,
    st.lists(u64, min_size=2, max_size=2, unique=True),
)
hints: st.SearchStrategy[Hint] = st.one_of(st.just(RangeHint()), keys.map(PrefixHint), row_hints)


@given(hints, st.binary(max_size=20))
def test_hints_and_metadata_round_trip(hint: Hint, extra: bytes) -> None:
    """Read back as they were; different ones never look alike."""
    assert decode_hint(hint.encode()) == hint
    spec = ShardSpec(hint.covering(), hint, extra)
    assert decode_spec(spec.range, spec.metadata()) == spec


@given(st.one_of(st.binary(max_size=40), st.binary(max_size=30).map(lambda tail: b"\0\0\0\6\1\0\0\0\1" + tail)))
def test_any_bytes_are_metadata_or_refused(data: bytes) -> None:
    """Nothing but HintInvalidError; what is accepted has these very bytes."""
    try:
        spec = decode_spec(EVERYTHING, data)
    except HintInvalidError:
        return
    assert spec.metadata() == data


@given(row_hints, st.data())
def test_manifest_parts_share_the_rows(hint: ManifestHint, data: st.DataObject) -> None:
    """A split between rows gives each row to one part."""
    assume(hint.end - hint.start >= 2)
    row = data.draw(st.integers(hint.start + 1, hint.end - 1))
    whole = ShardSpec(hint.covering(), hint)
    low, high = plan_replace(whole, [encodings.manifest_key(hint.manifest, row)])
    assert (low.hint, high.hint) == (
        ManifestHint(hint.manifest, hint.start, row),
        ManifestHint(hint.manifest, row, hint.end),
    )


@settings(max_examples=300)
@given(spans(), st.one_of(st.none(), keys), st.lists(keys, max_size=4), st.one_of(st.none(), keys))
def test_sound_page_gives_a_cursor_that_a_shard_accepts(
    span: KeyRange, asked: bytes | None, items: list[bytes], following: bytes | None
) -> None:
    """Whatever a connector says, what passes the rules can be stored, and reaches every item."""
    items.sort()
    cursor = INITIAL if asked is None else Cursor(asked)
    page = Page(tuple(items), INITIAL if following is None else Cursor(following))
    try:
        check_page(span, cursor, page)
    except PageInvalidError:
        return
    stored = checkpoint_of(span, page)
    assert (stored is None) == (not items)
    if stored is not None:
        check_advance(cursor, stored, span)
        assert stored.key is not None
        assert stored.key >= items[-1]
