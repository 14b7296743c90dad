from __future__ import annotations

from typing import Any

import pytest
import re2

from gossip.engine.limits import MATCH_BYTES_MAX
from gossip.engine.rules.compiler import compile_rules
from gossip.engine.rules.model import Rule, RuleSet
from gossip.engine.rules.patterns import PatternError, byte_form, compile_bytes, read_pattern
from gossip.engine.rules.probes import Probe
from gossip.engine.rules.syntax.forms import render, trigger, widths

TEXT = "abc ABC\n_-1 aXb {,3} a{,3} a{01} a{1,02} 1]]\nword\nb\n1a \a key='v1' \\ [x] .*+?\tend\n\u00e9\u20ac \u00e9\n$+<=>^`|~ ,.;!\x00\x7f\n".encode()

PATTERNS = [
    "abc",
    "(?i)abc",
    "a(?i)b|BC",
    "(?i:a)b",
    "(?i)a(?-i)B",
    "(?s)c.A",
    "c.A",
    "(?m)^\\w+$",
    "^abc",
    "(?m)end$",
    "\\Aabc",
    "\\n\\z",
    "(?U)a+.*b",
    "(?U)a.*?b",
    "a.*?b",
    "a[^\\n]{0,4}?b",
    "[a-c]+",
    "[]x]+",
    "[^]x]+x",
    "[-a]+",
    "[a-]+",
    "[a-b-c]+",
    "[\\]\\\\]",
    "[\\d-a]+",
    "[!-[:digit:]]+",
    "[[:alpha:][:digit:]_]+",
    "[[:^space:]]+",
    "[^[:^alpha:]]+",
    "[[:word:]]+",
    "(?i)[A-_]+",
    "(?i)[^a-c]+",
    "\\w+='(\\w*)'",
    "(?P<name>k\\w+)=(?P<value>'\\w+')",
    "(?<name>k\\w+)",
    "\\Q[x] .*+?\\E",
    "\\Q{,3}",
    "\\Q\\\\E \\[",
    "a\\Q\\E?b",
    "\\Qab\\E{1,2}c",
    "{,3}",
    "a{,3}",
    "a{01}",
    "a{1,02}",
    "(?:a{1,2}X?){1,3}b",
    "(?:(?:a|b){1,2}c?){2,}",
    "\\x61\\x{62}\\143",
    "\\x00\\x7f",
    "\\a|\\f|\\t|\\v|\\r",
    "\u00e9",
    "\u00e9+",
    "[\u00e8-\u20ac]+",
    "[a\u20ac]",
    "\\x{20ac}",
    "\\xe9",
    "\\351",
    "(?i)k\u00e9?",
    "\\b\\w+\\b",
    "\\Bb\\B",
    "(?m:^)a|(?m:$)\\n",
]
"""Each as RE2 reads it over UTF-8 is the reference."""

ASCII_PATTERNS = [
    "\\pL+",
    "\\p{Lu}+",
    "\\p{Ll}+",
    "\\pN",
    "\\pP+",
    "\\pS+",
    "\\pZ+",
    "\\PL+",
    "\\p{^L}+",
    "[^\\pL\\pZ]+",
    "(?i)\\p{Lu}+",
    "(?i)[\\p{Lu}]+",
    "(?i)\\P{Lu}+",
    "(?i)[\\P{Lu}]+",
    "(?i)[[:^upper:]]+",
    "(?i)[^[:^upper:]]+",
    "(?i)[^[:upper:]]+",
    "\\C{3}",
    "[^a]+",
    ".+",
    "\\W+",
    "\\d\\w\\s|\\D\\W\\S",
]
"""These take single bytes of longer characters, or whole planes, so they are compared over ASCII text."""


