"""Which rules look again when a rule set changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gossip.engine.rules.delta import read_sheet, sheet_of, to_run_again
from gossip.engine.rules.model import Allowlist, Component, Rule, RuleSet
from gossip.schemas.errors import PermanentError

A, B, C = (Rule(name, regex=f"{name * 4}[0-9]+") for name in "abc")
GENERIC = Rule("generic", regex="[a-z]{9}", tags=("generic",))
PAIR = Rule("pair", regex="pair[0-9]+", components=(Component("b"),))
PATH = Rule("path", path="key$")
SILENT = replace(C, skip_report=True)
FOR_A = Allowlist(stopwords=("x",), target_rules=("a",))
FOR_ALL = Allowlist(stopwords=("x",))


def rules(*wanted: Rule, allow: tuple[Allowlist, ...] = ()) -> RuleSet:
    """A rule set."""
    return RuleSet(wanted, allow)


CASES = [
    (rules(A, B), rules(A, B), set()),
    (rules(A), rules(A, B), {"b"}),
    (rules(A, B), rules(A), set()),
    (rules(A, B), rules(A, replace(B, entropy=1.0)), {"b"}),
    (rules(A, B), rules(A, replace(B, description="other")), set()),
    (rules(A, GENERIC), rules(A, B, GENERIC), {"b", "generic"}),
    (rules(A, B, GENERIC), rules(A, GENERIC), {"generic"}),
    (rules(A, GENERIC), rules(A, PATH, GENERIC), {"path"}),
    (rules(A, GENERIC), rules(A, SILENT, GENERIC), set()),
    (rules(A, B, PAIR), rules(A, replace(B, entropy=1.0), PAIR), {"b", "pair"}),
    (rules(A, B, PAIR), rules(B, PAIR), set()),
    (rules(A, B), rules(A, B, allow=(FOR_A,)), {"a"}),
    (rules(A, B), rules(A, B, allow=(FOR_ALL,)), None),
]


@pytest.mark.parametrize(("old", "new", "expected"), CASES)
def test_rules_that_look_again(old: RuleSet, new: RuleSet, expected: set[str] | None) -> None:
    """Those that are new or changed, and those whose results may depend on them."""
    sheets = [read_sheet(sheet_of(one, frozenset()).text()) for one in (old, new)]
    again = to_run_again(*sheets, new)
    assert (None if again is None else {new.rules[number].id for number in again}) == expected


def test_a_rule_without_literals_looks_again() -> None:
    """What another rule's literals give away may be gone, or new."""
    old, new = rules(A, B), rules(A)
    assert to_run_again(sheet_of(old, frozenset({0})), sheet_of(new, frozenset({0})), new) == {0}


def test_a_sheet_says_what_it_carries() -> None:
    """Rules that stay and did not look again; a text that is no sheet is refused."""
    sheet = sheet_of(rules(A, B), frozenset())
    again = replace(sheet, again=frozenset({A.fingerprint.hex()[:32]}))
    assert read_sheet(again.text()) == again
    assert [again.carries(one.fingerprint.hex()) for one in (A, B, C)] == [False, True, False]
    assert [again.has(one.fingerprint.hex()) for one in (A, B, C)] == [True, True, False]
    with pytest.raises(PermanentError, match="cannot be read"):
        read_sheet("abc what")
