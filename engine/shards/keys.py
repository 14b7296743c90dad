"""Keys: non-empty byte strings, ordered as bytes, at most KEY_BYTES_MAX long.

An encoding of keys is sound if it keeps the order of what it encodes, gives equal things equal bytes, and gives the
same bytes every time. A cursor that is a key then means "everything up to here", whoever reads it.
"""

from __future__ import annotations

from gossip.engine.identity import opaque
from gossip.engine.limits import KEY_BYTES_MAX

MANIFEST_KEY_BYTES = 16
U64_MAX = (1 << 64) - 1


def check_key(key: bytes) -> bytes:
    """The key itself. ValueError unless it is one."""
    if not key:
        raise ValueError("a key has at least one byte")
    if len(key) > KEY_BYTES_MAX:
        raise ValueError(f"{opaque('key', key)} is too long: at most {KEY_BYTES_MAX}")
    return key


def path_key(path: bytes) -> bytes:
    """Key of a path: its bytes as they are. Nothing is normalised, folded or joined, for two files may differ in just
    that; nor need it be UTF-8. ValueError if it is empty or too long.
    """
    return check_key(path)


def manifest_key(manifest: int, row: int) -> bytes:
    """Key of a row of a manifest: both numbers as u64, big-endian, so that rows sort as numbers do. ValueError for a
    number that does not fit.
    """
    if not (0 <= manifest <= U64_MAX and 0 <= row <= U64_MAX):
        raise ValueError(f"manifest {manifest}, row {row}: give numbers from 0 to {U64_MAX}")
    return manifest.to_bytes(8, "big") + row.to_bytes(8, "big")


def parse_manifest_key(key: bytes) -> tuple[int, int]:
    """(manifest, row) of a manifest key. ValueError unless it has exactly 16 bytes."""
    if len(key) != MANIFEST_KEY_BYTES:
        raise ValueError(f"a manifest key has {MANIFEST_KEY_BYTES} bytes, not {len(key)}")
    return int.from_bytes(key[:8], "big"), int.from_bytes(key[8:], "big")


def prefix_successor(prefix: bytes) -> bytes | None:
    """The least key above every key that begins with `prefix`; None if there is none, or `prefix` is no key."""
    if not 0 < len(prefix) <= KEY_BYTES_MAX:
        return None
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else None


def key_successor(key: bytes) -> bytes | None:
    """The least key above `key`, which may be empty; None if there is none, or it is too long itself."""
    if len(key) < KEY_BYTES_MAX:
        return key + b"\0"
    # No key is longer than this one, so those that begin with it end here.
    return prefix_successor(key)


def midpoint(low: bytes, high: bytes) -> bytes | None:
    """A key strictly between two others, about half way; None only if there is none.

    Halving the two as numbers of one width fails where they differ by less than 2 in it; one byte more, then the
    least key above `low`, find what is left.
    """
    if not low < high:
        return None
    width = max(len(low), len(high))
    for size in (width, width + 1):
        both = int.from_bytes(low.ljust(size, b"\0"), "big") + int.from_bytes(high.ljust(size, b"\0"), "big")
        candidate = (both >> 1).to_bytes(size, "big")
        if low < candidate < high and size <= KEY_BYTES_MAX:
            return candidate
    candidate_or_none = key_successor(low)
    return candidate_or_none if candidate_or_none is not None and candidate_or_none < high else None
