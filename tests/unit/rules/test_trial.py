"""What every rule says about a text."""

from __future__ import annotations

from gossip.engine.rules.compiler import compile_rules
from gossip.engine.rules.model import Allowlist, Rule, RuleSet
from gossip.engine.rules.trial import Trial, try_rules


def test_each_match_has_a_verdict() -> None:
    """Found, or the gate that rejects it."""
    rules = RuleSet(
        (
            Rule("a", regex="aa([0-9]{4})", confidence=8, entropy=1.0, allowlists=(Allowlist(regexes=("9$",)),)),
            Rule("g", regex="a([0-9]{4})", confidence=3, tags=("generic",)),
        )
    )
    assert try_rules(rules, compile_rules(rules), b"aa1234\naa1111\naa1239\n") == [
        Trial("a", 1, 8, "found"),
        Trial("a", 2, None, "entropy"),
        Trial("a", 3, None, "allowlist"),
        Trial("g", 1, 3, "shadowed"),
        Trial("g", 2, 3, "found"),
        Trial("g", 3, 3, "found"),
    ]
