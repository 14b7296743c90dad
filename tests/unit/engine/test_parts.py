"""Multi-part rules: which part a match takes, and what becomes of it where one is missing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossip.engine.detect.detector import Detector
from gossip.engine.detect.match import Match
from gossip.engine.detect.parts import Joiner
from gossip.engine.limits import MATCH_BYTES_MAX, overlap_bytes
from gossip.engine.rules.compiler import compile_rules
from gossip.engine.rules.model import Component, Rule, RuleSet
from tests.support.cli import gossip
from tests.unit.engine.detecting import TOKEN, TOKEN_REGEX, detector

if TYPE_CHECKING:
    from pathlib import Path

ID = Rule("id", regex="(id_[0-9]{4})", skip_report=True)


def token(*components: Component) -> Rule:
    """A rule with components."""
    return Rule("token", regex=TOKEN_REGEX, components=components)


def parts(data: bytes, *components: Component, rules: tuple[Rule, ...] = (ID,)) -> tuple[object, dict[str, int]]:
    """The parts of each match of the first rule, and the counters."""
    used = detector(token(*components), *rules)
    found = [tuple(part.secret for part in match.parts) for match in used.scan([data]).matches if match.rule == 0]
    return found, dict(used.suppressed)


MISSING = ([], {"component-missing": 1})


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"id_0001 " + TOKEN + b"  id_0002", b"id_0001"),
        (b"id_0001  " + TOKEN + b" id_0002", b"id_0002"),
        (b"id_0001 " + TOKEN + b" id_0002", b"id_0001"),
        (b"id_0001 id_0002 " + TOKEN, b"id_0002"),
        (TOKEN + b" id_0003 id_0004", b"id_0003"),
    ],
)
def test_nearest_part(data: bytes, part: bytes) -> None:
    """The fewest bytes in between, to either side; the earlier one of two."""
    assert parts(data, Component("id")) == ([(part,)], {})


@pytest.mark.parametrize("lines", [0, 1, 2, 3])
@pytest.mark.parametrize("before", [False, True])
def test_lines(lines: int, before: bool) -> None:
    """So many line breaks may lie in between, no more."""
    between = b"\n" * lines
    data = b"id_0001" + between + TOKEN if before else TOKEN + between + b"id_0001"
    wanted = ([(b"id_0001",)], {}) if lines <= 2 else MISSING
    assert parts(data, Component("id", within_lines=2)) == wanted


@pytest.mark.parametrize("count", [0, 9, 10, 11])
@pytest.mark.parametrize("before", [False, True])
def test_bytes(count: int, before: bool) -> None:
    """So many bytes may lie in between, no more."""
    between = b"." * count
    data = b"id_0001" + between + TOKEN if before else TOKEN + between + b"id_0001"
    wanted = ([(b"id_0001",)], {}) if count <= 10 else MISSING
    assert parts(data, Component("id", within_bytes=10)) == wanted


@pytest.mark.parametrize("indent", [0, 3, 4, 5])
@pytest.mark.parametrize("before", [False, True])
def test_columns(indent: int, before: bool) -> None:
    """Their columns differ by so many, no more."""
    data = b" " * indent + b"id_0001\n" + TOKEN if before else TOKEN + b"\n" + b" " * indent + b"id_0001"
    wanted = ([(b"id_0001",)], {}) if indent <= 4 else MISSING
    assert parts(data, Component("id", within_columns=4)) == wanted


def test_a_farther_part_within_bounds_is_taken() -> None:
    """Where the nearest one is in a wrong column."""
    data = b"id_0001\n\n" + b" " * 40 + b"id_0002\n" + TOKEN
    assert parts(data, Component("id", within_columns=4)) == ([(b"id_0001",)], {})


def test_optional_part() -> None:
    """It is reported where it is there, and not missed where not."""
    wanted = Component("id", within_lines=1, optional=True)
    assert parts(b"id_0001 " + TOKEN, wanted) == ([(b"id_0001",)], {})
    assert parts(b"id_0001\n\n" + TOKEN, wanted) == ([()], {})


def test_all_required_parts() -> None:
    """In the order of the rule; one that is missing is enough."""
    other = Rule("other", regex="(other_[0-9])")
    both = Component("other"), Component("id")
    assert parts(b"id_0001 other_1 " + TOKEN, *both, rules=(ID, other)) == ([(b"other_1", b"id_0001")], {})
    assert parts(b"id_0001 " + TOKEN, *both, rules=(ID, other)) == MISSING


def test_component_that_is_rejected_is_missing() -> None:
    """Gates come first."""
    strict = Rule("id", regex="(id_[0-9]{4})", skip_report=True, entropy=7.0)
    assert parts(b"id_0001 " + TOKEN, Component("id"), rules=(strict,)) == (
        [],
        {"entropy": 1, "component-missing": 1},
    )


def test_silent_and_reported_components() -> None:
    """A silent one is seen only as a part; any other is a finding too."""
    data = b"id_0001 " + TOKEN
    for silent, ids in ((True, ["token"]), (False, ["id", "token"])):
        rules = token(Component("id")), Rule("id", regex="(id_[0-9]{4})", skip_report=silent)
        found = detector(*rules).scan([data]).matches
        assert [rules[match.rule].id for match in found] == ids


def test_parts_across_segments() -> None:
    """A part in another segment is as near as it is."""
    rules = RuleSet((token(Component("id", within_bytes=200_000)), ID))
    small = Detector(rules, compile_rules(rules), segment_bytes=overlap_bytes(MATCH_BYTES_MAX) + 1)
    whole = Detector(rules, compile_rules(rules))
    noise = b"some words of text\n" * 10_000
    data = b"id_0001\n" + noise + TOKEN + b"\n" + noise[:150_000] + b"id_0002\n" + noise + b"id_0003 " + TOKEN
    found = small.scan([data[at : at + 5000] for at in range(0, len(data), 5000)]).matches
    assert [part.secret for match in found for part in match.parts] == [b"id_0002", b"id_0003"]
    assert found == whole.scan([data]).matches


spots = st.tuples(st.integers(0, 60), st.integers(1, 12)).map(lambda spot: (spot[0], spot[0] + spot[1]))
bounds = st.none() | st.integers(0, 12)


def _match(rule: int, span: tuple[int, int], width: int) -> Match:
    """A match in a document of lines of `width` bytes."""
    (start, end) = span
    lines = start // width + 1, end // width + 1
    columns = start % width + 1, end % width + 1
    return Match(rule, start, end, start, end, b"", lines[0], columns[0], lines[1], columns[1])


@given(spots, st.lists(spots, max_size=12), bounds, bounds, bounds, st.integers(3, 30))
def test_nearest_part_against_all_parts(
    span: tuple[int, int],
    others: list[tuple[int, int]],
    lines: int | None,
    count: int | None,
    columns: int | None,
    width: int,
) -> None:
    """What the search from the match outwards finds is what looking at every candidate finds."""
    component = Component("id", lines, count, columns)
    joiner = Joiner(RuleSet((token(component), ID)))
    match = _match(0, span, width)
    found = sorted((_match(1, other, width) for other in others), key=lambda one: (one.start, one.end))
    fit = []
    for number, one in enumerate(found):
        first, last = (match, one) if match.start <= one.start else (one, match)
        gap = max(0, last.start - first.end)
        if (
            (lines is None or last.line - first.end_line <= lines)
            and (count is None or gap <= count)
            and (columns is None or abs(one.column - match.column) <= columns)
        ):
            fit.append((gap, number))
    joined, alone = joiner.join(sorted([match, *found], key=lambda one: (one.start, one.end, one.rule)))
    assert ([one.parts for one in joined], alone) == (([(found[min(fit)[1]],)], 0) if fit else ([], 1))


def test_many_parts_take_linear_time() -> None:
    """Fifty thousand matches, none with a part near enough."""
    component = Component("id", within_lines=1)
    joiner = Joiner(RuleSet((token(component), ID)))
    line = 10
    found = [_match(0, (at * line, at * line + 3), line) for at in range(50_000)]
    found += [_match(1, ((at + 60_000) * line, (at + 60_000) * line + 3), line) for at in range(50_000)]
    assert joiner.join(found) == ([], 50_000)


RULES = """
[[rules]]
id = "pair-secret"
regex = '(tok_[0-9]{8})'
[[rules.components]]
id = "pair-id"
withinLines = 2

[[rules]]
id = "pair-id"
regex = '(id_[0-9]{4})'
skipReport = true
"""


def test_parts_in_json_lines(tmp_path: Path) -> None:
    """Where the part stands, what it looks like, and no more of it."""
    (tmp_path / "rules.toml").write_text(RULES)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_bytes(b"x\nid_0001\n" + TOKEN + b"\n")
    ran = gossip("scan", "--rules", str(tmp_path / "rules.toml"), "-f", "jsonl", str(tmp_path / "in"))
    (row,) = [json.loads(text) for text in ran.out.splitlines() if b"pair-" in text]
    (part,) = row["parts"]
    assert (row["rule_id"], part.pop("secret_hash") != row["secret_hash"]) == ("pair-secret", True)
    assert part == {"rule_id": "pair-id", "preview": "i...(7)", "line": 2, "column": 1, "start": 2, "end": 9}
