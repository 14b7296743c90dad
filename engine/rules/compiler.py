"""From a rule set to a program: one Vectorscan database for all rules, and what a hit of it means.

Vectorscan only says where to look; RE2 decides. So a rule's expression may match too much but never too little. What
Vectorscan cannot compile is tried in its prefilter mode, then replaced by the rule's keywords, and at the very last the
rule is confirmed over whole documents.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import hyperscan

from gossip.engine.limits import KEYWORD_RADIUS_BYTES, MATCH_BYTES_MAX, NEAR_BYTES_MAX, SCORED_BYTES_MAX
from gossip.engine.rules.anchors import derive
from gossip.engine.rules.patterns import PatternError, byte_form, compile_bytes, read_pattern
from gossip.engine.rules.probes import ANCHOR_BYTES_MIN, Expression, Probe, encoded_expressions
from gossip.engine.rules.syntax.forms import beginning, render, trigger, widths
from gossip.engine.rules.syntax.nodes import Atom, Concat, Node
from gossip.schemas.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gossip.engine.rules.model import Allowlist, Rule, RuleSet
    from gossip.schemas.config import DecodeMode

PROGRAM_FORMAT = 7
"""Part of the cache key: raise it when a program's fields change their meaning, or the same rules compile to others."""


@dataclass(frozen=True, slots=True)
class RulePlan:
    """How one rule is confirmed."""

    pattern: str
    """For RE2 over bytes; empty for a rule that only looks at paths."""
    width: int
    """No match of it that counts is longer, in bytes."""
    everywhere: bool
    """No expression finds it: RE2 reads every document whole."""
    worded: bool = True
    """It has literals that give it away in encoded text, or looks at no text."""


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled rule set, as plain data: it can be cached on disk and shared by workers."""

    plans: tuple[RulePlan, ...]
    probes: tuple[Probe, ...]
    """Indexed by expression id."""
    database: bytes
    """Serialized Vectorscan database; empty where no rule has an expression."""
    wide: tuple[int, ...] = ()
    """Expressions whose hits are over NEAR_BYTES_MAX long, or have no bound."""
    wide_database: bytes = b""
    """Those alone, under the same ids; empty where there are none."""

    def header(self) -> bytes:
        """All but the databases, as JSON."""
        fields = {"plans": [asdict(p) for p in self.plans], "probes": self.probes, "wide": self.wide}
        return json.dumps(fields | {"size": len(self.database)}, separators=(",", ":")).encode()

    @classmethod
    def from_parts(cls, header: bytes, databases: bytes) -> Program:
        """The inverse of `header`, given both databases, one after the other. Raises ValueError, KeyError or TypeError
        for what is not one.
        """
        fields = json.loads(header)
        plans = tuple(RulePlan(**entry) for entry in fields["plans"])
        probes, size = tuple(map(Probe._make, fields["probes"])), fields["size"]
        return cls(plans, probes, databases[:size], tuple(fields["wide"]), databases[size:])


def compile_rules(rule_set: RuleSet, decode: DecodeMode = "anchors", beside: RuleSet | None = None) -> Program:
    """Compile every rule. Raises MisuseError that names source, rule and key of a bad pattern.

    `beside`: rules whose literals give encoded text away too, although they are not compiled.
    """
    for allowlist in rule_set.allowlists:
        _check_allowlist(allowlist, rule_set.source)
    nodes: list[Node | None] = []
    plans: list[RulePlan] = []
    for rule in rule_set.rules:
        node, plan = _plan(rule, rule_set.source)
        nodes.append(node)
        plans.append(plan)
    anchors = [None if node is None else derive(node, least=ANCHOR_BYTES_MIN) for node in nodes]
    found = [
        expression
        for index, node in enumerate(nodes)
        if node is not None
        for expression in (
            [_expression(index, node, plans[index].width, scored=rule_set.rules[index].scorer)]
            if anchors[index] or not _worded(rule_set.rules[index])
            else _by_keywords(index, rule_set.rules[index], plans[index].width)
        )
    ]
    others = [] if beside is None else [_plan(rule, beside.source)[0] for rule in beside.rules]
    more = [None if node is None else derive(node, least=ANCHOR_BYTES_MIN) for node in others]
    # Names such as `key` are too short to say that encoded text is worth decoding.
    named = rule_set.rules + (() if beside is None else beside.rules)
    telling = [None if rule.scorer else one for rule, one in zip(named, [*anchors, *more], strict=True)]
    encoded = encoded_expressions(telling, decode)
    database = _compile(found + encoded)
    if database is None:
        found = [part for one in found for part in _workable(one, rule_set.rules[one.probe.rule])]
        database = _compile(found + encoded)
        if database is None:
            msg = "Vectorscan refuses the rules together although it accepts each of them"
            raise MisuseError(f"{rule_set.source}: {msg}; give fewer rules")
    seen = {one.probe.rule for one in found}
    plans = [
        RulePlan(p.pattern, p.width, bool(p.pattern) and i not in seen, node is None or bool(told))
        for i, (p, node, told) in enumerate(zip(plans, nodes, telling, strict=False))
    ]
    probes = tuple(one.probe for one in found + encoded)
    wide = tuple(number for number, one in enumerate(found + encoded) if _is_wide(one))
    apart = _compile(found + encoded, wide)
    assert apart is not None  # each of them was accepted above
    return Program(tuple(plans), probes, database, wide, apart)


def _is_wide(one: Expression) -> bool:
    # What Vectorscan makes of an expression in its prefilter form has no bound that we know.
    return one.width is None or one.width > NEAR_BYTES_MAX or bool(one.flags & hyperscan.HS_FLAG_PREFILTER)


def _expression(rule: int, node: Node, width: int, *, scored: bool) -> Expression:
    cut = beginning(node) if scored else trigger(node)
    limit = width if scored else MATCH_BYTES_MAX
    back = limit if cut.back is None else min(cut.back, limit)
    ahead = limit if cut.ahead is None else min(cut.ahead, limit)
    return Expression(render(cut.node, "vectorscan").encode("ascii"), Probe(rule, back, ahead), cut.back)


def _plan(rule: Rule, source: str) -> tuple[Node | None, RulePlan]:
    where = f"{rule.source or source}: rule {rule.id!r}"
    if rule.path is not None:
        check_pattern(rule.path, f"{where}: key path")
    for allowlist in rule.allowlists:
        _check_allowlist(allowlist, where)
    if rule.regex is None:
        return None, RulePlan("", 0, everywhere=False)
    try:
        parsed = read_pattern(rule.regex)
        pattern = byte_form(rule.regex, parsed)
        groups = compile_bytes(pattern).groups
    except PatternError as err:
        raise MisuseError(f"{where}: key regex: {err}") from err
    if rule.secret_group > groups:
        raise MisuseError(f"{where}: key secretGroup: {rule.secret_group}, but the regex has {groups} groups")
    least, most = widths(parsed.node)
    if least == 0:
        raise MisuseError(f"{where}: key regex: matches the empty string, so it would match everywhere")
    limit = SCORED_BYTES_MAX if rule.scorer else MATCH_BYTES_MAX
    width = limit if most is None else min(most, limit)
    return parsed.node, RulePlan(pattern.decode("ascii"), width, everywhere=False)


def rule_problem(rule: Rule, source: str) -> str | None:
    """Why a rule cannot be compiled, None if it can."""
    try:
        _plan(rule, source)
    except MisuseError as err:
        return str(err)
    return None


def _check_allowlist(allowlist: Allowlist, where: str) -> None:
    for key, patterns in (("paths", allowlist.paths), ("regexes", allowlist.regexes)):
        for pattern in patterns:
            check_pattern(pattern, f"{where}: allowlist: key {key}")


def check_pattern(pattern: str, where: str) -> None:
    """Raise MisuseError that starts with `where` unless the pattern can be compiled."""
    try:
        compile_bytes(byte_form(pattern))
    except PatternError as err:
        raise MisuseError(f"{where}: {err}") from err


def _compile(expressions: list[Expression], chosen: Sequence[int] | None = None) -> bytes | None:
    """The serialized database of all expressions or of the chosen ones, or None where Vectorscan refuses one of them.

    The id of an expression is its place in the list.
    """
    numbers = range(len(expressions)) if chosen is None else chosen
    if not numbers:
        return b""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    try:
        database.compile(
            expressions=[expressions[number].text for number in numbers],
            ids=list(numbers),
            elements=len(numbers),
            flags=[expressions[number].flags for number in numbers],
        )
    except hyperscan.error:
        return None
    dumped: bytes = hyperscan.dumpb(database)
    return dumped


def _workable(one: Expression, rule: Rule) -> list[Expression]:
    """What stands in for an expression: itself, its prefilter form, its rule's keywords, or nothing."""
    if _compile([one]) is not None:
        return [one]
    relaxed = Expression(one.text, one.probe, one.width, hyperscan.HS_FLAG_PREFILTER)
    if _compile([relaxed]) is not None:
        return [relaxed]
    return _by_keywords(one.probe.rule, rule, MATCH_BYTES_MAX)


