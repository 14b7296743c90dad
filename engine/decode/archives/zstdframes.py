"""Where zstd frames end: the library's reader takes a stream that ends early for one that is over."""

from __future__ import annotations

from collections.abc import Iterator

from gossip.engine.decode.archives.budget import Fault
from gossip.engine.decode.archives.source import Source

MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"


def frame_follows(source: Source) -> bool:
    """Whether a frame or skippable frame is next."""
    head = source.peek(4)
    return head == MAGIC or (head[1:] == _SKIPPABLE and 0x50 <= head[0] < 0x60)


def packed(source: Source) -> Iterator[bytes]:
    """The bytes of all frames that follow one another, to their very end. Raises Fault where one ends early."""
    while True:
        if source.peek(4) == MAGIC:
            yield from _frame(source)
        else:
            head = source.needed(8, "a frame")
            if not source.skip(int.from_bytes(head[4:], "little")):
                raise Fault("damaged", "ends early")
        source.budget.tick()
        if not frame_follows(source):
            return


def _frame(source: Source) -> Iterator[bytes]:
    head = source.needed(5, "a frame")
    flags = head[4]
    single = flags >> 5 & 1
    length = (1 - single) + (0, 1, 2, 4)[flags & 3] + (single, 2, 4, 8)[flags >> 6]
    yield head + source.needed(length, "a frame")
    last = False
    while not last:
        block = source.needed(3, "a block")
        value = int.from_bytes(block, "little")
        last = bool(value & 1)
        length = 1 if value >> 1 & 3 == 1 else value >> 3
        body = source.exactly(length)
        yield block + body
        if len(body) < length:
            raise Fault("damaged", "ends early")
    if flags & 4:
        yield source.needed(4, "a checksum")
