from __future__ import annotations

import pytest

from gossip.engine.baseline.book import Baseline, entry, merged, parse, render, suppresses
from gossip.schemas.errors import MisuseError
from tests.support.lake import digest

KEY = digest("key")
HEADER = f"# gossip baseline 1 key {KEY}"


def test_text_of_a_baseline() -> None:
    """A header, then sorted lines of hash, rule, place and reason; nothing hangs over an empty end."""
    baseline = Baseline(KEY)
    one, two = sorted([digest(1), digest(2)])
    baseline.add(entry(two, "token", "b/c.py", "known"))
    baseline.add(entry(one, "token", "a.py"))
    baseline.add(entry(one, "other"))
    text = f"{HEADER}\n{one}\tother\n{one}\ttoken\ta.py\n{two}\ttoken\tb/c.py\tknown\n"
    assert render(baseline) == text
    assert parse(text, "f") == baseline


def test_other_ways_to_write_it() -> None:
    """Windows line ends, a byte order mark, comments, empty lines, spaces and repeated lines are all read."""
    line = f"{digest(1)}\ttoken\ta.py\tknown"
    text = f"\ufeff{HEADER}\r\n\r\n# a note\r\n{line} \r\n{HEADER}\r\n{line}\r\n"
    assert render(parse(text, "f")) == f"{HEADER}\n{line}\n"


def test_what_would_break_a_line_is_escaped() -> None:
    """Tabs, line ends and what steers a terminal become escapes, which stay as they are when written again."""
    one = entry(digest(1), "to\tken", "a\nb\u2028\x1b[31m", "why\r\t\u202enot \U000e0001")
    known, place, reason = one
    assert (known.rule_id, place) == ("to\\x09ken", "a\\x0ab\\u2028\\x1b[31m")
    assert reason == "why\\x0d\\x09\\u202enot \\U000e0001"
    baseline = Baseline(KEY)
    baseline.add(one)
    assert parse(render(baseline), "f") == baseline
    assert suppresses(baseline, digest(1), "to\tken") == known
    assert suppresses(baseline, digest(1), "token") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no baseline"),
        ("hello\n", r"f:1: is no entry"),
        (f"{digest(1)}\ttoken\n", "is no baseline"),
        (f"# gossip baseline 2 key {KEY}\n", r"f:1: a baseline of version 2"),
        ("# gossip baseline 1\n", r"f:1: a baseline of version 1"),
        (f"{HEADER}\n# gossip baseline 1 key {digest('other')}\n", "2 tenant keys"),
        (f"{HEADER}\n{digest(1)}\n", r"f:2: is no entry"),
        (f"{HEADER}\n{digest(1)[:-1]}\ttoken\n", r"f:2: is no entry"),
        (f"{HEADER}\n<<<<<<< HEAD\n", r"f:2: an unresolved merge"),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    """The message names the line and what to do, and shows nothing of it."""
    with pytest.raises(MisuseError, match=why):
        parse(text, "f")


def test_keys_do_not_mix() -> None:
    """Hashes of two keys cannot be compared, so their baselines cannot be merged."""
    with pytest.raises(MisuseError, match="two tenant keys"):
        merged(Baseline(KEY), Baseline(digest("other")))


def test_a_reason_is_kept() -> None:
    """Of two entries about one secret the one with a reason stays, whichever comes first."""
    bare, said = entry(digest(1), "token", "a.py"), entry(digest(1), "token", "b.py", "why")
    for order in ((bare, said), (said, bare)):
        baseline = Baseline(KEY)
        for one in order:
            baseline.add(one)
        assert list(baseline) == [said]
