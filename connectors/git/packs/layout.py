"""Where the entries of a pack lie, in flat arrays: a pack may have millions, and every process looks at them."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gossip.connectors.git.packs.index import Index

_BUCKET_ENTRIES = 16
"""How many entries a bucket has on average: a search in one costs as much as finding it."""


class Layout:
    """A pack's entries in its own order, by position."""

    __slots__ = ("_marks", "_shift", "at", "order")

    def __init__(self, index: Index, end: int) -> None:
        """`end` is where the last entry ends. Raises PermanentError for an index without sound offsets."""
        offsets = index.offsets()
        self.order: array[int] = array("I", sorted(range(index.count), key=offsets.__getitem__))
        """Entry number in the index, by position."""
        self.at: array[int] = array("Q", map(offsets.__getitem__, self.order))
        """Offset in the pack, by position; and the end."""
        self.at.append(end)
        last = self.at[-2] if index.count else 0
        self._shift = max(0, (last // (index.count // _BUCKET_ENTRIES + 1)).bit_length())
        self._marks: array[int] = array(
            "I",
            (
                bisect_left(self.at, bucket << self._shift, 0, index.count)
                for bucket in range((last >> self._shift) + 1)
            ),
        )
        self._marks.append(index.count)

    def position(self, offset: int) -> int:
        """The position of the entry at an offset, -1 if none begins there."""
        bucket = offset >> self._shift
        if bucket + 1 >= len(self._marks):
            return -1
        low, high = self._marks[bucket], self._marks[bucket + 1]
        found = bisect_left(self.at, offset, low, high)
        return found if found < high and self.at[found] == offset else -1

    def end_of(self, offset: int) -> int:
        """Where the entry after the one at `offset` begins: an offset before the end."""
        return self.at[bisect_right(self.at, offset, 0, len(self.at) - 1)]
