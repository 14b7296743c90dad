"""Random texts that a pattern's tree matches, looks aside: a walk over the tree that draws at every choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.engine.rules.syntax.nodes import Alternate, Atom, Concat, Group, Look, Node, Repeat

if TYPE_CHECKING:
    from random import Random

EXTRA_COPIES_MAX = 3
"""A repetition without a greatest count is drawn at most so much longer than its least."""


def sample(node: Node, rng: Random) -> bytes:
    """One text that the node matches if none of its looks is in the way. An impossible class gives no byte."""
    if isinstance(node, Atom):
        members = [value for value in range(256) if node.mask >> value & 1]
        return bytes((rng.choice(members),)) if members else b""
    if isinstance(node, Look):
        return b""
    if isinstance(node, Group):
        return sample(node.item, rng)
    if isinstance(node, Repeat):
        most = node.least + EXTRA_COPIES_MAX if node.most is None else node.most
        return b"".join(sample(node.item, rng) for _ in range(rng.randint(node.least, most)))
    if isinstance(node, Concat):
        return b"".join(sample(item, rng) for item in node.items)
    assert isinstance(node, Alternate)
    return sample(rng.choice(node.items), rng)
