"""Literals that every match of a pattern must hold, derived from its tree.

Sound by structural induction: each node is summed up by what its matches are, begin with, end with and contain. A fact
that would grow too large is weakened (a shorter beginning, or nothing at all), never narrowed. Case is a flag of a
whole set rather than two spellings of every letter: otherwise six letters alone would fill the greatest set.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gossip.engine.rules.syntax.classes import ALPHA, fold
from gossip.engine.rules.syntax.nodes import Alternate, Atom, Concat, Group, Look, Node, Repeat

LITERAL_BYTES_MIN = 3
SET_MAX = 64
"""No set of whole matches, beginnings or endings has more members."""
ALTERNATIVES_MAX = 512
"""No set of anchors, which alternatives add up to, has more members."""
LITERAL_BYTES_MAX = 256
CLASS_MEMBERS_MAX = 16
"""A class with more members, counted without case where it has both cases of its letters, is taken as any byte."""
COPIES_MAX = 16
"""So many copies of a repeated item are written out at either end of the repetition."""
_CHOICE_WEIGHT = 3


@dataclass(frozen=True, slots=True)
class Anchors:
    """A text that a pattern matches holds at least one of `literals`: a non-empty, sorted tuple without repeats.

    None of them holds another one. With `caseless` they are lower case and stand for every ASCII case of themselves.
    """

    literals: tuple[bytes, ...]
    caseless: bool

    def found_in(self, text: bytes) -> bool:
        """Whether the text holds one of the literals."""
        held = text.lower() if self.caseless else text
        return any(literal in held for literal in self.literals)


def derive(node: Node, *, least: int = LITERAL_BYTES_MIN) -> Anchors | None:
    """The best anchors of a pattern, each of at least `least` bytes; None where it has no such set.

    So it is for a pattern that matches the empty string, and for one of whose alternatives nothing long enough is
    known. `least` is 1 or more.
    """
    found = mandatory(node, least=least)
    return found[0] if found else None


def mandatory(node: Node, *, least: int = LITERAL_BYTES_MIN) -> tuple[Anchors, ...]:
    """Sets of anchors of which a match must satisfy every one, out of parts of the pattern that do not overlap.

    The first is the best of all; the others are what is left and right of it, better ones first.
    """
    islands: list[_Words] = []
    parts = [_joined([_facts(item, least) for item in _sequence(node)], least)]
    while parts:
        part = parts.pop()
        run = _best_run(part, least)
        if run is not None:
            islands.append(run.words)
            parts += [part[: run.start], part[run.stop :]]
    islands.sort(key=_rank, reverse=True)
    return tuple(dict.fromkeys(Anchors(tuple(sorted(words.texts)), words.caseless) for words in islands))


@dataclass(frozen=True, slots=True)
class _Words:
    """A set of texts; with `caseless` all are lower case and stand for every case of themselves."""

    texts: frozenset[bytes]
    caseless: bool = False

    def caseless_form(self) -> _Words:
        return self if self.caseless else _Words(frozenset(map(bytes.lower, self.texts)), caseless=True)

    def least(self) -> int:
        return min(map(len, self.texts))


_NOTHING = _Words(frozenset((b"",)))


@dataclass(frozen=True, slots=True)
class _Facts:
    """What holds for every match of a node. `whole` None: not known; `head` and `tail` always hold a member.

    `inside`: at least one of its members is in the match; None: not known.
    """

    whole: _Words | None
    head: _Words
    tail: _Words
    inside: _Words | None


_UNKNOWN = _Facts(None, _NOTHING, _NOTHING, None)
_EMPTY = _Facts(_NOTHING, _NOTHING, _NOTHING, None)


@dataclass(frozen=True, slots=True)
class _Run:
    """Anchors out of the items from `start` to before `stop`."""

    words: _Words
    start: int
    stop: int


def _facts(node: Node, least: int) -> _Facts:
    if isinstance(node, Atom):
        return _of_class(node.mask, least)
    if isinstance(node, Look):
        return _EMPTY
    if isinstance(node, Repeat):
        return _of_repeat(node, least)
    if isinstance(node, Alternate):
        return _of_alternatives([_facts(item, least) for item in node.items])
    return _of_sequence(_joined([_facts(item, least) for item in _sequence(node)], least), least)


def _sequence(node: Node) -> list[Node]:
    """The node as items in a row, without groups around parts of the row."""
    if isinstance(node, Group):
        return _sequence(node.item)
    if isinstance(node, Concat):
        return [part for item in node.items for part in _sequence(item)]
    return [node]


def _joined(items: Iterable[_Facts], least: int) -> list[_Facts]:
    """The items with neighbouring characters made one: a pattern's plain text is then one item, however long."""
    joined: list[_Facts] = []
    for item in items:
        before = joined[-1].whole if joined else None
        both = _cross(before, item.whole) if before is not None and _alike(before, item.whole) else None
        if both is None:
            joined.append(item)
        else:
            joined[-1] = _exactly(both, least)
    return joined


def _alike(left: _Words, right: _Words | None) -> bool:
    """Whether both are single texts that go together without one of them losing its case."""
    if right is None or len(left.texts) > 1 or len(right.texts) > 1:
        return False
    return left.caseless == right.caseless or not all(_letters(*words.texts) for words in (left, right))


def _of_class(mask: int, least: int) -> _Facts:
    caseless = bool(mask & ALPHA) and fold(mask) == mask
    texts = frozenset(
        bytes((value,)).lower() if caseless else bytes((value,)) for value in range(256) if mask >> value & 1
    )
    if not 0 < len(texts) <= CLASS_MEMBERS_MAX:
        return _UNKNOWN
    return _exactly(_Words(texts, caseless), least)


