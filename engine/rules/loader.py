"""Rule files: TOML, a superset of the gitleaks v8 format. Strict: what is not understood is an error, never ignored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gossip.engine.rules import gates
from gossip.engine.rules.formats import betterleaks
from gossip.engine.rules.formats.detect import tables
from gossip.engine.rules.formats.loading import Loading
from gossip.engine.rules.model import Rule, RuleSet
from gossip.engine.rules.selection import check_selectors, names, selected
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
    "verbatim": "verbatim",
}
"""Keys with which a rule replaces what it inherits, and the fields that they fill."""


def load_builtin() -> RuleSet:
    """The rules that ship with Gossip, families in name order."""
    return _builtin(Loading())


def _builtin(loading: Loading) -> RuleSet:
    families = [_load(path, 0, loading) for path in sorted(BUILTIN_DIR.glob("*.toml"))]
    rules = [rule for family in families for rule in family.rules]
    shared = tuple(allowlist for family in families for allowlist in family.allowlists)
    return RuleSet(_unique(rules, "the built-in rules"), shared)


def load_file(path: Path, loading: Loading | None = None) -> RuleSet:
    """The rules of one file, with what it extends.

    Raises MisuseError that names file, rule and key for anything that is not understood. A `loading` that collects
    problems gets those of single rules, which are left out then.
    """
    loading = loading or Loading()
    found = _load(path, 0, loading)
    if not found.rules and not loading.problems:
        raise MisuseError(f"rule file {path}: holds no rule, so nothing would be found; add [[rules]] or [extend]")
    for number, allowlist in enumerate(found.allowlists):
        # Only here are all ids known: a file that is extended may allow what rules of another one find.
        unknown = [rule_id for rule_id in allowlist.target_rules if rule_id not in loading.known]
        if unknown:
            where = f"rule file {path}: global allowlist {number + 1}"
            loading.refuse(MisuseError(f"{where}: key targetRules: no such rule: {', '.join(unknown)}"))
    return found


def load_selected(path: Path | None, enabled: tuple[str, ...] = (), disabled: tuple[str, ...] = ()) -> RuleSet:
    """The rules of a file (None: the built-in ones) that are enabled (all, if none is named) and not disabled.

    Each selector is `ID`, `tag:NAME` or `file:NAME`. Raises MisuseError as `load_file` does, and for a selector that
    names no rule. Rules whose id is disabled need not be understood.
    """
    loading = Loading(left_out=frozenset(disabled))
    whole = load_file(path, loading) if path is not None else load_builtin()
    check_selectors(whole.rules, enabled, "--enable-rule", loading.known)
    check_selectors(whole.rules, disabled, "--disable-rule", loading.known)
    return selected(whole, enabled, disabled)


def _load(path: Path, depth: int, loading: Loading) -> RuleSet:
    """As `load_file`, for a file by itself."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as err:
        raise MisuseError(f"rule file {path}: {err.strerror or err}") from err
    except UnicodeDecodeError as err:
        raise MisuseError(f"rule file {path}: not UTF-8 at byte {err.start}") from err
    return _rule_set(tables(text, str(path), loading), path, depth, loading)


def _rule_set(data: dict[str, Any], path: Path, depth: int, loading: Loading) -> RuleSet:
    top = Reader(str(path), data, TOP_KEYS)
    for key in ("title", "description", "minVersion", "betterleaksMinVersion"):
        top.text(key)
    base = _base(top, path, depth, loading) or RuleSet(())
    inherited = frozenset(rule.id for rule in base.rules)
    read = loading.each(
        lambda entry, n: (entry, _rule(entry, str(path), n, inherited, loading)),
        ((entry, n) for n, entry in enumerate(top.tables("rules"))),
    )
    rules = _unique([rule for _, rule in read], str(path))
    loading.known.update(rule.id for rule in rules)
    merged = {rule.id: rule for rule in base.rules}
    for entry, rule in read:
        merged[rule.id] = _override(merged[rule.id], rule, entry) if rule.id in inherited else rule
    shared = base.allowlists
    try:
        shared += top.allowlists(shared=True) + betterleaks.filters(top)
    except MisuseError as err:
        loading.refuse(err)
    return _linked(RuleSet(tuple(merged.values()), shared, str(path)), loading)


def _linked(rule_set: RuleSet, loading: Loading) -> RuleSet:
    """The same, after every component was found to name another rule that looks at content."""
    known = {rule.id: rule for rule in rule_set.rules}
    kept = []
    for rule in rule_set.rules:
        components = []
        for component in rule.components:
            named = known.get(component.rule)
            if named is not None and named is not rule and named.regex is not None:
                components.append(component)
            else:
                what = "no such rule" if named is None else "must be another rule, with a regex"
                loading.refuse(MisuseError(f"{rule.source}: rule {rule.id!r}: component {component.rule!r}: {what}"))
        whole = len(components) == len(rule.components)
        kept.append(rule if whole else replace(rule, components=tuple(components)))
    return replace(rule_set, rules=tuple(kept))


def _base(top: Reader, path: Path, depth: int, loading: Loading) -> RuleSet | None:
    """What `[extend]` asks for, without its disabled rules."""
    if "extend" not in top.data:
        return None
    extend = Reader(f"{path}: [extend]", top.table("extend"), {"useDefault", "path", "disabledRules"})
    if depth >= EXTEND_DEPTH_MAX:
        raise MisuseError(f"{path}: [extend] is nested deeper than {EXTEND_DEPTH_MAX} files; does one extend itself?")
    base = RuleSet(())
    if extend.flag("useDefault"):
        base = _builtin(loading)
    other = extend.text("path")
    if other:
        near = path.parent / other
        found = _load(near if near.exists() else Path(other), depth + 1, loading)
        later = {rule.id: rule for rule in found.rules}
        kept = tuple(rule for rule in base.rules if rule.id not in later)
        base = RuleSet(kept + found.rules, base.allowlists + found.allowlists)
    disabled = set(extend.texts("disabledRules"))
    check_selectors(base.rules, disabled, f"{path}: [extend] disabledRules", loading.left_out)
    return replace(base, rules=tuple(r for r in base.rules if not any(names(r, one) for one in disabled)))


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


def _rule(data: dict[str, Any], file: str, index: int, inherited: frozenset[str], loading: Loading) -> Rule:
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
        tags=betterleaks.tags(reader, loading),
        severity=reader.choice("severity", ("low", "medium", "high", "critical"), "high"),
        confidence=reader.whole("confidence", 0, 10) if "confidence" in data else None,
        references=reader.texts("references"),
        examples=reader.texts("examples"),
        counterexamples=reader.texts("counterexamples"),
        allowlists=reader.allowlists(shared=False) + betterleaks.filters(reader),
        verbatim=reader.flag("verbatim"),
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
