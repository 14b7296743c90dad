"""What is decoded from a buffer, within the budgets of its document."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gossip.engine.decode.transforms import TRANSFORMS, Decoded, WideText, inflate, utf_encoding
from gossip.engine.decode.transforms.base import whole
from gossip.engine.limits import BYTES_PER_DECODED_ITEM, DECODED_BYTES_MAX, DECODED_ITEMS_MAX, INFLATED_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gossip.engine.decode.transforms import Hit
    from gossip.engine.detect.buffer import Buffer

REFUSALS = frozenset({"decoded-items", "decoded-bytes"})
"""Causes of what was dropped that depend on what else the document held."""

_NOTHING: Counter[str] = Counter()


class Budget:
    """What may still be decoded from one document. What it refuses is counted by cause."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.dropped: Counter[str] = Counter()
        self._bytes = DECODED_BYTES_MAX
        self._items = DECODED_ITEMS_MAX
        self._read = 0

    def advance(self, position: int) -> None:
        """The document was read up to `position`: what was read earns as much again, so that a long document is not
        poorer than its parts.
        """
        gained = max(0, position - self._read)
        self._read += gained
        self._bytes += gained
        self._items += gained // BYTES_PER_DECODED_ITEM

    @property
    def refused(self) -> Counter[str]:
        """What was refused, by cause. Not to be changed: of most documents it is nothing, and the same object."""
        return +self.dropped if self.dropped else _NOTHING

    @property
    def left(self) -> tuple[int, int]:
        """Buffers and bytes that may still be decoded."""
        return self._items, self._bytes

    def take(self, items: int, size: int) -> bool:
        """Take many buffers of `size` bytes together, if all are there; nothing else."""
        if items > self._items or size > self._bytes:
            return False
        self._items -= items
        self._bytes -= size
        return True

    def allows(self, size: int) -> bool:
        """Take one buffer of `size` bytes from the budget, if it is there."""
        if self._items <= 0:
            self.dropped["decoded-items"] += 1
            return False
        if size > self._bytes:
            self.dropped["decoded-bytes"] += 1
            return False
        self._items -= 1
        self._bytes -= size
        return True


def children(buffer: Buffer, encoded: dict[int, list[Hit]], budget: Budget) -> Iterator[Buffer]:
    """The buffers decoded from one, without those that hold what it holds."""
    wrapped = list(_unwrapped(buffer, budget)) if buffer.steps else []
    if not wrapped and not encoded:
        return
    if buffer.depth >= budget.depth:
        budget.dropped["decode-depth"] += 1
        return
    for child in wrapped:
        if budget.allows(len(child.data)):
            yield child
    for transform in sorted(encoded):
        for decoded in TRANSFORMS[transform].decode(buffer.data, encoded[transform]):
            if budget.allows(len(decoded.data)):
                yield buffer.child(decoded)


def _unwrapped(buffer: Buffer, budget: Budget) -> Iterator[Buffer]:
    """A decoded buffer that is compressed, or UTF-16, as a whole: no literal shows in it."""
    size = len(buffer.data)
    inflated = inflate(buffer.data, INFLATED_BYTES_MAX)
    if inflated is not None:
        name, data, cut = inflated
        budget.dropped["inflated-bytes"] += cut
        yield buffer.child(Decoded(name, data, whole(0, size), 0, size))
    encoding = utf_encoding(buffer.data)
    if encoding is not None:
        text = WideText(encoding)
        yield buffer.child(Decoded(encoding, b"".join(text.chunks((buffer.data,))), text.origin, 0, size))
