"""Rule files: TOML, a superset of the gitleaks v8 format. Strict: what is not understood is an error, never ignored."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from gossip.engine.rules import gates
from gossip.engine.rules.model import Rule, RuleSet
from gossip.engine.rules.table import RULE_KEYS, TOP_KEYS, Reader
from gossip.schemas.errors import MisuseError

BUILTIN_DIR = Path(__file__).parent / "builtin"
EXTEND_DEPTH_MAX = 4
_REPLACED = {
    "assignment": "assignment",
    "charClass": "char_class",
    "confidence": "confidence",
    "confirmAny": "confirm_any",
    "components": "components",
    "context": "context",
    "counterexamples": "counterexamples",
    "description": "description",
    "entropy": "entropy",
    "entropyGate": "entropy_gate",
    "examples": "examples",
    "minConfidence": "min_confidence",
    "mustContain": "must_contain",
    "path": "path",
    "references": "references",
    "regex": "regex",
    "required": "components",
    "scorer": "scorer",
    "secretGroup": "secret_group",
    "severity": "severity",
    "skipReport": "skip_report",
    "uuid": "uuid",
    "validator": "validator",
}
"""Keys with which a rule replaces what it inherits, and the fields that they fill."""


def load_builtin() -> RuleSet:
    """The rules that ship with Gossip, families in name order."""
    return _builtin(set())


def _builtin(known: set[str]) -> RuleSet:
    families = [_load(path, 0, known) for path in sorted(BUILTIN_DIR.glob("*.toml"))]
    rules = [rule for family in families for rule in family.rules]
    shared = tuple(allowlist for family in families for allowlist in family.allowlists)
    return RuleSet(_unique(rules, "the built-in rules"), shared)


def load_file(path: Path) -> RuleSet:
    """The rules of one TOML file, with what it extends.

    Raises MisuseError that names file, rule and key for anything that is not understood.
    """
    known: set[str] = set()
    found = _load(path, 0, known)
    if not found.rules:
        raise MisuseError(f"rule file {path}: holds no rule, so nothing would be found; add [[rules]] or [extend]")
    for number, allowlist in enumerate(found.allowlists):
        # Only here are all ids known: a file that is extended may allow what rules of another one find.
        unknown = [rule_id for rule_id in allowlist.target_rules if rule_id not in known]
        if unknown:
            where = f"rule file {path}: global allowlist {number + 1}"
            raise MisuseError(f"{where}: key targetRules: no such rule: {', '.join(unknown)}")
    return found


def _load(path: Path, depth: int, known: set[str]) -> RuleSet:
    """As `load_file`, for a file by itself. The ids of all rules, disabled ones too, are added to `known`."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as err:
        raise MisuseError(f"rule file {path}: {err.strerror or err}") from err
    except UnicodeDecodeError as err:
        raise MisuseError(f"rule file {path}: not UTF-8 at byte {err.start}") from err
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise MisuseError(f"rule file {path}: not TOML: {err}") from err
    return _rule_set(data, path, depth, known)


def _rule_set(data: dict[str, Any], path: Path, depth: int, known: set[str]) -> RuleSet:
    top = Reader(str(path), data, TOP_KEYS)
    for key in ("title", "description", "minVersion"):
        top.text(key)
    base = _base(top, path, depth, known) or RuleSet(())
    inherited = frozenset(rule.id for rule in base.rules)
    entries = top.tables("rules")
    rules = _unique([_rule(entry, str(path), n, inherited) for n, entry in enumerate(entries)], str(path))
    known.update(rule.id for rule in rules)
    merged = {rule.id: rule for rule in base.rules}
    for entry, rule in zip(entries, rules, strict=True):
        merged[rule.id] = _override(merged[rule.id], rule, entry) if rule.id in inherited else rule
    return _linked(RuleSet(tuple(merged.values()), base.allowlists + top.allowlists(shared=True), str(path)))


def _linked(rule_set: RuleSet) -> RuleSet:
    """The same, after every component was found to name another rule that looks at content."""
    known = {rule.id: rule for rule in rule_set.rules}
    for rule in rule_set.rules:
        for component in rule.components:
            named = known.get(component.rule)
            if named is None or named is rule or named.regex is None:
                what = "no such rule" if named is None else "must be another rule, with a regex"
                raise MisuseError(f"{rule.source}: rule {rule.id!r}: component {component.rule!r}: {what}")
    return rule_set


