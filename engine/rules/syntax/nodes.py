"""The tree of a regular expression over bytes. Every one-byte atom is a 256-bit mask; case folding is already in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

LookKind = Literal["text_start", "text_end", "line_start", "line_end", "word", "not_word"]

ALL_BYTES = (1 << 256) - 1


@dataclass(frozen=True, slots=True)
class Atom:
    """Exactly one byte out of `mask` (bit n set: byte n allowed)."""

    mask: int


@dataclass(frozen=True, slots=True)
class Look:
    """A zero-width assertion."""

    kind: LookKind


@dataclass(frozen=True, slots=True)
class Concat:
    """Items one after the other; no items match the empty string."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alternate:
    """One of the items, earlier ones preferred."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`item` from `least` to `most` times; `most` None is unbounded."""

    item: Node
    least: int
    most: int | None
    greedy: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A capturing group."""

    item: Node
    name: str | None


Node = Atom | Look | Concat | Alternate | Repeat | Group

EMPTY = Concat(())


def mask_of(values: Iterable[int]) -> int:
    """The mask of some byte values."""
    mask = 0
    for value in values:
        mask |= 1 << value
    return mask


def ranges_of(mask: int) -> list[tuple[int, int]]:
    """The inclusive byte ranges of a mask, ascending."""
    ranges: list[tuple[int, int]] = []
    value = 0
    while value < 256:
        if mask >> value & 1:
            start = value
            while value < 255 and mask >> (value + 1) & 1:
                value += 1
            ranges.append((start, value))
        value += 1
    return ranges


def concat(items: Iterable[Node]) -> Node:
    """A concatenation without needless nesting."""
    flat: list[Node] = []
    for item in items:
        flat.extend(item.items if isinstance(item, Concat) else (item,))
    return flat[0] if len(flat) == 1 else Concat(tuple(flat))
