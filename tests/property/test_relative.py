"""A document scanned by what tells it from another one, against the same document scanned whole."""

from __future__ import annotations

import base64
from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gossip.engine.detect import prefilter
from gossip.engine.detect.detector import Base, Detector, Scanned
from gossip.engine.detect.judge import Judged
from gossip.engine.detect.outcomes import Kept, Outcome, Outcomes
from gossip.engine.rules.compiler import compile_rules
from gossip.engine.rules.model import Allowlist, CharClass, Component, LocalContext, Rule, RuleSet
from tests.support.scanning import builtin_detector

RULES = RuleSet(
    (
        Rule("bounded", regex=r"\bkey[0-9]{4,8}\b"),
        Rule("start", regex=r"(?:\A|\n)tok_([a-z]{3,12})(?:[^a-z]|\z)"),
        Rule("first", regex=r"\Afirst[0-9]{2}"),
        Rule("last", regex=r"last[0-9]{2}\z"),
        Rule("line", regex=r"(?m)^pw:(.{1,30})$", keywords=("pw", "pass")),
        Rule("wide", regex=r"OPEN[a-z\n]{300,900}SHUT"),
        Rule("unbounded", regex=r"BEGIN[\s\S]+?END"),
        Rule("keywords", regex=r"[0-9a-f]{24}", keywords=("hexkey",)),
        Rule("generic", regex=r"(?i)secret\s{0,3}=\s{0,3}[\"']?([a-z0-9]{4,10})", tags=("generic",)),
        Rule("shaped", regex=r"val_([a-z0-9]{6})", context=LocalContext(same_line_assignment=True, lookbehind=90)),
        Rule("prose", regex=r"pro_([a-z0-9]{6})", char_class=CharClass(40)),
        Rule("part", regex=r"id_[0-9]{4}", skip_report=True),
        Rule("whole", regex=r"pair_[0-9]{4}", components=(Component("part", within_lines=3),)),
        Rule("near", regex=r"near_[0-9]{4}", components=(Component("part", within_bytes=700, optional=True),)),
        Rule("listed", regex=r"all_[a-z]{4}", allowlists=(Allowlist(regexes=("skipped",), regex_target="line"),)),
    )
)
TEXTS = [b"key12345", b"tok_abcdef", b"val_a1b2c3", b"pair_1234 id_5678", b"Secret = 'abcd1234'", b"near_4321 id_1111"]
PIECES = [
    *TEXTS,
    b"\ntok_abcdef\r\n",
    b"first12",
    b"last34",
    b"\npw:hunter2\n",
    b"pass",
    b"OPEN" + b"ab\n" * 150 + b"SHUT",
    b"OPEN",
    b"SHUT",
    b"BEGIN",
    b"END",
    b"hexkey 0123456789abcdef01234567",
    b"x = val_a1b2c3",
    b"PRO = pro_a1b2c3",
    b"id_5678",
    b"pair_1234",
    b"all_abcd",
    b" skipped",
    b"# gossip:allow",
    b"pragma: allowlist nextline secret\n",
    b"\n",
    b"\r\n",
    b"=",
    b"key",
    b"1234",
    b"\xff\xfe",
    b"k\0e\0y\0",
    *(base64.b64encode(text) for text in TEXTS),
    base64.encodebytes(b"-" * 40 + b"".join(TEXTS)),
    base64.b64encode(base64.b64encode(b"a = " + TEXTS[0] * 2)),
    *(text.hex().encode() for text in TEXTS[:3]),
    b"".join(b"%%%02x" % byte for byte in TEXTS[0]),
    b"".join(b"\\u%04x" % byte for byte in TEXTS[0]),
    b"".join(b"&#%d;" % byte for byte in TEXTS[1]),
    b"tok=5Fabc=64ef=\r\nghi",
    b"%20x%41y",
]
FILLERS = [
    b"." * 300,
    b"-\n" * 400,
    b"word " * 150,
    b"a" * 800,
    b" " * 2047 + b"\n",
    b"\n" * 9,
    b"hash%041d=\n" % 7 * 30,
]
piece = st.one_of(st.sampled_from(PIECES), st.sampled_from(FILLERS), st.binary(max_size=9))
text = st.lists(piece, max_size=14).map(b"".join)


class Step(NamedTuple):
    """One version: where its base stands among those before it, and what it copies."""

    base: int
    copies: list[tuple[int, int, int]]
    data: bytes


@st.composite
def chains(draw: st.DrawFn) -> list[Step]:
    """Versions of a document, each made of an earlier one: mostly by small edits, sometimes out of order."""
    steps = [Step(-1, [], draw(text))]
    for _ in range(draw(st.integers(1, 5))):
        base = draw(st.integers(0, len(steps) - 1))
        old = steps[base].data
        cuts = sorted(draw(st.lists(st.integers(0, len(old)), max_size=4)))
        ranges = list(zip([0, *cuts], [*cuts, len(old)], strict=True))
        if draw(st.integers(0, 4)) == 0:
            ranges = draw(st.permutations(ranges))
        copies, new = [], b""
        for start, high in ranges:
            low = start + draw(st.sampled_from([0, 0, 0, 1, 40]))
            if low < high:
                copies.append((len(new), low, high - low))
                new += old[low:high]
            new += draw(st.one_of(st.just(b""), piece, text))
        steps.append(Step(base, copies, new))
    return steps


