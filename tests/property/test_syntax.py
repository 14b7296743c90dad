from __future__ import annotations

import functools
from typing import Any

import pytest
import re2
from hypothesis import assume, example, given, settings

from gossip.engine.rules.compiler import compile_rules, load_database
from gossip.engine.rules.model import Rule, RuleSet
from gossip.engine.rules.patterns import PatternError, byte_form, compile_bytes, read_pattern
from gossip.engine.rules.syntax.forms import render, widths
from gossip.schemas.errors import MisuseError
from tests.property import regexes

Spans = list[list[tuple[int, int]]]


def spans(pattern: Any, text: bytes) -> Spans:
    """Whole matches and groups of all matches."""
    return [[found.span(n) for n in range(found.re.groups + 1)] for found in pattern.finditer(text)]


def reference(pattern: str) -> Any:
    """RE2 on the pattern as it was written, over UTF-8; the example is dropped if RE2 refuses it."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern.encode(), options)
    except re2.error:
        assume(False)


def check_same(pattern: str, text: bytes) -> None:
    """Both forms of the pattern find what RE2 finds, and no match is outside the widths."""
    wanted = spans(reference(pattern), text)
    node = read_pattern(pattern).node
    assert spans(compile_bytes(byte_form(pattern)), text) == wanted
    assert spans(compile_bytes(render(node, "re2").encode("ascii")), text) == wanted
    least, most = widths(node)
    sizes = [end - start for (start, end), *_ in wanted]
    assert [size for size in sizes if size < least or (most is not None and size > most)] == []


@given(regexes.ascii_patterns(), regexes.ascii_text())
@settings(max_examples=300)
def test_rendering_over_ascii(pattern: str, text: bytes) -> None:
    """Every construct means over ASCII text what it means to RE2."""
    check_same(pattern, text)


@given(regexes.wide_patterns(), regexes.wide_text())
@settings(max_examples=200)
@example("(?i)[a\u00e8-\u00ea]{2}", "\u00e9A".encode())
def test_rendering_over_utf8(pattern: str, text: bytes) -> None:
    """Characters outside ASCII are the sequences of their UTF-8 bytes."""
    check_same(pattern, text)


@functools.lru_cache(maxsize=16)
def rule_of(pattern: str) -> RuleSet:
    """A set of one rule."""
    return RuleSet((Rule("r", regex=pattern, keywords=("a",)),))


def uncovered(pattern: str, text: bytes) -> list[tuple[int, int]]:
    """Matches that no hit of the database leads to."""
    try:
        program = compile_rules(rule_of(pattern))
    except MisuseError:
        assume(False)
    database = load_database(program.database)
    if database is None or program.plans[0].everywhere:
        return []
    hits: list[tuple[int, int]] = []

    def on_hit(probe: int, _start: int, end: int, _flags: int, _context: object) -> None:
        hits.append((probe, end))

    database.scan(text, match_event_handler=on_hit)
    places = [(end - program.probes[probe].back, end + program.probes[probe].ahead) for probe, end in hits]
    found = [one.span() for one in compile_bytes(program.plans[0].pattern.encode()).finditer(text)]
    # A rule whose expression was replaced by its keywords finds nothing without one of them: so it says.
    return [(a, b) for a, b in found if not any(low <= a and b <= high for low, high in places)]


@given(regexes.ascii_patterns(), regexes.ascii_text())
@settings(max_examples=250)
@example("(?:a{1,3}b){1,9}", b"aabababaaab")
@example("\\n(?m:^)", b"a\n")
def test_prefilter_leads_to_every_match(pattern: str, text: bytes) -> None:
    """Each match that RE2 finds has a hit of Vectorscan from which its window is computed."""
    text = b"a" + text  # the rule's keyword
    assert uncovered(pattern, text) == []


@given(regexes.wide_patterns(), regexes.wide_text())
@settings(max_examples=150)
def test_prefilter_leads_to_every_wide_match(pattern: str, text: bytes) -> None:
    """The same outside ASCII."""
    assert uncovered(pattern, b"a" + text) == []


@pytest.mark.parametrize("pattern", ["(", "a**", "[b-a]", "\\8", "(?=a)", "a{1001}", "\\p{Foo}"])
def test_what_re2_refuses_is_refused(pattern: str) -> None:
    """With an error of ours."""
    with pytest.raises(PatternError):
        read_pattern(pattern)
