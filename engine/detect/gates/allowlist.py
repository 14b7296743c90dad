"""Allowlists: regexes and stopwords decide at once; paths and commits may be known only later.

In Git history a blob is scanned before anybody knows at which paths and in which commits it lies. So the answer to an
allowlist has three values, and what is undecided travels with the match as the allowlist's index.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from gossip.engine.rules.filters.evaluate import compiled
from gossip.engine.rules.patterns import Pattern, byte_form

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gossip.engine.rules.filters.evaluate import Test
    from gossip.engine.rules.model import Allowlist, Rule, RuleSet


class Verdict(Enum):
    """What an allowlist says from content alone."""

    ALLOWED = "allowed"
    NOT_ALLOWED = "not allowed"
    DEPENDS = "depends on path or commit"


@dataclass(frozen=True, slots=True)
class Parts:
    """What allowlist regexes can look at."""

    secret: bytes
    match: bytes
    line: bytes
    rule: str = ""
    offset: int = 0
    """Of the match in its line."""

    def scope(self) -> dict[str, bytes | int]:
        """The same for a filter. What it may see around the match is the line, however long its fragment was."""
        return {
            "secret": self.secret,
            "match": self.match,
            "line": self.line,
            "rule_id": self.rule.encode(),
            "fragment_raw": self.line,
            "match_start_idx": self.offset,
            "match_end_idx": self.offset + len(self.match),
            "match_line_start_idx": 0,
            "match_line_end_idx": len(self.line),
        }


class CompiledAllowlist:
    """One allowlist, its patterns compiled when first asked."""

    def __init__(self, allowlist: Allowlist) -> None:
        self.allowlist = allowlist
        self._regexes: list[Pattern] | None = None
        self._paths: list[Pattern] | None = None
        self._stopwords = tuple(word.encode() for word in allowlist.stopwords)
        self._located = bool(allowlist.paths or allowlist.commits or allowlist.place)
        self._content: Test | None = None
        self._place: Test | None = None

    def content_verdict(self, parts: Parts) -> Verdict:
        """The verdict as far as regexes and stopwords can tell."""
        if self.allowlist.content is not None:
            self._content = self._content or compiled(self.allowlist.content)
            if not self._content(parts.scope()):
                return Verdict.NOT_ALLOWED
            return Verdict.DEPENDS if self._located else Verdict.ALLOWED
        checks = []
        if self.allowlist.regexes:
            if self._regexes is None:
                self._regexes = [Pattern(byte_form(regex)) for regex in self.allowlist.regexes]
            text = getattr(parts, self.allowlist.regex_target)
            checks.append(any(regex.holds(text) for regex in self._regexes))
        if self._stopwords:
            lowered = parts.secret.lower()
            checks.append(any(word in lowered for word in self._stopwords))
        if self.allowlist.condition == "OR":
            if any(checks):
                return Verdict.ALLOWED
            return Verdict.DEPENDS if self._located else Verdict.NOT_ALLOWED
        if not all(checks):
            return Verdict.NOT_ALLOWED
        return Verdict.DEPENDS if self._located else Verdict.ALLOWED

    def allows_place(self, path: bytes, commit: str) -> bool:
        """For a verdict of DEPENDS: whether this place makes it ALLOWED."""
        if self.allowlist.place is not None:
            self._place = self._place or compiled(self.allowlist.place)
            return bool(self._place({"path": path, "git.sha": commit.encode()}))
        checks = []
        if self.allowlist.paths:
            if self._paths is None:
                self._paths = [Pattern(byte_form(regex)) for regex in self.allowlist.paths]
            checks.append(any(regex.holds(path) for regex in self._paths))
        if self.allowlist.commits:
            # An abbreviated id in the rule file names every commit that begins with it.
            checks.append(bool(commit) and commit.startswith(self.allowlist.commits))
        return any(checks) if self.allowlist.condition == "OR" else all(checks)


class Allowlists:
    """All allowlists of a rule set, numbered; each rule knows the numbers of its own and of the global ones."""

    def __init__(self, rule_set: RuleSet) -> None:
        self._all = [CompiledAllowlist(allowlist) for allowlist in rule_set.allowlists]
        shared = list(enumerate(rule_set.allowlists))
        self._of_rule: list[tuple[int, ...]] = []
        for rule in rule_set.rules:
            numbers = [n for n, a in shared if not a.target_rules or rule.id in a.target_rules]
            self._of_rule.append((*numbers, *self._add(rule)))

    def _add(self, rule: Rule) -> Iterable[int]:
        first = len(self._all)
        self._all.extend(CompiledAllowlist(allowlist) for allowlist in rule.allowlists)
        return range(first, len(self._all))

    def judge(self, rule: int, parts: Parts) -> tuple[int, ...] | None:
        """None if an allowlist suppresses the match, else the numbers of those that depend on its place."""
        pending = []
        for number in self._of_rule[rule]:
            verdict = self._all[number].content_verdict(parts)
            if verdict is Verdict.ALLOWED:
                return None
            if verdict is Verdict.DEPENDS:
                pending.append(number)
        return tuple(pending)

    def place_allowed(self, pending: tuple[int, ...], path: bytes, commit: str) -> bool:
        """Whether one of the undecided allowlists suppresses a match at this place."""
        return any(self._all[number].allows_place(path, commit) for number in pending)