def check(ours: Detector, plain: Detector, steps: list[Step]) -> None:
    """Every step gives the matches, what was dropped and the counters of a scan that knows of no other document."""
    known = []
    for step in steps:
        before, plain_before = ours.suppressed.copy(), plain.suppressed.copy()
        hits = known[step.base] if step.base >= 0 else None
        base = None if hits is None else Base(hits, len(steps[step.base].data), step.copies)
        held = ours.scan_held(step.data, base)
        wanted: Scanned = plain.scan((step.data,))
        assert held.scanned == wanted
        assert ours.suppressed - before == plain.suppressed - plain_before
        if held.hits is not None:
            assert held.hits == ours.hits_of(step.data)
        known.append(held.hits)


PROGRAM = compile_rules(RULES, "thorough")
OURS, PLAIN = Detector(RULES, PROGRAM), Detector(RULES, PROGRAM)
SLOW = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@settings(SLOW, max_examples=300)
@given(chains(), st.sampled_from([1, 64, 520]), st.sampled_from([3, 50_000]), st.sampled_from([2, 16_384]))
def test_a_chain_of_versions_is_scanned_as_if_each_were_alone(
    steps: list[Step], carried: int, held: int, outcomes: int
) -> None:
    """Whatever the rules, with every way of decoding, and however little is held."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prefilter, "_CARRIED_MIN", carried)
        patch.setattr(prefilter, "HITS_HELD_MAX", held)
        patch.setattr("gossip.engine.detect.outcomes.OUTCOMES_HELD_MAX", outcomes)
        check(OURS, PLAIN, steps)


@settings(SLOW, max_examples=60)
@given(chains())
def test_rules_that_want_every_document_whole(steps: list[Step]) -> None:
    """Rules that no expression stands for, next to others, in detectors that have seen nothing."""
    plans = tuple(replace(plan, everywhere=number in (0, 4)) for number, plan in enumerate(PROGRAM.plans))
    program = replace(PROGRAM, plans=plans)
    check(Detector(RULES, program), Detector(RULES, program), steps)


@settings(SLOW, max_examples=60)
@given(chains(), st.integers(1, 60))
def test_budgets_count_what_was_known_before(steps: list[Step], items: int) -> None:
    """What a document may decode is the same whether it was decoded before or not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gossip.engine.detect.nested.DECODED_ITEMS_MAX", items)
        patch.setattr("gossip.engine.detect.nested.DECODED_BYTES_MAX", items * 20)
        patch.setattr("gossip.engine.detect.nested.BYTES_PER_DECODED_ITEM", 1 << 20)
        check(OURS, PLAIN, steps)


@settings(SLOW, max_examples=60)
@given(chains())
def test_built_in_rules(steps: list[Step]) -> None:
    """The rules as they ship: hundreds of expressions, some without a bound."""
    check(builtin_detector(), builtin_detector("anchors"), steps)


def test_neighbourhoods() -> None:
    """Ranges that follow one another in both are one; what is carried leaves a margin where something else begins."""
    margin, edge = prefilter._MARGIN, prefilter._EDGE_BYTES
    zones, carried = prefilter.neighbourhoods([(0, 0, 3000), (3000, 3000, 1000), (4010, 4000, 6000)], 10_010, 10_000)
    assert carried == [(0, 4000 - edge, 0), (4010 + margin, 10_010, 10)]
    assert zones == [(4000 - edge + 1, 4010 + margin - 1)]
    assert prefilter.neighbourhoods([], 7, 100) == ([(0, 7)], [])
    assert prefilter.neighbourhoods([(0, 50, 5000)], 5000, 6000) == (
        [(0, margin - 1), (5000 - edge + 1, 5000)],
        [(margin, 5000 - edge, -50)],
    )


def test_outcomes_are_bounded_by_their_matches() -> None:
    """The oldest leave, however many matches they hold; what comes twice counts once."""
    one = Kept(0, (0, 1), (0, 1), Judged(0, 1, (), 0, "none", ()), b"x")
    outcomes = Outcomes(RULES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gossip.engine.detect.outcomes.OUTCOMES_HELD_MAX", 5)
        for key, count in ((b"a", 1), (b"a", 1), (b"a", 1), (b"b", 1), (b"c", 0), (b"d", 0)):
            outcomes.keep(key, Outcome([one] * count, Counter()))
        assert [key for key in (b"a", b"b", b"c", b"d") if outcomes.find(key)] == [b"b", b"c", b"d"]
        outcomes.keep(b"e", Outcome([one] * 9, Counter()))
    assert [key for key in (b"a", b"b", b"c", b"d", b"e") if outcomes.find(key)] == []
