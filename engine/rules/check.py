"""A rule's own proof: its examples must be found by the whole engine, its counterexamples must not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gossip.engine.detect.detector import Detector
from gossip.engine.rules.compiler import rule_problem
from gossip.engine.rules.examples import expand
from gossip.engine.rules.model import GENERIC_TAG

if TYPE_CHECKING:
    from gossip.engine.detect.match import Match
    from gossip.engine.rules.compiler import Program
    from gossip.engine.rules.model import Rule, RuleSet


def without_broken(rule_set: RuleSet) -> tuple[RuleSet, list[str]]:
    """The rules that can be compiled, and why each of the others cannot, in rule order.

    A rule that needs one of those as a component goes with it.
    """
    causes = {rule.id: rule_problem(rule, rule_set.source) for rule in rule_set.rules}
    problems = [cause for cause in causes.values() if cause is not None]
    left = {rule.id: rule for rule in rule_set.rules if causes[rule.id] is None}
    size = -1
    while size != len(left):
        size = len(left)
        for rule in list(left.values()):
            if any(part.rule not in left and not part.optional for part in rule.components):
                problems.append(f"{rule.source}: rule {rule.id!r}: a component of it cannot be compiled")
                del left[rule.id]
    kept = tuple(replace(r, components=tuple(c for c in r.components if c.rule in left)) for r in left.values())
    return replace(rule_set, rules=kept), problems


def provider_of(rule: Rule) -> str:
    """Whose secrets a rule finds: the first part of its id, the one before a dot or a hyphen."""
    return rule.id.replace(".", "-").split("-", 1)[0]


def check_examples(rule_set: RuleSet, program: Program, *, rivals: bool = False) -> list[str]:
    """One line for each example that is missed or malformed and each counterexample that is reported, in rule order.

    `rivals`: and for each example whose secret a rule of another provider finds with higher confidence.
    """
    detector = Detector(rule_set, program)
    problems: list[str] = []
    for number, rule in enumerate(rule_set.rules):
        if rule.regex is None or rule.skip_report:
            continue  # what is not reported cannot be asked for
        for kind, texts, wanted in (("example", rule.examples, True), ("counterexample", rule.counterexamples, False)):
            for index, template in enumerate(texts):
                where = f"{rule_set.source}: rule {rule.id!r}: {kind} {index + 1}"
                try:
                    text = (template if rule.verbatim else expand(template, f"{rule.id}/{index}")).encode()
                except ValueError as err:
                    problems.append(f"{where}: {err}")
                    continue
                matches = detector.scan([text]).matches
                found = {match.rule for match in matches}
                shadowed = wanted and GENERIC_TAG in rule.tags and bool(found)
                if (number in found) != wanted and not shadowed:
                    problems.append(f"{where} {'is not found' if wanted else 'is reported'}")
                elif wanted and rivals:
                    others = [rule_set.rules[other].id for other in _rivals(rule_set, number, matches)]
                    problems.extend(f"{where} is found by {other} with higher confidence" for other in others)
    return problems


def _rivals(rule_set: RuleSet, number: int, matches: list[Match]) -> list[int]:
    """The rules of other providers whose matches overlap the rule's own and are worth more."""
    provider = provider_of(rule_set.rules[number])
    own = [match for match in matches if match.rule == number]
    return [
        match.rule
        for match in matches
        if provider_of(rule_set.rules[match.rule]) != provider
        and any(m.start < match.end and match.start < m.end and match.confidence > m.confidence for m in own)
    ]
