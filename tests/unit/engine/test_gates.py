from __future__ import annotations

import pytest

from gossip.engine.detect.gates.entropy import shannon_bits
from gossip.engine.detect.gates.inline import line_around
from gossip.engine.detect.match import Match
from gossip.engine.limits import KEYWORD_RADIUS_BYTES, LINE_CONTEXT_BYTES
from gossip.engine.rules.model import Rule
from tests.unit.engine.detecting import TOKEN, Seen, detector, matches, seen, token_rule

FOUND = Seen((TOKEN,), {})


@pytest.mark.parametrize("keyword", ["acme", "ACME", "AcMe"])
@pytest.mark.parametrize("text", [b"acme", b"ACME", b"aCmE"])
def test_keyword_of_any_case(keyword: str, text: bytes) -> None:
    """Neither the rule's spelling nor the text's counts."""
    assert seen(text + b" " + TOKEN, token_rule(keywords=(keyword,))) == FOUND


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (b"acme" + b"." * (KEYWORD_RADIUS_BYTES - 4), b"", True),
        (b"acme" + b"." * (KEYWORD_RADIUS_BYTES - 3), b"", False),
        (b"", b"." * (KEYWORD_RADIUS_BYTES - 4) + b"acme", True),
        (b"", b"." * (KEYWORD_RADIUS_BYTES - 3) + b"acme", False),
        (b"", b"", False),
    ],
)
def test_keyword_radius(before: bytes, after: bytes, found: bool) -> None:
    """The whole keyword lies within the radius of the match; one byte more is too far."""
    wanted = FOUND if found else Seen((), {"keyword": 1})
    assert seen(before + TOKEN + after, token_rule(keywords=("acme",))) == wanted


def test_keyword_inside_the_match() -> None:
    """The match itself is near itself; one keyword of several is enough."""
    assert seen(TOKEN, token_rule(keywords=("nope", "tok_"))) == FOUND


@pytest.mark.parametrize(
    ("data", "bits"),
    [(b"", 0.0), (b"aaaa", 0.0), (b"ab", 1.0), (b"abcd", 2.0), (b"aabbccdd", 2.0), (bytes(range(256)), 8.0)],
)
def test_shannon_bits(data: bytes, bits: float) -> None:
    """Exact where the histogram is even."""
    assert shannon_bits(data) == bits


@pytest.mark.parametrize(("least", "found"), [(1.0, True), (2.0, True), (2.0000001, False), (8.0, False)])
def test_entropy_equal_is_enough(least: float, found: bool) -> None:
    """`abcd` has exactly two bits a byte."""
    rule = Rule("r", regex="key=([a-z]{4})", entropy=least)
    assert seen(b"key=abcd", rule) == (Seen((b"abcd",), {}) if found else Seen((), {"entropy": 1}))


def test_entropy_is_that_of_the_secret() -> None:
    """Not of the whole match."""
    assert seen(b"qwertzuiop=aaaa", Rule("r", regex="[a-z]{10}=(a{4})", entropy=0.5)).suppressed == {"entropy": 1}


@pytest.mark.parametrize(
    ("regex", "group", "secret"),
    [
        ("key=[a-z]+", 0, b"key=abc"),
        ("key=([a-z]+)", 0, b"abc"),
        ("(key)=([a-z]+)", 0, b"key"),
        ("(key)=([a-z]+)", 2, b"abc"),
        ("(?P<name>key)=(?P<value>[a-z]+)", 2, b"abc"),
        ("(x)?key=([a-z]+)", 0, b"abc"),
        ("(x*)key=([a-z]+)", 0, b"abc"),
        ("(x)?(k)ey=([a-z]+)", 1, b"k"),
        ("(?:key)=([a-z])([a-z]+)", 1, b"a"),
        ("(key=([a-z]+))", 2, b"abc"),
        ("(x*)key=abc", 1, b"key=abc"),
    ],
)
def test_secret_group(regex: str, group: int, secret: bytes) -> None:
    """The named group; without one, or where it took no part, the first that is not empty; else the whole match."""
    assert seen(b"  key=abc ", Rule("r", regex=regex, secret_group=group)) == Seen((secret,), {})