def _exactly(words: _Words, least: int) -> _Facts:
    return _Facts(words, words, words, _anchors(words, least))


def _of_alternatives(branches: Sequence[_Facts]) -> _Facts:
    wholes = [branch.whole for branch in branches if branch.whole is not None]
    insides = [branch.inside for branch in branches if branch.inside is not None]
    return _Facts(
        _union(wholes, SET_MAX) if len(wholes) == len(branches) else None,
        _union([branch.head for branch in branches], SET_MAX) or _NOTHING,
        _union([branch.tail for branch in branches], SET_MAX) or _NOTHING,
        _minimal(_union(insides, ALTERNATIVES_MAX)) if len(insides) == len(branches) else None,
    )


def _of_repeat(node: Repeat, least: int) -> _Facts:
    if node.most == 0:
        return _EMPTY
    item = _facts(node.item, least)
    if item.whole is not None and node.most is not None and node.most <= COPIES_MAX:
        whole = _powers(item.whole, node.least, node.most)
        if whole is not None:
            return _exactly(whole, least)
    if node.least == 0:
        return _UNKNOWN
    copies = [item] * min(node.least, COPIES_MAX)
    if node.least == node.most and node.most <= COPIES_MAX:
        return _of_sequence(copies, least)
    # The copies at the two ends may be the same ones: then each fact still holds, only not both side by side.
    return _of_sequence([*copies, _UNKNOWN, *copies], least)


def _powers(words: _Words, least: int, most: int) -> _Words | None:
    """`least` to `most` members one after the other."""
    power: _Words | None = _NOTHING
    seen: list[_Words] = []
    for count in range(most + 1):
        if power is None:
            return None
        if count >= least:
            seen.append(power)
        power = _cross(power, words)
    return _union(seen, SET_MAX)


def _of_sequence(items: Sequence[_Facts], least: int) -> _Facts:
    whole: _Words | None = _NOTHING
    for item in items:
        whole = _cross(whole, item.whole) if whole is not None and item.whole is not None else None
    run = _best_run(items, least)
    inside = run.words if run is not None else None
    if whole is not None:
        return _Facts(whole, whole, whole, inside)
    head = tail = _NOTHING
    for item in items:
        longer = _cross(head, item.head)
        head = longer or head
        if longer is None or item.whole is None:
            break
    for item in reversed(items):
        longer = _cross(item.tail, tail)
        tail = longer or tail
        if longer is None or item.whole is None:
            break
    return _Facts(None, head, tail, inside)


def _best_run(items: Sequence[_Facts], least: int) -> _Run | None:
    """The best anchors out of neighbouring items: an ending, whole items, and a beginning; or what is in one item."""
    best: _Run | None = None
    for run in _runs(items):
        words = _anchors(run.words, least)
        if words is not None and (best is None or _rank(words) > _rank(best.words)):
            best = _Run(words, run.start, run.stop)
    return best


def _runs(items: Sequence[_Facts]) -> Iterable[_Run]:
    for start, first in enumerate(items):
        if first.inside is not None:
            yield _Run(first.inside, start, start + 1)
        else:
            yield _Run(first.tail, start, start + 1)
            yield _Run(first.head, start, start + 1)
        words: _Words | None = first.tail
        if words == _NOTHING:
            continue
        for stop in range(start + 1, len(items)):
            item = items[stop]
            words = _cross(words, item.head) if words is not None else None
            if words is None:
                break
            yield _Run(words, start, stop + 1)
            if item.whole is None:
                break


def _anchors(words: _Words | None, least: int) -> _Words | None:
    """The set as anchors: without members that hold another one; None if one is too short."""
    if words is None or words.least() < least:
        return None
    return _minimal(words)


def _minimal(words: _Words | None) -> _Words | None:
    if words is None or len(words.texts) == 1:
        return words
    kept: list[bytes] = []
    for text in sorted(words.texts, key=len):
        if not any(short in text for short in kept):
            kept.append(text)
    return _Words(frozenset(kept), words.caseless)


def _cross(left: _Words | None, right: _Words | None) -> _Words | None:
    """Every member of the left followed by every one of the right; None if that is too much."""
    if left is None or right is None or len(left.texts) * len(right.texts) > SET_MAX:
        return None
    if left.caseless != right.caseless:
        left, right = left.caseless_form(), right.caseless_form()
    if max(map(len, left.texts)) + max(map(len, right.texts)) > LITERAL_BYTES_MAX:
        return None
    return _Words(frozenset(a + b for a, b in itertools.product(left.texts, right.texts)), left.caseless)


def _union(sets: Sequence[_Words], most: int) -> _Words | None:
    """The members of all; None if there are too many, or no sets."""
    caseless = any(words.caseless for words in sets)
    texts = frozenset[bytes]().union(*((words.caseless_form() if caseless else words).texts for words in sets))
    return _Words(texts, caseless) if 0 < len(texts) <= most else None


def _rank(words: _Words) -> tuple[int, int, int, int]:
    """Greater is better: bits that the shortest member pins down, less the bits of choice; then length and number.

    The choice among members weighs more than that among the cases of one, because each member is an expression of its
    own: ten digits after a prefix are not worth ten expressions.
    """
    sizes = [len(text) for text in words.texts]
    bits = 8 * min(sizes) - _CHOICE_WEIGHT * (len(sizes) - 1).bit_length()
    if words.caseless:
        bits -= max(map(_letters, words.texts))
    return bits, min(sizes), -len(sizes), max(sizes)


def _letters(text: bytes) -> int:
    return sum(ALPHA >> value & 1 for value in text)
