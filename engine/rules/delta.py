"""What a change of rules asks for: which rules have to look at known content again, and whose findings stay.

A result of one rule may depend on others: a generic rule gives way to whatever else matches there, a rule with parts
needs their matches, and a rule whose regex holds no literal sees encoded text only where a literal of another rule
gives it away. So a rule is run again if it, or anything that its result may depend on, is not what it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gossip.engine.identity import TAG_RULE, derive, var
from gossip.engine.rules.model import GENERIC_TAG
from gossip.schemas.errors import PermanentError

if TYPE_CHECKING:
    from gossip.engine.rules.model import Allowlist, Rule, RuleSet

_SHORT = 32
"""Hex digits of a digest in a sheet: 128 bits."""
_SILENT, _PATH, _GENERIC, _WORDLESS, _PLAIN = "-", "p", "g", "w", "s"
_MATCHING = frozenset((_GENERIC, _WORDLESS, _PLAIN))
_AGAIN = "!"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A rule set as a later run has to know it: `rules` maps the start of a rule's fingerprint to its part in the
    results of others and the allowlists that are meant for it.
    """

    shared: str
    """Digest of the allowlists that hold for every rule."""
    rules: Mapping[str, str]
    again: frozenset[str] = frozenset()
    """Those that were run again over what was known when this rule set came."""

    def text(self) -> str:
        """One line of text; `read_sheet` is the inverse."""
        marks = (f"{_AGAIN if name in self.again else ''}{name}:{entry}" for name, entry in sorted(self.rules.items()))
        return " ".join((self.shared, *marks))

    def carries(self, fingerprint: str) -> bool:
        """Whether what a rule, by its fingerprint in hex, had found under the rule set before holds under this one."""
        name = fingerprint[:_SHORT]
        return name in self.rules and name not in self.again

    def has(self, fingerprint: str) -> bool:
        """Whether the rule set has this very rule."""
        return fingerprint[:_SHORT] in self.rules


def read_sheet(text: str) -> Sheet:
    """The sheet that a text holds. Raises PermanentError for one that is none."""
    shared, *entries = text.split(" ")
    rules: dict[str, str] = {}
    again = set()
    for entry in entries:
        name, colon, said = entry.removeprefix(_AGAIN).partition(":")
        if not colon or len(name) != _SHORT:
            raise PermanentError("a rule set in the ledger cannot be read; it is damaged, or of a later version")
        rules[name] = said
        if entry.startswith(_AGAIN):
            again.add(name)
    return Sheet(shared, rules, frozenset(again))


def sheet_of(rule_set: RuleSet, wordless: frozenset[int]) -> Sheet:
    """The sheet of a rule set. `wordless`: the rules, by index, without a literal that shows in encoded text."""
    needed = {component.rule for rule in rule_set.rules for component in rule.components}
    meant: dict[str, list[Allowlist]] = {}
    for allowlist in rule_set.allowlists:
        for rule_id in allowlist.target_rules:
            meant.setdefault(rule_id, []).append(allowlist)
    rules = {}
    for number, rule in enumerate(rule_set.rules):
        part = _part(rule, number in wordless, rule.id in needed)
        rules[_name(rule)] = part + (_digest(meant[rule.id])[:_SHORT] if rule.id in meant else "")
    return Sheet(_digest(a for a in rule_set.allowlists if not a.target_rules)[:_SHORT], rules)


def _name(rule: Rule) -> str:
    return rule.fingerprint.hex()[:_SHORT]


def _part(rule: Rule, wordless: bool, needed: bool) -> str:  # noqa: FBT001
    if rule.skip_report and not needed:
        return _SILENT
    if rule.regex is None:
        return _PATH
    if GENERIC_TAG in rule.tags:
        return _GENERIC
    return _WORDLESS if wordless else _PLAIN


def _digest(allowlists: Iterable[Allowlist]) -> str:
    texts = sorted(json.dumps(allowlist.canonical()) for allowlist in allowlists)
    return derive(TAG_RULE, *(var(text.encode()) for text in texts)).hex()


def to_run_again(old: Sheet, new: Sheet, rule_set: RuleSet) -> frozenset[int] | None:
    """The rules of `rule_set`, by index, that must look at content which was scanned under `old`. `new` is its sheet.

    None: all of them, and nothing that was found before is known to hold.
    """
    if old.shared != new.shared:
        return None
    changed = {name for name in old.rules.keys() | new.rules.keys() if old.rules.get(name) != new.rules.get(name)}
    parts = {one.rules[name][0] for one in (old, new) for name in changed if name in one.rules}
    dependent = {_GENERIC, _WORDLESS} if parts & _MATCHING else set()
    numbers = {rule.id: number for number, rule in enumerate(rule_set.rules)}
    again = {
        number
        for number, rule in enumerate(rule_set.rules)
        if (_name(rule) in changed and new.rules[_name(rule)][0] != _SILENT) or new.rules[_name(rule)][0] in dependent
    }
    grown = -1
    while grown != len(again):
        grown = len(again)
        again |= {
            number
            for number, rule in enumerate(rule_set.rules)
            if any(numbers[component.rule] in again for component in rule.components)
        }
    return frozenset(again)


def names_of(rule_set: RuleSet, numbers: Iterable[int]) -> frozenset[str]:
    """What a sheet calls rules."""
    return frozenset(_name(rule_set.rules[number]) for number in numbers)
