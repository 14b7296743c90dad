"""What a delta copies from its base (https://git-scm.com/docs/pack-format#_deltified_representation)."""

from __future__ import annotations

_COPY_BYTES_DEFAULT = 0x10000


def copies_of(delta: bytes) -> list[tuple[int, int, int]]:
    """(start in the result, start in the base, size) of every copied range, in order.

    The delta must be a sound one: one that was applied. Everything between the ranges it inserts.
    """
    at = 0
    for _ in range(2):  # the sizes of the base and of the result
        while delta[at] & 0x80:
            at += 1
        at += 1
    copies: list[tuple[int, int, int]] = []
    add = copies.append
    position, end = 0, len(delta)
    while at < end:
        op = delta[at]
        at += 1
        if not op & 0x80:
            at += op
            position += op
            continue
        source = size = 0
        if op & 0x01:
            source = delta[at]
            at += 1
        if op & 0x02:
            source |= delta[at] << 8
            at += 1
        if op & 0x04:
            source |= delta[at] << 16
            at += 1
        if op & 0x08:
            source |= delta[at] << 24
            at += 1
        if op & 0x10:
            size = delta[at]
            at += 1
        if op & 0x20:
            size |= delta[at] << 8
            at += 1
        if op & 0x40:
            size |= delta[at] << 16
            at += 1
        size = size or _COPY_BYTES_DEFAULT
        add((position, source, size))
        position += size
    return copies
