"""The detector against its definition: RE2 over the whole document, whatever the segments."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from gossip.engine.detect.detector import Detector
from gossip.engine.limits import MATCH_BYTES_MAX, overlap_bytes
from gossip.engine.rules.compiler import compile_rules
from gossip.engine.rules.model import Rule, RuleSet
from gossip.engine.rules.patterns import byte_form, compile_bytes
from gossip.engine.rules.syntax.forms import render, widths
from gossip.engine.rules.syntax.parser import parse

BOUNDED = (
    r"\bab[a-c]{2,30}\b",
    r"(?i)key[ =:]{1,3}([a-z0-9]{4,20})(?:[;\n]|$)",
    r"^abc|c$",
    r"(?m)^x[^\n]{0,40}y$",
    r"a[^\n]{0,9}b",
    r"(?:é|zz){1,3}9",
)
UNBOUNDED = (r"BEGIN[\s\S]{2,}?END", r"key.*;")
PIECES = [b"ab", b"abc", b"key=", b"KEY: ", b"BEGIN", b"END", b"\n", b";", b"x", b"y", b" ", b"q" * 50, b"zz9", b"\0"]
PIECES += [b"\xc3\xa99", b"abcabc", b"w" * 3000]


def detector(patterns: tuple[str, ...], segment_bytes: int) -> Detector:
    """A detector with one bare rule for each pattern."""
    rules = RuleSet(tuple(Rule(str(number), regex=pattern) for number, pattern in enumerate(patterns)))
    return Detector(rules, compile_rules(rules, "off"), segment_bytes=segment_bytes)


SMALLEST = overlap_bytes(MATCH_BYTES_MAX) + 1
BY_SEGMENT = {size: detector(BOUNDED + UNBOUNDED, size) for size in (SMALLEST, SMALLEST + 997, 1 << 22)}
documents = st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join)


@settings(max_examples=60)
@given(documents, st.integers(1, 40), st.sampled_from(sorted(BY_SEGMENT)), st.integers(1, 40_000))
def test_every_segmentation_finds_what_re2_finds(piece: bytes, times: int, segment: int, chunk: int) -> None:
    """Bounded rules: exactly RE2's non-overlapping matches. All rules: the same for every way of cutting."""
    document = (piece * times)[:200_000]
    chunks = [document[at : at + chunk] for at in range(0, len(document), chunk)] if chunk > 50 else [document]
    found = BY_SEGMENT[segment].scan(chunks).matches
    expected = [
        (number, match.start(), match.end())
        for number, pattern in enumerate(BOUNDED)
        for match in compile_bytes(byte_form(pattern)).finditer(document)
    ]
    places = sorted((m.rule, m.full_start, m.full_end) for m in found)
    assert [place for place in places if place[0] < len(BOUNDED)] == sorted(expected)
    whole = BY_SEGMENT[1 << 22].scan([document]).matches
    assert found == whole
    for match in found:
        assert match.line == document.count(b"\n", 0, match.start) + 1
        assert match.column == match.start - (document.rfind(b"\n", 0, match.start) + 1) + 1
        assert match.secret == document[match.start : match.end]


ATOMS = ["a", "b", "[a-c]", "[^ab]", ".", r"\w", r"\D", r"\s", "(?i:b)", "é", r"\x41", "[[:digit:]_]", r"\Qa.\E"]
atoms = st.sampled_from(ATOMS)
looks = st.sampled_from([r"\b", r"\B", "(?m:^)", "(?m:$)"])
counts = st.sampled_from(["", "?", "*", "+", "{2}", "{1,3}", "*?", "{,3}"])


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    repeated = st.tuples(inner, counts).map(lambda pair: f"(?:{pair[0]}){pair[1]}")
    groups = st.tuples(inner).map(lambda one: f"({one[0]})")
    joined = st.lists(st.one_of(inner, looks), min_size=1, max_size=4).map("".join)
    return st.one_of(repeated, groups, joined, st.tuples(inner, inner).map("|".join))


patterns = st.recursive(atoms, _combined, max_leaves=8)


@settings(max_examples=300)
@given(patterns, st.text("abcAB.1_ \né", max_size=30))
def test_rendered_pattern_means_the_same(pattern: str, text: str) -> None:
    """What the parser writes for RE2 matches where RE2 matches the original; widths bound every match."""
    node = parse(pattern).node
    least, most = widths(node)
    data = text.encode()
    ours = [m.span() for m in compile_bytes(render(node, "re2").encode()).finditer(data)]
    if pattern.isascii():
        assert ours == [m.span() for m in compile_bytes(pattern.encode()).finditer(data)]
    assert all(least <= end - start and (most is None or end - start <= most) for start, end in ours)


@settings(max_examples=150)
@given(patterns, st.text("abcAB.1_ \né", max_size=40))
def test_prefilter_never_loses_a_match(pattern: str, text: str) -> None:
    """A rule of any shape, through Vectorscan and RE2, finds what RE2 alone finds."""
    if widths(parse(pattern).node)[0] == 0:
        return
    data = text.encode()
    found = detector((pattern,), 1 << 22).scan([data]).matches
    expected = [m.span() for m in compile_bytes(byte_form(pattern)).finditer(data)]
    assert [(m.full_start, m.full_end) for m in found] == expected


def test_python_re_agrees_on_a_sample() -> None:
    """A check that does not share RE2: plain patterns, plain text."""
    text = b"key=abcd1;\nkey: zz99\nab abc abcab xyz"
    found = BY_SEGMENT[1 << 22].scan([text]).matches
    expected = [m.span(1) for m in re.finditer(rb"(?i)key[ =:]{1,3}([a-z0-9]{4,20})(?:[;\n]|$)", text)]
    assert [(m.start, m.end) for m in found if m.rule == 1] == expected
