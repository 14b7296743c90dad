"""What a shard's range means to its connector, and how that is stored.

A hint is a tag byte and its fields; big-endian, so that it reads like the keys it speaks of. Metadata is the hint
behind its length (u32), then bytes that are the connector's own. Empty metadata is a RangeHint and nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gossip.engine.identity import opaque, var
from gossip.engine.limits import KEY_BYTES_MAX, METADATA_BYTES_MAX
from gossip.engine.shards.errors import HintInvalidError
from gossip.engine.shards.keys import (
    MANIFEST_KEY_BYTES,
    U64_MAX,
    manifest_key,
    parse_manifest_key,
    prefix_successor,
)
from gossip.engine.shards.ranges import EVERYTHING, KeyRange

_RANGE, _PREFIX, _MANIFEST = 0, 1, 2
_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True)
class RangeHint:
    """The keys are any; the range alone says which."""

    def encode(self) -> bytes:
        """Tag 0."""
        return bytes([_RANGE])

    def covering(self) -> KeyRange:
        """All keys."""
        return EVERYTHING

    def narrow(self, part: KeyRange) -> Hint:
        """A part of any range is any range."""
        return self


@dataclass(frozen=True, slots=True, repr=False)
class PrefixHint:
    """The keys that begin with `prefix`. HintInvalidError if it is empty or longer than a key."""

    prefix: bytes

    def __post_init__(self) -> None:
        if not 0 < len(self.prefix) <= KEY_BYTES_MAX:
            raise HintInvalidError(f"prefix of {len(self.prefix)} bytes: give 1 to {KEY_BYTES_MAX}")

    def __repr__(self) -> str:
        return f"PrefixHint({opaque('prefix', self.prefix)})"

    def encode(self) -> bytes:
        """Tag 1, u32 length, prefix."""
        return bytes([_PREFIX]) + len(self.prefix).to_bytes(_LENGTH_BYTES, "big") + self.prefix

    def covering(self) -> KeyRange:
        """From the prefix to what follows all that begin with it."""
        return KeyRange(self.prefix, prefix_successor(self.prefix) or b"")

    def narrow(self, part: KeyRange) -> Hint:
        """A part of a prefix is no prefix any more. HintInvalidError if it is not inside."""
        if not self.covering().covers(part):
            raise HintInvalidError(f"{part!r} is not inside {self!r}")
        return RangeHint()


@dataclass(frozen=True, slots=True)
class ManifestHint:
    """Rows of a manifest, from `start` to before `end`. HintInvalidError unless 0 <= start < end and all fit u64."""

    manifest: int
    start: int
    end: int

    def __post_init__(self) -> None:
        if not (0 <= self.manifest <= U64_MAX and 0 <= self.start < self.end <= U64_MAX):
            raise HintInvalidError(f"manifest {self.manifest}: no rows from {self.start} to before {self.end}")

    def encode(self) -> bytes:
        """Tag 2, then manifest, start and end as u64."""
        return bytes([_MANIFEST]) + b"".join(n.to_bytes(8, "big") for n in (self.manifest, self.start, self.end))

    def covering(self) -> KeyRange:
        """From the key of the first row to that of the first row behind."""
        return KeyRange(manifest_key(self.manifest, self.start), manifest_key(self.manifest, self.end))

    def narrow(self, part: KeyRange) -> Hint:
        """The rows of a part. HintInvalidError unless its bounds are keys of rows of this hint."""
        if not len(part.start) == len(part.end) == MANIFEST_KEY_BYTES:
            raise HintInvalidError(f"{part!r} does not begin and end at rows of manifest {self.manifest}")
        (manifest, start), (other, end) = parse_manifest_key(part.start), parse_manifest_key(part.end)
        if not (manifest == other == self.manifest and self.start <= start and end <= self.end):
            raise HintInvalidError(
                f"rows {start} to {end} of manifests {manifest}, {other} are not among rows {self.start} to {self.end}"
                f" of manifest {self.manifest}"
            )
        return ManifestHint(manifest, start, end)


Hint = RangeHint | PrefixHint | ManifestHint


def decode_hint(data: bytes) -> Hint:
    """The hint that encodes to exactly these bytes. HintInvalidError if none does."""
    tag, fields = data[:1], data[1:]
    if tag == bytes([_RANGE]) and not fields:
        return RangeHint()
    if tag == bytes([_PREFIX]) and len(fields) >= _LENGTH_BYTES:
        size, prefix = int.from_bytes(fields[:_LENGTH_BYTES], "big"), fields[_LENGTH_BYTES:]
        if size == len(prefix):
            return PrefixHint(prefix)
    if tag == bytes([_MANIFEST]) and len(fields) == 24:
        return ManifestHint(*(int.from_bytes(fields[at : at + 8], "big") for at in (0, 8, 16)))
    raise HintInvalidError(f"{len(data)} bytes that are no hint: tag {tag.hex() or 'missing'}")


@dataclass(frozen=True, slots=True)
class ShardSpec:
    """What a shard covers. `extra` is the connector's own and comes back as it was given.

    HintInvalidError if the range is not inside what the hint covers, or both together are too long to store.
    """

    range: KeyRange
    hint: Hint = field(default_factory=RangeHint)
    extra: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if not self.hint.covering().covers(self.range):
            raise HintInvalidError(f"{self.range!r} is not inside {self.hint!r}")
        size = len(self.metadata())
        if size > METADATA_BYTES_MAX:
            raise HintInvalidError(f"metadata of {size} bytes: at most {METADATA_BYTES_MAX}")

    def metadata(self) -> bytes:
        """Hint and extra as they are stored."""
        if isinstance(self.hint, RangeHint) and not self.extra:
            return b""
        hint = self.hint.encode()
        return len(hint).to_bytes(_LENGTH_BYTES, "big") + hint + self.extra

    def canonical(self) -> bytes:
        """For fingerprints of operations: start, end and metadata, each behind its length."""
        return var(self.range.start) + var(self.range.end) + var(self.metadata())

    def part(self, part: KeyRange) -> ShardSpec:
        """The same work on a part of the range. HintInvalidError if the hint does not allow it."""
        return ShardSpec(part, self.hint.narrow(part), self.extra)


def decode_spec(span: KeyRange, metadata: bytes) -> ShardSpec:
    """The ShardSpec that was stored as a range and metadata. HintInvalidError if it is none."""
    if not metadata:
        return ShardSpec(span)
    size = int.from_bytes(metadata[:_LENGTH_BYTES], "big")
    end = _LENGTH_BYTES + size
    if len(metadata) < end:
        raise HintInvalidError(f"metadata of {len(metadata)} bytes ends inside its hint")
    spec = ShardSpec(span, decode_hint(metadata[_LENGTH_BYTES:end]), metadata[end:])
    if spec.metadata() != metadata:
        raise HintInvalidError("metadata that has a shorter form")
    return spec
