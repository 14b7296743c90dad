"""What is derived from a pattern's tree: widths, the text of an engine's dialect, and the trigger for the prefilter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gossip.engine.rules.syntax.nodes import (
    ALL_BYTES,
    EMPTY,
    Alternate,
    Atom,
    Concat,
    Group,
    Look,
    Node,
    Repeat,
    concat,
    ranges_of,
)

Dialect = Literal["re2", "vectorscan"]

_LOOK_TEXT = {
    "text_start": r"\A",
    "text_end": r"\z",
    "line_start": "(?m:^)",
    "line_end": "(?m:$)",
    "word": r"\b",
    "not_word": r"\B",
}

_LONG_MIN = 100
"""A repetition with so many counts is a value, not a part of one."""
_TRIM_MIN = 4
"""A trailing repetition is cut to its least count only where that saves more hits than it costs selectivity."""


def widths(node: Node) -> tuple[int, int | None]:
    """The least and the greatest number of bytes that the node can match; None where there is no greatest."""
    if isinstance(node, Atom):
        return 1, 1
    if isinstance(node, Look):
        return 0, 0
    if isinstance(node, Group):
        return widths(node.item)
    if isinstance(node, Repeat):
        least, most = widths(node.item)
        return least * node.least, None if node.most is None or most is None else most * node.most
    parts = [widths(item) for item in node.items]
    tops = [most for _, most in parts]
    bounded = [top for top in tops if top is not None]
    whole = len(bounded) == len(tops)
    if isinstance(node, Concat):
        return sum(least for least, _ in parts), sum(bounded) if whole else None
    return min(least for least, _ in parts), max(bounded) if whole else None


def render(node: Node, dialect: Dialect) -> str:
    """The node as a pattern, pure ASCII, of the given engine. Vectorscan's form has no capturing groups."""
    if isinstance(node, Atom):
        return _render_mask(node.mask)
    if isinstance(node, Look):
        return _LOOK_TEXT[node.kind]
    if isinstance(node, Group):
        inner = render(node.item, dialect)
        if dialect == "vectorscan":
            return f"(?:{inner})"
        return f"(?P<{node.name}>{inner})" if node.name and node.name.isascii() else f"({inner})"
    if isinstance(node, Repeat):
        inner = render(node.item, dialect)
        if not isinstance(node.item, Atom):
            inner = f"(?:{inner})"
        return inner + _render_bounds(node) + ("" if node.greedy or dialect == "vectorscan" else "?")
    if isinstance(node, Concat):
        return "".join(
            f"(?:{render(item, dialect)})" if isinstance(item, Alternate) else render(item, dialect)
            for item in node.items
        )
    return "|".join(render(item, dialect) for item in node.items)


def _render_bounds(node: Repeat) -> str:
    if node.most is None:
        return {0: "*", 1: "+"}.get(node.least, f"{{{node.least},}}")
    if (node.least, node.most) == (0, 1):
        return "?"
    return f"{{{node.least}}}" if node.least == node.most else f"{{{node.least},{node.most}}}"


def _render_mask(mask: int) -> str:
    if mask == ALL_BYTES:
        return "(?s:.)"
    ranges = ranges_of(mask)
    if not ranges:
        return r"[^\x00-\xff]"
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return _render_byte(ranges[0][0])
    spans = (_render_byte(a) if a == b else f"{_render_byte(a)}-{_render_byte(b)}" for a, b in ranges)
    return f"[{''.join(spans)}]"


def _render_byte(value: int) -> str:
    char = chr(value)
    return char if char.isascii() and char.isalnum() else f"\\x{value:02x}"


@dataclass(frozen=True, slots=True)
class Trigger:
    """What the prefilter looks for, and how far a match can reach around the end of a hit.

    Every match of the rule holds a match of `node`; it starts at most `back` bytes before the hit's end, and ends at
    most `ahead` bytes after it. None: no bound.
    """

    node: Node
    back: int | None
    ahead: int | None


def trigger(node: Node) -> Trigger:
    """Cut what only multiplies hits off a pattern's end.

    A greedy tail such as `[a-z]{20,200}` would report a hit at every one of its possible ends. Its least count is
    enough to
    find the place; the confirming engine then finds the true end.
    """
    head, ahead = _trim(node)
    if widths(head)[0] == 0:
        head, ahead = node, 0
    return Trigger(head, widths(head)[1], ahead)


def beginning(node: Node) -> Trigger:
    """As `trigger`, cut after the least count of the first long repetition in a group, in every alternative.

    For patterns whose value may be almost any text: it would be reported at every one of its ends.
    """
    cut = trigger(_cut(node, inside=False)[0])
    least, most = widths(cut.node)[0], widths(node)[1]
    return Trigger(cut.node, cut.back, None if most is None else most - least)


def _cut(node: Node, *, inside: bool) -> tuple[Node, bool]:
    """The node up to its first long repetition in a group, and whether it has one."""
    if isinstance(node, Group):
        return _cut(node.item, inside=True)
    if isinstance(node, Repeat) and inside:
        if node.most is not None and node.most - node.least < _LONG_MIN:
            return node, False
        return Repeat(node.item, node.least, node.least, greedy=True) if node.least else EMPTY, True
    if isinstance(node, Alternate):
        cut = [_cut(item, inside=inside) for item in node.items]
        return Alternate(tuple(item for item, _ in cut)), any(long for _, long in cut)
    if isinstance(node, Concat):
        items: list[Node] = []
        for item in node.items:
            part, long = _cut(item, inside=inside)
            items.append(part)
            if long:
                return concat(tuple(items)), True
    return node, False


def _trim(node: Node) -> tuple[Node, int | None]:
    if isinstance(node, Group):
        return _trim(node.item)
    if isinstance(node, Repeat):
        most = widths(node.item)[1]
        ahead = None if node.most is None or most is None else most * (node.most - node.least)
        if ahead is not None and ahead < _TRIM_MIN:
            return node, 0
        head = EMPTY if node.least == 0 else Repeat(node.item, node.least, node.least, greedy=True)
        return head, ahead
    if isinstance(node, Concat) and node.items:
        last, ahead = _trim(node.items[-1])
        return concat((*node.items[:-1], last)), ahead
    return node, 0
