"""Every key of a rule file, read into the field that it fills."""

from __future__ import annotations

from pathlib import Path

from gossip.engine.rules.compiler import compile_rules
from gossip.engine.rules.loader import load_file
from gossip.engine.rules.model import Allowlist, CharClass, Component, EntropyGate, LocalContext, Rule, RuleSet

TEXT = """
title = "t"
description = "d"
minVersion = "8.25.0"
[[rules]]
id = "r"
description = "d"
regex = '''(a)(b)'''
path = '''x$'''
secretGroup = 2
entropy = 3
keywords = ["K"]
tags = ["t"]
severity = "low"
confidence = 9
references = ["https://example.com"]
examples = ["ab"]
counterexamples = ["ba"]
skipReport = true
assignment = true
charClass = {maxLowerPct = 90, minWindow = 40}
confirmAny = ["c"]
context = {lookbehind = 9, lookahead = 8, sameLineAssignment = true, quoted = true, keyNames = ["n"]}
entropyGate = {minLength = 2, maxLength = 99, minEntropy = 1, digitPenalty = true}
minConfidence = 4
mustContain = "m"
uuid = true
validator = "jwt"
[[rules.components]]
id = "s"
withinLines = 3
[[rules.required]]
id = "s"
withinBytes = 30
withinColumns = 2
optional = true
[[rules.allowlists]]
description = "x"
condition = "&&"
commits = ["ABCDEF"]
paths = ["p"]
regexes = ["r"]
regexTarget = "line"
stopwords = ["WORD"]
[[rules]]
id = "s"
regex = "s+"
[[allowlists]]
targetRules = ["r"]
stopwords = ["global"]
"""
OWN = Allowlist("x", "AND", ("abcdef",), ("p",), ("r",), "line", ("word",))
RULE = Rule(
    id="r",
    description="d",
    regex="(a)(b)",
    path="x$",
    secret_group=2,
    entropy=3.0,
    entropy_gate=EntropyGate(2, 99, 1.0, digit_penalty=True),
    must_contain="m",
    confirm_any=("c",),
    assignment=True,
    char_class=CharClass(90, 40),
    context=LocalContext(9, 8, same_line_assignment=True, quoted=True, key_names=("n",)),
    uuid=True,
    validator='"jwt"',
    min_confidence=4,
    components=(
        Component("s", within_lines=3),
        Component("s", within_bytes=30, within_columns=2, optional=True),
    ),
    keywords=("K",),
    tags=("t",),
    severity="low",
    confidence=9,
    references=("https://example.com",),
    examples=("ab",),
    counterexamples=("ba",),
    allowlists=(OWN,),
    skip_report=True,
)


def test_every_key_of_a_rule(tmp_path: Path) -> None:
    """What is written is what is loaded."""
    path = tmp_path / "rules.toml"
    path.write_text(TEXT, "utf-8")
    found = load_file(path)
    compile_rules(found)
    assert found == RuleSet((RULE, Rule("s", regex="s+")), (Allowlist(stopwords=("global",), target_rules=("r",)),))
