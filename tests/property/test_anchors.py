from __future__ import annotations

import itertools
from random import Random
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gossip.engine.rules.anchors import Anchors, derive, mandatory
from gossip.engine.rules.examples import expand
from gossip.engine.rules.loader import load_builtin
from gossip.engine.rules.model import Rule
from gossip.engine.rules.patterns import PatternError, byte_form, compile_bytes, read_pattern
from gossip.engine.rules.syntax.nodes import Node
from tests.property import regexes
from tests.property.samples import sample

BUILTIN = [rule for rule in load_builtin().rules if rule.regex]


def read(pattern: str) -> tuple[Node, Any]:
    """The tree and the RE2 object; the example is dropped if RE2 refuses the pattern."""
    try:
        parsed = read_pattern(pattern)
        return parsed.node, compile_bytes(byte_form(pattern, parsed))
    except PatternError:
        assume(False)
        raise


def unheld(node: Node, matcher: Any, text: bytes, least: int = 1) -> list[Anchors]:
    """The sets of anchors of which a match in the text holds no member."""
    wanted = set(mandatory(node, least=least))
    return [anchors for found in matcher.finditer(text) for anchors in wanted if not anchors.found_in(found[0])]


@given(regexes.ascii_patterns(), regexes.ascii_text(), st.integers(1, 4))
@settings(max_examples=400)
def test_every_match_holds_an_anchor(pattern: str, text: bytes, least: int) -> None:
    """Of every set that is said to be mandatory, over random text."""
    node, matcher = read(pattern)
    assert unheld(node, matcher, text, least) == []


@given(regexes.ascii_patterns(), st.randoms(use_true_random=False), st.integers(1, 4))
@settings(max_examples=600)
@example("(?:ab|(?i)a1){2,}b", Random(1), 2)
@example("(?:a{1,3}b_){1,9}", Random(1), 2)
def test_every_generated_match_holds_an_anchor(pattern: str, rng: Random, least: int) -> None:
    """The same over text that was drawn from the pattern, so that nearly all of it matches."""
    node, matcher = read(pattern)
    text = b"".join(sample(node, rng) + rng.choice([b"", b" ", b"a"]) for _ in range(4))
    assert unheld(node, matcher, text, least) == []


@given(regexes.wide_patterns(), regexes.wide_text())
@settings(max_examples=150)
def test_every_wide_match_holds_an_anchor(pattern: str, text: bytes) -> None:
    """Characters outside ASCII count as the bytes of their UTF-8 form."""
    node, matcher = read(pattern)
    assert unheld(node, matcher, text) == []


@given(regexes.ascii_patterns(), st.integers(1, 4))
@settings(max_examples=300)
def test_shape_of_anchors(pattern: str, least: int) -> None:
    """Sorted, without repeats, none within another, none too short, lower case if caseless; a group changes nothing."""
    node, _ = read(pattern)
    found = mandatory(node, least=least)
    assert derive(node, least=least) == (found[0] if found else None)
    assert mandatory(read_pattern(f"({pattern})").node, least=least) == found
    for anchors in found:
        assert anchors.literals == tuple(sorted(set(anchors.literals)))
        assert min(map(len, anchors.literals)) >= least
        assert not any(a in b for a, b in itertools.permutations(anchors.literals, 2))
        assert not anchors.caseless or anchors.literals == tuple(map(bytes.lower, anchors.literals))


SMALL = [
    "abc", "a(b|c)d", "(ab|cd)+", "a?bc", "(a|b)(c|d)(a|b)", "ab*c", "a+b+c+", "(abc|d)", "a{2,3}b", "(ab){2}",
    "[ab]cd", "(?:a|bc){2}", "(abc)?d", "(?:ab){2,}c", "[^a]bc", "a.c", "\\bab", "^ab$", "(?:a|)b", "(?i)aB[Cd]",
    "a(?:bc|b)d", "(?:ab|b)+(?:cd|c)", "((a)b(c|d){1,2})", "a{0}bc", "(?:|ab)(?:|cd)", "[abcd]{3}", "(?:ab?){2,3}c",
]  # fmt: skip
WORDS = [bytes(word) for size in range(7) for word in itertools.product(b"abcd", repeat=size)]


@pytest.mark.parametrize("pattern", SMALL)
def test_every_small_text(pattern: str) -> None:
    """All 5461 texts of up to six letters out of four."""
    node, matcher = read(pattern)
    matched = [word for word in WORDS if matcher.search(word)]
    assert matched
    for least in (1, 2, 3):
        wanted = mandatory(node, least=least)
        assert [word for word in matched if not all(anchors.found_in(word) for anchors in wanted)] == []


@pytest.mark.parametrize("rule", BUILTIN, ids=lambda rule: rule.id)
def test_examples_of_a_built_in_rule(rule: Rule) -> None:
    """Every example that matches, and every text drawn from the pattern, holds the anchors of the rule."""
    node, matcher = read(rule.regex or "")
    texts = [expand(text, f"{rule.id} {n}").encode() for n, text in enumerate(rule.examples)]
    rng = Random(rule.id)
    texts += [sample(node, rng) for _ in range(5)]
    matches = {found[0] for text in texts for found in matcher.finditer(text)}
    wanted = {anchors for least in (3, 4, 5) for anchors in mandatory(node, least=least)}
    assert [match for match in matches if not all(anchors.found_in(match) for anchors in wanted)] == []