def compiled(pattern: str) -> Any:
    """RE2 on the pattern as written."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern.encode(), options)


def spans(pattern: Any, text: bytes) -> list[list[tuple[int, int]]]:
    """Whole matches and groups."""
    return [[found.span(n) for n in range(found.re.groups + 1)] for found in pattern.finditer(text)]


def check(pattern: str, text: bytes) -> None:
    """Three ways to one result, within the widths."""
    wanted = spans(compiled(pattern), text)
    assert wanted
    node = read_pattern(pattern).node
    assert spans(compile_bytes(byte_form(pattern)), text) == wanted
    assert spans(compile_bytes(render(node, "re2").encode("ascii")), text) == wanted
    least, most = widths(node)
    assert all(least <= end - start <= (len(text) if most is None else most) for (start, end), *_ in wanted)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_pattern_means_what_re2_says(pattern: str) -> None:
    """Same matches and groups, in each form that the product uses."""
    check(pattern, TEXT)


@pytest.mark.parametrize("pattern", ASCII_PATTERNS)
def test_byte_classes_mean_what_re2_says(pattern: str) -> None:
    """Over ASCII text there is no difference between bytes and characters."""
    check(pattern, bytes(range(1, 128)) + b" aB c\n")


def test_group_names_survive_the_rendering() -> None:
    """Also where the pattern must be written out."""
    found = compile_bytes(byte_form("(?P<who>\u00e9)(b)")).search("x\u00e9b".encode())
    assert (found.groupdict(), found.groups()) == ({b"who": "\u00e9".encode()}, ("\u00e9".encode(), b"b"))


def test_group_name_outside_ascii_is_no_crash() -> None:
    """RE2 accepts it; so do we, or we refuse it with an error of ours."""
    try:
        pattern = compile_bytes(byte_form("(?P<n\u00e9>a)"))
    except PatternError:
        return
    assert pattern.search(b"a").span() == (0, 1)


def test_digits_outside_ascii_are_no_repetition() -> None:
    """A brace that holds other digits is a brace."""
    check("a{\u0663}", "aaa a{\u0663}".encode())
    check("a{\u00b2}", "aa a{\u00b2}".encode())


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("abc", (3, 3)),
        ("a|bcd", (1, 3)),
        ("a{2,5}b?", (2, 6)),
        ("(?:ab){2,}", (4, None)),
        ("\\ba\\b", (1, 1)),
        ("\u20ac{2}", (6, 6)),
        ("[a\u20ac]", (1, 3)),
        ("(a)*", (0, None)),
        ("(?:a{2}){3}", (6, 6)),
        ("(?:|a)", (0, 1)),
    ],
)
def test_widths(pattern: str, wanted: tuple[int, int | None]) -> None:
    """Least and most bytes."""
    assert widths(read_pattern(pattern).node) == wanted


@pytest.mark.parametrize(
    ("pattern", "text", "back", "ahead"),
    [
        ("key[a-z]{20,200}", "key[a-z]{20}", 23, 180),
        ("key([a-z]{20,})", "key[a-z]{20}", 23, None),
        ("key[a-z]{20,23}", "key[a-z]{20,23}", 26, 0),
        ("key[a-z]*", "key", 3, None),
        ("[a-z]*", "[a-z]*", None, 0),
        ("(?:key(?:ab){1,9})", "key(?:ab){1}", 5, 16),
        ("a+b", "a+b", None, 0),
    ],
)
def test_trigger_cuts_only_the_tail(pattern: str, text: str, back: int | None, ahead: int | None) -> None:
    """What the prefilter is given, and how far a match can reach from the end of a hit."""
    cut = trigger(read_pattern(pattern).node)
    assert (render(cut.node, "vectorscan"), cut.back, cut.ahead) == (text, back, ahead)


def test_unbounded_reach_is_capped_in_the_program() -> None:
    """No window is wider than the longest match that counts."""
    program = compile_rules(RuleSet((Rule("r", regex="key[a-z]{20,}"), Rule("s", regex="a+b"))), "off")
    assert program.probes == (Probe(0, 23, MATCH_BYTES_MAX), Probe(1, MATCH_BYTES_MAX, 0))
    assert [plan.width for plan in program.plans] == [MATCH_BYTES_MAX, MATCH_BYTES_MAX]


@pytest.mark.parametrize("pattern", ["\\p{Greek}", "[\\p{Han}]"])
def test_unknown_property_is_named(pattern: str) -> None:
    """What RE2 knows and we do not is an error, never a guess."""
    with pytest.raises(PatternError, match="Unicode property"):
        read_pattern(pattern)