def test_place_of_the_secret_and_of_the_match() -> None:
    """Offsets, lines and columns of a secret that spans lines."""
    data = b"one\n\xc3\xa9key=(ab\ncd)\n"
    assert matches(data, Rule("r", regex=r"key=\(([a-z\n]+)\)")) == [
        Match(0, 11, 16, 6, 17, b"ab\ncd", line=2, column=8, end_line=3, end_column=3)
    ]


COMMENTS = [
    b"# gossip:allow",
    b"// gitleaks:allow",
    b"# betterleaks:allow",
    b"# kingfisher:ignore",
    b"# trufflehog:ignore",
    b"# pragma: allowlist secret",
    b"# pragma: whitelist secret",
    b"/* pragma: allowlist-secret */",
    b"# PRAGMA: ALLOWLIST SECRET",
    b"# GitLeaks:Allow",
]


@pytest.mark.parametrize("comment", COMMENTS)
def test_inline_comment(comment: bytes) -> None:
    """The comments of six tools, before or after the secret on its line, and on no other line."""
    allowed = Seen((), {"inline-allow": 1})
    assert seen(TOKEN + b" " + comment, token_rule()) == allowed
    assert seen(comment + b" " + TOKEN, token_rule()) == allowed
    assert seen(b"a\n" + TOKEN + b" " + comment + b"\nb\n", token_rule()) == allowed
    assert seen(comment + b"\n" + TOKEN + b"\n", token_rule()) == FOUND
    assert seen(TOKEN + b"\n" + comment + b"\n", token_rule()) == FOUND


@pytest.mark.parametrize(
    "comment",
    [
        b"# pragma: allowlist nextline secret",
        b"# pragma: whitelist nextline secret",
        b"#pragma: allowlist-nextline-secret",
    ],
)
def test_inline_comment_for_the_next_line(comment: bytes) -> None:
    """It counts for exactly one line, the one after it."""
    assert seen(comment + b"\n" + TOKEN, token_rule()) == Seen((), {"inline-allow": 1})
    assert seen(b"a\n" + comment + b"\r\n  k = " + TOKEN + b"\n", token_rule()) == Seen((), {"inline-allow": 1})
    assert seen(comment + b" " + TOKEN, token_rule()) == FOUND
    assert seen(comment + b"\n\n" + TOKEN, token_rule()) == FOUND
    assert seen(TOKEN + b"\n" + comment, token_rule()) == FOUND
    assert seen(comment + b"\n" + TOKEN + b"\n" + TOKEN, token_rule()) == Seen((TOKEN,), {"inline-allow": 1})


@pytest.mark.parametrize("comment", [b"gossip: allow", b"gossip allow", b"allow", b"pragma: secret", b"nosec"])
def test_other_comments_allow_nothing(comment: bytes) -> None:
    """Near misses are no permission."""
    assert seen(TOKEN + b" # " + comment, token_rule()) == FOUND


def test_comment_far_away_on_a_long_line() -> None:
    """A line is looked at only so far: minified code on one line is not allowed as a whole."""
    comment = b"gossip:allow"
    near, far = LINE_CONTEXT_BYTES - len(comment), LINE_CONTEXT_BYTES - len(comment) + 1
    allowed = Seen((), {"inline-allow": 1})
    assert seen(TOKEN + b"." * near + comment, token_rule()) == allowed
    assert seen(TOKEN + b"." * far + comment, token_rule()) == FOUND
    assert seen(comment + b"." * near + TOKEN, token_rule()) == allowed
    assert seen(comment + b"." * far + TOKEN, token_rule()) == FOUND


