"""Filters as functions. They see bytes, change nothing, and cannot fail: kinds were checked when they were read."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from gossip.engine.detect.gates.entropy import shannon_bits
from gossip.engine.rules.filters.syntax import Node
from gossip.engine.rules.patterns import Pattern, byte_form

Scope = Mapping[str, Any]
Test = Callable[[Scope], Any]

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "in": lambda one, many: one in many,
    "contains": lambda text, part: part in text,
    "startsWith": bytes.startswith,
    "endsWith": bytes.endswith,
}
_CALLS: dict[str, Callable[..., Any]] = {
    "entropy": shannon_bits,
    "len": len,
    "lower": bytes.lower,
    "upper": bytes.upper,
    "trim": bytes.strip,
    "min": min,
    "max": max,
    "containsAny": lambda text, parts: any(part in text.lower() for part in parts),
}


def compiled(node: Node) -> Test:
    """A function of a scope: the finding's and its place's keys, texts as bytes."""
    head = node[0]
    if head == "const":
        value = node[1].encode() if isinstance(node[1], str) else node[1]
        return lambda _: value
    if head in ("finding", "attribute"):
        key = node[1]
        return lambda scope: scope[key]
    if head == "call" and node[1] in ("matchesAny", "findMatch"):
        return _search(node[1], *node[2])
    if head in ("list", "call"):
        parts = [compiled(item) for item in node[-1]]
        call = _CALLS[node[1]] if head == "call" else (lambda *items: list(items))
        return lambda scope: call(*(part(scope) for part in parts))
    return _operation(head, [compiled(item) for item in node[1:]])


def _operation(head: str, parts: list[Test]) -> Test:
    first = parts[0]
    if head == "not":
        return lambda scope: not first(scope)
    second = parts[1]
    if head == "and":
        return lambda scope: first(scope) and second(scope)
    if head == "or":
        return lambda scope: first(scope) or second(scope)
    if head == "if":
        return lambda scope: second(scope) if first(scope) else parts[2](scope)
    if head == "slice":
        return lambda scope: first(scope)[max(0, int(second(scope))) : max(0, int(parts[2](scope)))]
    act = _OPERATORS[head]
    return lambda scope: act(first(scope), second(scope))


def _search(name: str, text: Node, wanted: Node) -> Test:
    look = compiled(text)
    items = wanted[1] if name == "matchesAny" else (wanted,)
    patterns = [Pattern(byte_form(item[1])) for item in items]
    if name == "matchesAny":
        return lambda scope: any(pattern.holds(look(scope)) for pattern in patterns)

    def first(scope: Scope) -> bytes:
        data = look(scope)
        found = patterns[0].search(data, 0, len(data))
        return b"" if found is None else data[found.start() : found.end()]

    return first
