from __future__ import annotations

import re
from pathlib import Path

import pytest

from gossip.engine.rules.cache import cached_program
from gossip.engine.rules.check import check_examples
from gossip.engine.rules.compiler import Program, compile_rules
from gossip.engine.rules.loader import load_builtin
from gossip.engine.rules.model import Rule, RuleSet


@pytest.fixture(scope="module")
def builtin() -> RuleSet:
    """The rules that ship."""
    return load_builtin()


@pytest.fixture(scope="module")
def program(builtin: RuleSet, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """They compile, as one database."""
    return cached_program(builtin, Path(tmp_path_factory.mktemp("cache")))


def test_examples_are_found_and_counterexamples_are_not(builtin: RuleSet, program: Program) -> None:
    """By the whole engine, with all rules together, and by no other provider's with higher confidence."""
    assert check_examples(builtin, program, rivals=True) == []


def test_check_can_fail() -> None:
    """A missed example and a reported counterexample are named."""
    rules = RuleSet((Rule("r", regex="abc[0-9]", examples=("abc1", "abd1"), counterexamples=("abcx", "abc2")),))
    assert check_examples(rules, compile_rules(rules)) == [
        "built-in: rule 'r': example 2 is not found",
        "built-in: rule 'r': counterexample 2 is reported",
    ]


def test_there_are_enough(builtin: RuleSet) -> None:
    """At least a hundred, each with its own id in one spelling."""
    ids = [rule.id for rule in builtin.rules]
    assert len(ids) >= 100
    assert len(set(ids)) == len(ids)
    assert [name for name in ids if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)] == []


def incomplete(rule: Rule) -> list[str]:
    """What a rule lacks."""
    checks = {
        "two examples": len(rule.examples) >= 2,
        "two counterexamples": len(rule.counterexamples) >= 2,
        "description": len(rule.description) >= 20,
        "keywords": bool(rule.keywords),
        "references": bool(rule.references) and all(url.startswith("https://") for url in rule.references),
        "distinct examples": len(set(rule.examples)) == len(rule.examples),
    }
    return [f"{rule.id}: {name}" for name, holds in checks.items() if not holds]


def test_every_rule_is_complete(builtin: RuleSet) -> None:
    """Examples, counterexamples, description, keywords, references."""
    assert [lack for rule in builtin.rules if rule.regex for lack in incomplete(rule)] == []


def test_no_rule_is_confirmed_over_whole_documents(builtin: RuleSet, program: Program) -> None:
    """One such rule would slow every scan down."""
    slow = [rule.id for rule, plan in zip(builtin.rules, program.plans, strict=True) if plan.everywhere]
    assert slow == []


def test_keywords_are_lower_case(builtin: RuleSet) -> None:
    """They are compared so."""
    assert [rule.id for rule in builtin.rules if any(word != word.lower() for word in rule.keywords)] == []