def test_comment_on_the_line_after_a_match_that_takes_the_line_break() -> None:
    """Many rules end in a character that bounds the secret; where that is the line break, the next line is another."""
    rule = Rule("r", regex="(tok_[0-9]{8})(?:[^0-9]|\\z)")
    assert seen(TOKEN + b"\nother = 1  # gitleaks:allow\n", rule) == FOUND


def test_comment_on_the_line_before_a_match_that_takes_the_line_break() -> None:
    """The same at the other end."""
    rule = Rule("r", regex="(?:\\A|[^0-9])(tok_[0-9]{8})")
    assert seen(b"other = 1  # gitleaks:allow\n" + TOKEN, rule) == FOUND


@pytest.mark.parametrize(
    ("span", "wanted"),
    [((0, 2), (0, 3)), ((4, 5), (4, 7)), ((1, 5), (0, 7)), ((8, 9), (8, 10)), ((7, 8), (4, 10))],
)
def test_line_around(span: tuple[int, int], wanted: tuple[int, int]) -> None:
    """The lines that hold a span, without the last line break."""
    assert line_around(b"abc\ndef\ngh", *span) == wanted


GENERIC = Rule("generic", regex="key=([a-z0-9_]+)", tags=("generic",))
SPECIFIC = Rule("specific", regex="tok_[0-9]{8}")


def found_rules(data: bytes, *rules: Rule) -> tuple[list[str], dict[str, int]]:
    """Ids of the rules that report, and the counters."""
    used = detector(*rules)
    return [rules[match.rule].id for match in used.scan([data]).matches], dict(used.suppressed)


def test_generic_rule_gives_way() -> None:
    """One finding for one leak, whatever the order of the rules."""
    data = b"key=" + TOKEN
    assert found_rules(data, GENERIC, SPECIFIC) == (["specific"], {"shadowed": 1})
    assert found_rules(data, SPECIFIC, GENERIC) == (["specific"], {"shadowed": 1})


def test_generic_rule_stays_elsewhere() -> None:
    """It gives way only where the bytes of the secret overlap, and only to a rule that is not generic."""
    assert found_rules(b"key=abcdefgh " + TOKEN, GENERIC, SPECIFIC) == (["generic", "specific"], {})
    other = Rule("other", regex="abcd[a-z]+", tags=("generic",))
    assert found_rules(b"key=abcdefgh", GENERIC, other) == (["generic", "other"], {})


def test_generic_rule_stays_where_the_specific_one_was_rejected() -> None:
    """A rejected match shadows nothing."""
    rejected = Rule("specific", regex="tok_[0-9]{8}", entropy=8.0)
    assert found_rules(b"key=" + TOKEN, GENERIC, rejected) == (["generic"], {"entropy": 1})


def test_rule_that_is_not_reported() -> None:
    """`skipReport` silences a rule, with and without a regex."""
    assert seen(TOKEN, token_rule(skip_report=True)) == Seen((), {})
    assert detector(Rule("p", path="pem$", skip_report=True)).path_findings(b"a.pem") == []


def test_path_rule_without_a_regex() -> None:
    """It finds nothing in content, and documents by their path."""
    used = detector(Rule("pem", path=r"(?i)\.pem$"), token_rule())
    assert used.scan([b"a.pem"]).matches == []
    assert used.path_rules == (0,)
    assert [used.path_findings(path) for path in (b"k/\xff.PEM", b"a.pem.txt", b"")] == [[(0, ())], [], []]


def test_path_of_a_rule_with_a_regex() -> None:
    """The match waits for its place; elsewhere it is rejected and counted."""
    used = detector(token_rule(path=r"\.env$"))
    (match,) = used.scan([TOKEN]).matches
    assert not used.place_rejects(match.rule, match.pending, b"a/.env", "")
    assert used.place_rejects(match.rule, match.pending, b"a/.env.txt", "")
    assert dict(used.suppressed) == {"path": 1}
    assert used.path_findings(b"a/.env") == []
