from __future__ import annotations

import pytest

from gossip.engine.rules.anchors import ALTERNATIVES_MAX, SET_MAX, Anchors, derive, mandatory
from gossip.engine.rules.loader import load_builtin
from gossip.engine.rules.patterns import read_pattern


def cased(*literals: bytes) -> Anchors:
    """Anchors that are compared as they are."""
    return Anchors(literals, caseless=False)


def caseless(*literals: bytes) -> Anchors:
    """Anchors of any case."""
    return Anchors(literals, caseless=True)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("AKIA[A-Z2-7]{16}", cased(b"AKIA")),
        ("(?:AKIA|ASIA)[A-Z2-7]{16}", cased(b"AKIA", b"ASIA")),
        ("(?:AKIA[0-9]{9}|ASIA[A-Z]{16})", cased(b"AKIA", b"ASIA")),
        ("(?i)aBcDeFgH", caseless(b"abcdefgh")),
        ("(?i:secret)_KEY=[a-z]+", caseless(b"secret_key=")),
        ("(?:foo)?barn", cased(b"barn")),
        ("ghp_[0-9][A-Z]+", cased(b"ghp_")),
        ("abc[-_]?def", cased(b"abc-def", b"abc_def", b"abcdef")),
        ("(?:ab){2,}c", cased(b"ababc")),
        ("a+bc", cased(b"abc")),
        ("[a-z]+(?:one|two)[a-z]+(?:longer|other)x", cased(b"longerx", b"otherx")),
        ("x(?:[a-z]+foo|bars)y", cased(b"barsy", b"fooy")),
        (r"\bsk-\b[a-z]{9}", cased(b"sk-")),
        ("(a(b)(?P<n>cd))[^x]", cased(b"abcd")),
        ("k{40}", cased(b"k" * 16)),
        ("\u20ac[0-9]", cased(b"\xe2\x82\xac")),
    ],
)
def test_the_best_set(pattern: str, expected: Anchors) -> None:
    """Long and few literals win; a change of case folds all; what holds another literal is dropped."""
    assert derive(read_pattern(pattern).node) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "[a-z]{20}",
        "",
        "a*",
        "(?:abcd)?",
        "(?:abcd)*",
        "abcd|",
        "abcd|ab",
        "abcd|[a-z]{9}",
        "[0-9a-f]{32}",
        "ab",
        "ab.cd",
    ],
)
def test_patterns_without_anchors(pattern: str) -> None:
    """Where one alternative, the empty one included, has no literal of three bytes, there is no set at all."""
    assert derive(read_pattern(pattern).node) is None


def test_shorter_literals_on_request() -> None:
    """The least length belongs to the caller."""
    node = read_pattern("ab[a-z]+|cde").node
    assert derive(node, least=2) == cased(b"ab", b"cde")
    assert derive(node) is None


def test_sets_have_a_greatest_size() -> None:
    """A product that grows too large is cut off, alternatives that add up to too many give nothing."""
    assert derive(read_pattern("[a-h][a-h][a-h]xyz").node, least=4) == cased(*(b"%cxyz" % c for c in b"abcdefgh"))
    words = ["".join(chr(97 + n // 26**k % 26) for k in range(4)) for n in range(ALTERNATIVES_MAX + 1)]
    assert derive(read_pattern("|".join(words)).node) is None
    many = derive(read_pattern("|".join(words[:-1])).node)
    assert many is not None
    assert len(many.literals) == ALTERNATIVES_MAX > SET_MAX


def test_islands() -> None:
    """All parts of the row that do not overlap, the best first."""
    node = read_pattern("(?i)twilio.{0,40}(?:key|token)[^a-z]+(SK[0-9a-z]{32})END").node
    assert mandatory(node) == (caseless(b"twilio"), caseless(b"end"), caseless(b"key", b"token"))
    assert mandatory(read_pattern("[a-z]").node) == ()


def test_found_in() -> None:
    """Case counts unless it is said not to."""
    assert cased(b"abc").found_in(b"xabcx")
    assert not cased(b"abc").found_in(b"ABC")
    assert caseless(b"abc", b"d").found_in(b"xABcx")
    assert not caseless(b"abc").found_in(b"")


def test_how_many_built_in_rules_have_anchors() -> None:
    """A change here changes what can be found inside encoded text."""
    # Those of scored rules are not used.
    rules = [rule for rule in load_builtin().rules if rule.regex and not rule.scorer]
    nodes = [read_pattern(rule.regex or "").node for rule in rules]
    counts = {least: sum(derive(node, least=least) is not None for node in nodes) for least in (3, 4, 5)}
    assert counts[3] >= len(nodes) - 8
    assert counts[4] >= len(nodes) - 59
