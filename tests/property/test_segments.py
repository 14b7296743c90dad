"""The detector over every cut of a document: bare rules against RE2, gated and unbounded rules against one piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gossip.engine.detect.detector import Detector
from gossip.engine.detect.match import Match
from gossip.engine.limits import overlap_bytes
from gossip.engine.rules.compiler import compile_rules
from gossip.engine.rules.model import Allowlist, Rule, RuleSet
from gossip.engine.rules.patterns import PatternError, byte_form, compile_bytes, read_pattern
from gossip.engine.rules.syntax.forms import widths
from tests.property import regexes

if TYPE_CHECKING:
    from gossip.engine.rules.compiler import Program

BOUNDED = [
    r"\bkey[0-9]{4,8}\b",
    r"(?:\A|\n)tok_([a-z]{3,12})(?:[^a-z]|\z)",
    r"(?i)secret\s{0,3}=\s{0,3}[\"']?([a-z0-9]{4,10})",
    r"(?m)^pw:(.{1,30})$",
    r"\Afirst[0-9]{2}",
    r"last[0-9]{2}\z",
    r"aa|aaa",
    r"a{2,7}",
    r"[^\n]{3}end",
    r"(x)?(y)?(key)",
    "\u00e9{1,3}",
    r"key[0-9]{4}[\s\S]{0,300}end",
]
UNBOUNDED = [r"BEGIN[\s\S]+?END", r"a+b", r"key\S*", r"(?m)^pw:.*$", r"BEGIN[^!]*END", r"x*end"]
PIECES = [
    b"key1234",
    b"key12345678",
    b"\ntok_abcdef",
    b"Secret = 'abcd1234'",
    b"\npw:hunter2\n",
    b"first12",
    b"last34",
    b"aaaaaa",
    b"a",
    b"aab",
    b"end",
    b"xykey",
    "\u00e9\u00e9".encode(),
    b"\n",
    b" ",
    b"\xff",
    b"BEGIN",
    b"END",
    b"!",
    b"# gitleaks:allow",
    b"pragma: allowlist nextline secret\n",
    b"test",
]
FILLERS = [b"." * 900, b"-\n" * 700, b"a" * 1500, b" " * 2047 + b"\n", b"\n" * 3, b"z" * 17000, b"z" * 4096]
SIZES = st.lists(st.one_of(st.integers(1, 300), st.integers(300, 6000)), min_size=1, max_size=3)
EXTRA = st.one_of(st.integers(1, 40), st.integers(1, 5000))
LONG = st.integers(1500, 9000)
"""Segments share over 20,000 bytes where a rule has no bound: small steps would take for ever."""
SLOW = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """Some kilobytes with small things to find in them."""
    parts = draw(st.lists(st.sampled_from(PIECES), max_size=25))
    for filler in draw(st.lists(st.sampled_from(FILLERS), max_size=5)):
        parts.insert(draw(st.integers(0, len(parts))), filler)
    return b"".join(parts)


def without_comments(data: bytes) -> bytes:
    """The document without allow comments."""
    return data.replace(b"gitleaks:allow", b"").replace(b"allowlist", b"")


def chunked(data: bytes, sizes: list[int]) -> list[bytes]:
    """The document in chunks of the given sizes, again and again."""
    chunks, at, turn = [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        chunks.append(data[at : at + size])
        at, turn = at + size, turn + 1
    return chunks


def secret_span(found: Any) -> tuple[int, int]:
    """The first group that took part and is not empty, else the whole match."""
    groups = [found.span(n) for n in range(1, found.re.groups + 1)]
    return next(((a, b) for a, b in groups if 0 <= a < b), found.span())


def place(data: bytes, offset: int) -> tuple[int, int]:
    """Line and column, counted from the start."""
    before = data[:offset]
    return before.count(b"\n") + 1, offset - (before.rfind(b"\n") + 1) + 1


def naive(rules: list[Rule], data: bytes) -> list[Match]:
    """All matches of all rules, by place."""
    matches = []
    for number, rule in enumerate(rules):
        for found in compile_bytes(byte_form(rule.regex or "")).finditer(data):
            start, end = secret_span(found)
            lines = (*place(data, start), *place(data, end))
            matches.append(Match(number, start, end, *found.span(), data[start:end], *lines))
    return sorted(matches, key=lambda m: (m.start, m.end, m.rule))


def bounded(pattern: str) -> bool:
    """Whether a rule may have it, and matching the whole document tells what must be found."""
    try:
        least, most = widths(read_pattern(pattern).node)
    except PatternError:
        return False
    return least > 0 and most is not None


def detector(rules: list[Rule], extra: int, allowlists: tuple[Allowlist, ...] = ()) -> tuple[Detector, Program]:
    """A detector with segments `extra` bytes longer than what two of them share."""
    rule_set = RuleSet(tuple(rules), allowlists)
    program = compile_rules(rule_set)
    floor = overlap_bytes(max(plan.width for plan in program.plans))
    return Detector(rule_set, program, segment_bytes=floor + extra), program


@given(st.lists(st.sampled_from(BOUNDED), min_size=1, max_size=4), documents(), SIZES, EXTRA)
@SLOW
def test_bounded_rules_find_what_re2_finds(patterns: list[str], data: bytes, sizes: list[int], extra: int) -> None:
    """Whole matches, groups, lines and columns, whatever the chunks and segments."""
    rules = [Rule(f"r{n}", regex=pattern) for n, pattern in enumerate(patterns)]
    data = without_comments(data)
    assert detector(rules, extra)[0].scan(chunked(data, sizes)).matches == naive(rules, data)


PATTERNS = st.lists(regexes.wide_patterns().filter(bounded), min_size=1, max_size=2)


@given(PATTERNS, regexes.wide_text(), st.integers(0, 200), SIZES, EXTRA)
@SLOW
def test_random_rules_find_what_re2_finds(
    patterns: list[str], text: bytes, filler: int, sizes: list[int], extra: int
) -> None:
    """The same for patterns out of the grammar, in a text that repeats over several segments."""
    rules = [Rule(f"r{n}", regex=pattern) for n, pattern in enumerate(patterns)]
    data = (text + b"." * filler) * (9000 // (len(text) + filler + 1))
    expected = naive(rules, data)
    assume(len(expected) < 20000)
    assert detector(rules, extra)[0].scan(chunked(data, sizes)).matches == expected


@st.composite
def gated_rules(draw: st.DrawFn) -> list[Rule]:
    """Rules of both kinds with gates."""
    patterns = draw(st.lists(st.sampled_from(BOUNDED + UNBOUNDED), min_size=1, max_size=4))
    return [
        Rule(
            f"r{n}",
            regex=pattern,
            keywords=draw(st.sampled_from([(), ("test",), ("key", "END")])),
            entropy=draw(st.sampled_from([None, 0.0, 1.5, 2.5])),
            tags=draw(st.sampled_from([(), ("generic",)])),
            allowlists=draw(st.sampled_from([(), (Allowlist(regexes=("test|-",), regex_target="line"),)])),
        )
        for n, pattern in enumerate(patterns)
    ]


@given(gated_rules(), documents(), SIZES, LONG)
@settings(SLOW, max_examples=100)
def test_segments_change_nothing(rules: list[Rule], data: bytes, sizes: list[int], extra: int) -> None:
    """With every gate, for bounded and unbounded rules: the same matches, and the same candidates were rejected."""
    shared = (Allowlist(stopwords=("hunter",)), Allowlist(regexes=("tok",), regex_target="line", target_rules=("r1",)))
    whole, small = detector(rules, extra, shared)[0], detector(rules, extra, shared)[0]
    expected = whole.scan([data]).matches
    assert (small.scan(chunked(data, sizes)).matches, small.suppressed) == (expected, whole.suppressed)


@given(st.sampled_from(UNBOUNDED), documents())
@SLOW
def test_unbounded_rules_find_the_matches_that_count(pattern: str, data: bytes) -> None:
    """Leftmost-first and not overlapping; what is longer than the longest match that counts is cut there or skipped."""
    data = without_comments(data)
    found, program = detector([Rule("r", regex=pattern)], 1)
    width = program.plans[0].width
    engine = compile_bytes(byte_form(pattern))
    expected: list[tuple[int, int]] = []
    at = 0
    while (one := engine.search(data, at)) is not None:
        start = one.start()
        if one.end() - start > width:
            one = engine.match(data, start, min(len(data), start + width))
        if one is not None:
            expected.append(one.span())
        at = start + 1 if one is None else one.end()
    assert sorted((match.full_start, match.full_end) for match in found.scan([data]).matches) == expected