def _by_keywords(number: int, rule: Rule, width: int) -> list[Expression]:
    """A rule's keywords, one of which must stand near its matches, in the place of its regex.

    The windows are wide enough for a match that another one overlaps, too.
    """
    reach = 2 * width + KEYWORD_RADIUS_BYTES
    literals = []
    for keyword in rule.keywords:
        raw = keyword.lower().encode()
        node = Concat(tuple(_caseless(byte) for byte in raw))
        probe = Probe(number, reach + len(raw), reach)
        literals.append(Expression(render(node, "vectorscan").encode("ascii"), probe, len(raw)))
    return literals


def _worded(rule: Rule) -> bool:
    """Whether a rule's keywords can find it in the place of a regex that holds no literal.

    Seven such regexes cost a quarter of the scan of all 614 (tests/bench/engine.py): each of them is run over every
    byte.
    """
    return not rule.scorer and bool(rule.keywords) and min(map(len, rule.keywords)) >= ANCHOR_BYTES_MIN


def _caseless(byte: int) -> Node:
    both = {byte, ord(chr(byte).upper())} if byte < 0x80 else {byte}
    mask = 0
    for value in both:
        mask |= 1 << value
    return Atom(mask)


def load_database(serialized: bytes) -> Any:
    """A Vectorscan database of a program with a scratch space of its own; None where it has no expression.

    Raises hyperscan.error where this machine cannot run it.
    """
    if not serialized:
        return None
    database = hyperscan.loadb(serialized, mode=hyperscan.HS_MODE_BLOCK)
    database.scratch = hyperscan.Scratch(database)
    return database
