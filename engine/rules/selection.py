"""Which rules of a set take part: by id, by tag, or by the file that they stand in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePath

from gossip.engine.rules.model import Rule, RuleSet
from gossip.schemas.errors import MisuseError


def names(rule: Rule, selector: str) -> bool:
    """Whether `ID`, `tag:NAME` or `file:NAME` (with or without its ending) names the rule."""
    kind, colon, name = selector.partition(":")
    if colon and kind == "tag":
        return name in rule.tags
    if colon and kind == "file":
        file = PurePath(rule.source)
        return name in (file.name, file.stem)
    return rule.id == selector


def check_selectors(rules: Iterable[Rule], selectors: Iterable[str], where: str, known: Iterable[str] = ()) -> None:
    """Raise MisuseError that starts with `where` for a selector that names no rule."""
    rules, ids = tuple(rules), set(known)
    unknown = [s for s in selectors if s not in ids and not any(names(rule, s) for rule in rules)]
    if unknown:
        raise MisuseError(f"{where}: no such rule: {', '.join(sorted(unknown))}")


def selected(rule_set: RuleSet, enabled: Iterable[str], disabled: Iterable[str]) -> RuleSet:
    """The enabled rules (all, if none is named) less the disabled ones. Parts of those that stay are not reported."""
    wanted, unwanted = tuple(enabled), tuple(disabled)
    if not wanted and not unwanted:
        return rule_set
    kept = {
        rule.id
        for rule in rule_set.rules
        if (not wanted or any(names(rule, s) for s in wanted)) and not any(names(rule, s) for s in unwanted)
    }
    if not kept:
        raise MisuseError(f"{rule_set.source}: every rule is disabled, so nothing would be found")
    parts: set[str] = set()
    grown = {c.rule for rule in rule_set.rules if rule.id in kept for c in rule.components} - kept
    while grown:
        parts |= grown
        grown = {c.rule for rule in rule_set.rules if rule.id in grown for c in rule.components} - kept - parts
    return replace(
        rule_set,
        rules=tuple(
            rule if rule.id in kept else replace(rule, skip_report=True)
            for rule in rule_set.rules
            if rule.id in kept or rule.id in parts
        ),
    )
