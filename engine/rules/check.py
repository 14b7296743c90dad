"""A rule's own proof: its examples must be found by the whole engine, its counterexamples must not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.engine.detect.detector import Detector
from gossip.engine.rules.examples import expand

if TYPE_CHECKING:
    from gossip.engine.rules.compiler import Program
    from gossip.engine.rules.model import RuleSet


def check_examples(rule_set: RuleSet, program: Program) -> list[str]:
    """One line for each example that is missed or malformed and each counterexample that is reported, in rule order."""
    detector = Detector(rule_set, program)
    problems: list[str] = []
    for number, rule in enumerate(rule_set.rules):
        if rule.regex is None:
            continue
        for kind, texts, wanted in (("example", rule.examples, True), ("counterexample", rule.counterexamples, False)):
            for index, template in enumerate(texts):
                try:
                    text = (template if rule.verbatim else expand(template, f"{rule.id}/{index}")).encode()
                except ValueError as err:
                    problems.append(f"{rule_set.source}: rule {rule.id!r}: {kind} {index + 1}: {err}")
                    continue
                found = {match.rule for match in detector.scan([text]).matches}
                shadowed = wanted and "generic" in rule.tags and bool(found)
                if (number in found) != wanted and not shadowed:
                    verdict = "is not found" if wanted else "is reported"
                    problems.append(f"{rule_set.source}: rule {rule.id!r}: {kind} {index + 1} {verdict}")
    return problems