def _base(top: Reader, path: Path, depth: int, known: set[str]) -> RuleSet | None:
    """What `[extend]` asks for, without its disabled rules."""
    if "extend" not in top.data:
        return None
    extend = Reader(f"{path}: [extend]", top.table("extend"), {"useDefault", "path", "disabledRules"})
    if depth >= EXTEND_DEPTH_MAX:
        raise MisuseError(f"{path}: [extend] is nested deeper than {EXTEND_DEPTH_MAX} files; does one extend itself?")
    base = RuleSet(())
    if extend.flag("useDefault"):
        base = _builtin(known)
    other = extend.text("path")
    if other:
        near = path.parent / other
        found = _load(near if near.exists() else Path(other), depth + 1, known)
        later = {rule.id: rule for rule in found.rules}
        kept = tuple(rule for rule in base.rules if rule.id not in later)
        base = RuleSet(kept + found.rules, base.allowlists + found.allowlists)
    disabled = set(extend.texts("disabledRules"))
    unknown = disabled - {rule.id for rule in base.rules}
    if unknown:
        raise MisuseError(f"{path}: [extend] disabledRules: no such rule: {', '.join(sorted(unknown))}")
    return replace(base, rules=tuple(rule for rule in base.rules if rule.id not in disabled))


def _override(old: Rule, new: Rule, entry: dict[str, Any]) -> Rule:
    """`old` with the keys that `new` was given; keywords, tags and allowlists are added."""
    changed = {field: getattr(new, field) for key, field in _REPLACED.items() if key in entry}
    return replace(
        old,
        **changed,
        keywords=tuple(dict.fromkeys(old.keywords + new.keywords)),
        tags=tuple(dict.fromkeys(old.tags + new.tags)),
        allowlists=old.allowlists + new.allowlists,
        source=new.source,
    )


def _rule(data: dict[str, Any], file: str, index: int, inherited: frozenset[str]) -> Rule:
    name = data.get("id")
    where = f"{file}: rule {name!r}" if isinstance(name, str) and name else f"{file}: rule number {index + 1}"
    reader = Reader(where, data, RULE_KEYS)
    rule_id = reader.text("id")
    if not rule_id:
        raise MisuseError(f"{where}: key id: a rule needs a non-empty id")
    regex, path = reader.text("regex"), reader.text("path")
    if not regex and not path and rule_id not in inherited:
        raise MisuseError(f"{where}: key regex: a rule needs a regex or a path")
    return Rule(
        id=rule_id,
        description=reader.text("description"),
        regex=regex or None,
        path=path or None,
        secret_group=reader.whole("secretGroup", 0, 99),
        entropy=reader.number("entropy", 0.0, 8.0),
        entropy_gate=gates.entropy_gate(reader),
        must_contain=reader.text("mustContain"),
        confirm_any=reader.texts("confirmAny", allow_empty=False),
        assignment=reader.flag("assignment"),
        char_class=gates.char_class(reader),
        context=gates.local_context(reader),
        scorer=reader.flag("scorer"),
        uuid=gates.uuid_allowed(reader, regex),
        validator=gates.validator(reader),
        min_confidence=reader.whole("minConfidence", 0, 10) if "minConfidence" in data else None,
        components=gates.components(reader),
        keywords=reader.texts("keywords", allow_empty=False),
        tags=reader.texts("tags"),
        severity=reader.choice("severity", ("low", "medium", "high", "critical"), "high"),
        confidence=reader.whole("confidence", 0, 10) if "confidence" in data else None,
        references=reader.texts("references"),
        examples=reader.texts("examples"),
        counterexamples=reader.texts("counterexamples"),
        allowlists=reader.allowlists(shared=False),
        skip_report=reader.flag("skipReport"),
        source=file,
    )


def _unique(rules: list[Rule], where: str) -> tuple[Rule, ...]:
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            raise MisuseError(f"{where}: rule {rule.id!r}: the id is used twice")
        seen.add(rule.id)
    return tuple(rules)
