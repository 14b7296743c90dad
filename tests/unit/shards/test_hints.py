from __future__ import annotations

import pickle

import pytest

from gossip.engine.limits import KEY_BYTES_MAX, METADATA_BYTES_MAX
from gossip.engine.shards.errors import HintInvalidError
from gossip.engine.shards.hints import Hint, ManifestHint, PrefixHint, RangeHint, ShardSpec, decode_hint, decode_spec
from gossip.engine.shards.keys import manifest_key
from gossip.engine.shards.ranges import EVERYTHING, KeyRange

HINTS: list[Hint] = [RangeHint(), PrefixHint(b"src/"), PrefixHint(b"\xff"), ManifestHint(3, 0, 2**64 - 1)]


@pytest.mark.parametrize("hint", HINTS, ids=lambda hint: type(hint).__name__)
def test_hint_round_trip(hint: Hint) -> None:
    """What was encoded is read back, also behind a length and before a connector's own bytes."""
    assert decode_hint(hint.encode()) == hint
    for extra in (b"", b"\0\1\2"):
        spec = ShardSpec(hint.covering(), hint, extra)
        assert decode_spec(spec.range, spec.metadata()) == spec
    assert pickle.loads(pickle.dumps(hint)) == hint


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\3",
        b"\xff",
        b"\0x",
        b"\1",
        b"\1\0\0\0",
        b"\1\0\0\0\0",
        b"\1\0\0\0\1",
        b"\1\0\0\0\1ab",
        b"\2",
        b"\2" + b"\0" * 23,
        b"\2" + b"\0" * 25,
        b"\2" + b"\0" * 24,
        b"\2" + manifest_key(1, 5) + b"\0\0\0\0\0\0\0\4",
    ],
)
def test_unknown_tags_and_sizes_are_refused(data: bytes) -> None:
    """Every byte counts: no unknown tag, nothing missing, nothing left over, no rows that are none."""
    with pytest.raises(HintInvalidError):
        decode_hint(data)


@pytest.mark.parametrize(
    "metadata",
    [b"\0", b"\0\0\0", b"\0\0\0\0", b"\0\0\0\1", b"\0\0\0\2\0", b"\0\0\0\1\7", b"\0\0\0\1\0", b"\xff\xff\xff\xff\0"],
)
def test_metadata_parses_exactly(metadata: bytes) -> None:
    """Cut short, of an unknown tag, or longer than its shortest form."""
    with pytest.raises(HintInvalidError):
        decode_spec(EVERYTHING, metadata)


def test_empty_metadata_is_a_range() -> None:
    """And the other way round."""
    assert decode_spec(KeyRange(b"a"), b"") == ShardSpec(KeyRange(b"a"))
    assert ShardSpec(EVERYTHING).metadata() == b""
    assert ShardSpec(EVERYTHING, extra=b"x").metadata() == b"\0\0\0\1\0x"


@pytest.mark.parametrize("prefix", [b"", b"k" * (KEY_BYTES_MAX + 1)])
def test_prefix_has_a_size(prefix: bytes) -> None:
    """That of a key."""
    with pytest.raises(HintInvalidError, match="prefix of"):
        PrefixHint(prefix)


@pytest.mark.parametrize("rows", [(0, 5, 5), (0, 6, 5), (-1, 0, 1), (0, -1, 1), (0, 0, 2**64), (2**64, 0, 1)])
def test_manifest_has_rows(rows: tuple[int, int, int]) -> None:
    """At least one, and all numbers fit."""
    with pytest.raises(HintInvalidError, match="no rows"):
        ManifestHint(*rows)


def test_hints_cover_ranges() -> None:
    """What a hint means as keys."""
    assert RangeHint().covering() == EVERYTHING
    assert PrefixHint(b"src/").covering() == KeyRange(b"src/", b"src0")
    assert PrefixHint(b"\xff").covering() == KeyRange(b"\xff", b"")
    assert ManifestHint(3, 4, 9).covering() == KeyRange(manifest_key(3, 4), manifest_key(3, 9))


def test_spec_lies_inside_its_hint() -> None:
    """A range that says more than the hint is a mistake."""
    with pytest.raises(HintInvalidError, match="not inside"):
        ShardSpec(EVERYTHING, PrefixHint(b"src/"))


def test_metadata_has_a_limit() -> None:
    """Hint, length and extra together."""
    assert len(ShardSpec(EVERYTHING, extra=b"x" * (METADATA_BYTES_MAX - 5)).metadata()) == METADATA_BYTES_MAX
    with pytest.raises(HintInvalidError, match=f"{METADATA_BYTES_MAX + 1} bytes: at most"):
        ShardSpec(EVERYTHING, extra=b"x" * (METADATA_BYTES_MAX - 4))


def test_range_hint_stays_on_a_split() -> None:
    """The connector's own bytes stay as well."""
    assert ShardSpec(EVERYTHING, extra=b"x").part(KeyRange(b"m")) == ShardSpec(KeyRange(b"m"), extra=b"x")


def test_prefix_hint_becomes_a_range_on_a_split() -> None:
    """A part of a prefix is no prefix; nor may it leave it."""
    spec = ShardSpec(KeyRange(b"src/", b"src0"), PrefixHint(b"src/"))
    assert spec.part(KeyRange(b"src/m", b"src0")) == ShardSpec(KeyRange(b"src/m", b"src0"))
    with pytest.raises(HintInvalidError, match="not inside"):
        spec.part(KeyRange(b"src/m", b"src1"))


def test_manifest_hint_is_narrowed_on_a_split() -> None:
    """To the rows between the bounds."""
    spec = ShardSpec(ManifestHint(3, 0, 9).covering(), ManifestHint(3, 0, 9))
    part = KeyRange(manifest_key(3, 4), manifest_key(3, 9))
    assert spec.part(part) == ShardSpec(part, ManifestHint(3, 4, 9))


@pytest.mark.parametrize(
    "part",
    [
        KeyRange(manifest_key(3, 4), manifest_key(3, 10)),
        KeyRange(manifest_key(2, 4), manifest_key(2, 5)),
        KeyRange(manifest_key(2, 9), manifest_key(3, 5)),
        KeyRange(manifest_key(3, 4), manifest_key(4, 5)),
        KeyRange(manifest_key(3, 4), manifest_key(3, 5) + b"\0"),
        KeyRange(manifest_key(3, 4)),
    ],
)
def test_manifest_hint_keeps_to_its_rows(part: KeyRange) -> None:
    """Rows outside, other manifests, and bounds that are no rows."""
    with pytest.raises(HintInvalidError):
        ManifestHint(3, 0, 9).narrow(part)


def test_text_shows_no_prefix() -> None:
    """Prefixes and a connector's own bytes are not for logs."""
    spec = ShardSpec(KeyRange(b"secret/", b"secret0"), PrefixHint(b"secret/"), b"secret")
    assert "secret" not in repr(spec)
