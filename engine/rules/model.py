"""What a rule is. Plain values; nothing here is compiled."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from gossip.engine.identity import TAG_RULE, derive, policy_hash, rules_digest, var

GENERIC_TAG = "generic"
"""A rule with this tag gives way where another rule finds overlapping bytes."""

RegexTarget = Literal["secret", "match", "line"]
Condition = Literal["OR", "AND"]


@dataclass(frozen=True, slots=True)
class Allowlist:
    """When a match is not a finding. `condition` says whether one check that holds is enough, or all must."""

    description: str = ""
    condition: Condition = "OR"
    commits: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()
    regex_target: RegexTarget = "secret"
    stopwords: tuple[str, ...] = ()
    target_rules: tuple[str, ...] = ()
    """Global allowlists only: the rules it holds for; empty means every rule."""

    def canonical(self) -> list[object]:
        """What of it decides results, in a form that can be hashed."""
        checks = (self.commits, self.paths, self.regexes, self.stopwords, self.target_rules)
        return [self.condition, self.regex_target, *[sorted(check) for check in checks]]


@dataclass(frozen=True)
class Rule:
    """One kind of secret. See `docs/rules.md` for the meaning of every key."""

    id: str
    description: str = ""
    regex: str | None = None
    """RE2 syntax over bytes. None: the rule reports every file whose path matches `path`."""
    path: str | None = None
    secret_group: int = 0
    """0: the first group that took part and is not empty, else the whole match."""
    entropy: float | None = None
    keywords: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    severity: str = "high"
    confidence: int = 5
    references: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    counterexamples: tuple[str, ...] = ()
    allowlists: tuple[Allowlist, ...] = ()
    skip_report: bool = False
    source: str = field(default="", compare=False, repr=False)
    """The file that defines it, for messages."""

    @cached_property
    def fingerprint(self) -> bytes:
        """32 bytes that change with whatever decides the rule's results, and with nothing else."""
        canonical = [
            self.id,
            self.regex,
            self.path,
            self.secret_group,
            self.entropy,
            sorted(keyword.lower() for keyword in self.keywords),
            self.confidence,
            sorted((allowlist.canonical() for allowlist in self.allowlists), key=json.dumps),
            self.skip_report,
            GENERIC_TAG in self.tags,
        ]
        return derive(TAG_RULE, var(json.dumps(canonical, ensure_ascii=True).encode()))


@dataclass(frozen=True)
class RuleSet:
    """Every rule of a run and the allowlists that hold for all of them. Rule ids are unique."""

    rules: tuple[Rule, ...]
    allowlists: tuple[Allowlist, ...] = ()
    source: str = field(default="built-in", compare=False)
    """Where the rules came from, for messages."""

    @cached_property
    def digest(self) -> bytes:
        """Digest of all rules and global allowlists, whatever their order."""
        shared = [derive(TAG_RULE, var(json.dumps(a.canonical()).encode())) for a in self.allowlists]
        return rules_digest([*(rule.fingerprint for rule in self.rules), *shared])

    @cached_property
    def policy_hash(self) -> bytes:
        """Identity of the policy: which earlier results still count."""
        return policy_hash(self.digest)
