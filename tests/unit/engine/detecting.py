"""Scanning a text with a few rules, for tests of the detector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gossip.engine.detect.detector import Detector
from gossip.engine.rules.compiler import compile_rules
from gossip.engine.rules.model import Allowlist, Rule, RuleSet

if TYPE_CHECKING:
    from gossip.engine.detect.match import Match

TOKEN = b"tok_12345678"
TOKEN_REGEX = "(tok_[0-9]{8})"


@dataclass(frozen=True)
class Seen:
    """What a scan reported and what it rejected."""

    secrets: tuple[bytes, ...]
    suppressed: dict[str, int]


def detector(*rules: Rule, allowlists: tuple[Allowlist, ...] = ()) -> Detector:
    """A detector of these rules."""
    rule_set = RuleSet(rules, allowlists)
    return Detector(rule_set, compile_rules(rule_set))


def matches(data: bytes, *rules: Rule, allowlists: tuple[Allowlist, ...] = ()) -> list[Match]:
    """All matches in a document."""
    return detector(*rules, allowlists=allowlists).scan([data]).matches


def seen(data: bytes, *rules: Rule, allowlists: tuple[Allowlist, ...] = ()) -> Seen:
    """Secrets and counters of a document."""
    used = detector(*rules, allowlists=allowlists)
    return Seen(tuple(match.secret for match in used.scan([data]).matches), dict(used.suppressed))


def token_rule(**keys: object) -> Rule:
    """A rule for `TOKEN` with more keys."""
    return Rule("token", regex=TOKEN_REGEX, **keys)  # type: ignore[arg-type]
