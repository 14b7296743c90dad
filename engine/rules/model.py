"""What a rule is. Plain values; nothing here is compiled."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

from gossip.engine.detect.scorer.model import scorer_version
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
    content: tuple[Any, ...] | None = None
    """A filter over the finding: a tree of `filters.syntax`. With it, the checks above are not asked."""
    place: tuple[Any, ...] | None = None
    """What must hold for the place too."""

    def canonical(self) -> list[object]:
        """What of it decides results, in a form that can be hashed."""
        checks = (self.commits, self.paths, self.regexes, self.stopwords, self.target_rules)
        expressions = [] if self.content is None else [self.content, self.place]
        return [self.condition, self.regex_target, *[sorted(check) for check in checks], *expressions]


@dataclass(frozen=True, slots=True)
class EntropyGate:
    """How the bits of a secret are judged, beside the rule's `entropy` threshold."""

    min_length: int = 1
    """A shorter secret is not judged, and earns nothing for its entropy."""
    max_length: int = 256
    """Of a longer secret the first bytes decide."""
    min_entropy: float | None = None
    """Floor of the min-entropy, log2(n / most frequent byte's count), in bits."""
    digit_penalty: bool = False
    """Take 1.2 / log2(length) bits off a secret of digits alone."""


@dataclass(frozen=True, slots=True)
class CharClass:
    """Rejects a match amid prose: `max_lower_pct` percent of lower-case letters in a window of `min_window` bytes."""

    max_lower_pct: int = 95
    min_window: int = 32


@dataclass(frozen=True, slots=True)
class LocalContext:
    """What must stand on the line of a secret. Checks that are on must all hold."""

    lookbehind: int = 256
    lookahead: int = 256
    same_line_assignment: bool = False
    quoted: bool = False
    key_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Component:
    """Another rule's match that must lie near a rule's own: the parts make one finding."""

    rule: str
    """Id of the other rule; it may be one that is not reported by itself."""
    within_lines: int | None = None
    within_bytes: int | None = None
    within_columns: int | None = None
    optional: bool = False
    """Reported where it is there, not asked for."""


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
    """Least Shannon entropy of the secret, bits per byte."""
    entropy_gate: EntropyGate = EntropyGate()
    must_contain: str = ""
    """This literal stands in the window of a match."""
    confirm_any: tuple[str, ...] = ()
    """Two-phase rules: one of these literals stands in the window of a match before anything dearer is asked."""
    assignment: bool = False
    """The window of a match holds an assignment of something of ten characters."""
    char_class: CharClass | None = None
    context: LocalContext | None = None
    uuid: bool = False
    """The secret may be a UUID; elsewhere those are identifiers, not secrets."""
    scorer: bool = False
    """A model judges each match: most are dropped, and what remains has its confidence from there."""
    validator: str = ""
    """Canonical JSON of the offline validator's specification; empty for none."""
    min_confidence: int | None = None
    """Matches that earn less are dropped. None: derived, see `derived_min_confidence`."""
    components: tuple[Component, ...] = ()
    keywords: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    severity: str = "high"
    confidence: int | None = None
    """The rule's own reliability, 0 to 10. None: what a match earns by its evidence alone."""
    references: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    counterexamples: tuple[str, ...] = ()
    verbatim: bool = False
    """Examples are texts as they are, without placeholders."""
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
            asdict(self.entropy_gate),
            [self.must_contain, sorted(self.confirm_any), self.assignment, self.uuid, self.validator],
            None if self.char_class is None else asdict(self.char_class),
            None if self.context is None else asdict(self.context),
            [asdict(component) for component in self.components],
            sorted(keyword.lower() for keyword in self.keywords),
            [self.confidence, self.min_confidence],
            sorted((allowlist.canonical() for allowlist in self.allowlists), key=json.dumps),
            self.skip_report,
            GENERIC_TAG in self.tags,
        ]
        if self.scorer:
            canonical.append(["scorer", scorer_version()])
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
