"""From a filter to allowlists: what content decides, and what only the place of a finding does.

In Git history content is judged before its places are known. So a filter is written as alternatives, each with a part
about the finding and a part about its place, and becomes one allowlist for each place and one for all the rest.
"""

from __future__ import annotations

from itertools import product

from gossip.engine.rules.filters.syntax import FilterError, Node, parse_filter
from gossip.engine.rules.model import Allowlist
from gossip.engine.rules.patterns import PatternError, byte_form, compile_bytes

_ALTERNATIVES_MAX = 64
_RESULTS = {"entropy": "number", "len": "number", "min": "number", "max": "number"}
_BOOLEAN = frozenset({"matchesAny", "containsAny"})
_TEXT_TESTS = frozenset({"contains", "startsWith", "endsWith"})
_ORDERS = frozenset({"<", "<=", ">", ">="})


def filter_allowlists(text: str) -> tuple[Allowlist, ...]:
    """The allowlists that suppress what a filter holds for. Raises FilterError."""
    node = parse_filter(text)
    _expect(node, "boolean")
    content: list[Node] = []
    placed: list[Allowlist] = []
    for atoms in _alternatives(node, positive=True):
        here = [atom for atom in atoms if not _about(atom, "attribute")]
        there = [atom for atom in atoms if _about(atom, "attribute")]
        mixed = [atom for atom in there if _about(atom, "finding")]
        if mixed:
            msg = "a comparison mixes the finding with attributes of its place; split it with && and ||"
            raise FilterError(msg)
        if not there:
            content.append(_joined("and", here))
        else:
            placed.append(Allowlist(content=_joined("and", here), place=_joined("and", there)))
    first = (Allowlist(content=_joined("or", content)),) if content else ()
    return first + tuple(placed)


def _joined(name: str, nodes: list[Node]) -> Node:
    if not nodes:
        return ("const", True)
    whole = nodes[0]
    for node in nodes[1:]:
        whole = (name, whole, node)
    return whole


def _alternatives(node: Node, *, positive: bool) -> list[tuple[Node, ...]]:
    """The node, or what it denies, as alternatives of atoms that must all hold."""
    if node[0] == "not":
        return _alternatives(node[1], positive=not positive)
    if not _about(node, "attribute") or node[0] not in ("and", "or", "if"):
        return [(node if positive else ("not", node),)]
    if node[0] == "if":
        _, condition, first, second = node
        spelled = ("or", ("and", condition, first), ("and", ("not", condition), second))
        return _alternatives(spelled, positive=positive)
    left, right = (_alternatives(one, positive=positive) for one in node[1:])
    if (node[0] == "or") == positive:
        found = left + right
    else:
        found = [first + second for first, second in product(left, right)]
    if len(found) > _ALTERNATIVES_MAX:
        msg = f"more than {_ALTERNATIVES_MAX} alternatives of place and content; write more filters"
        raise FilterError(msg)
    return found


def _about(node: object, what: str) -> bool:
    if not isinstance(node, tuple) or not node:
        return False
    return node[0] == what or (node[0] != "const" and any(_about(part, what) for part in node))


def _expect(node: Node, wanted: str) -> None:
    kind = _kind(node)
    if kind != wanted:
        msg = f"a {wanted} expected where {node[0]!r} gives a {kind}"
        raise FilterError(msg)


def _kind(node: Node) -> str:
    """text, number, boolean or list, after everything inside was checked. Raises FilterError."""
    head = node[0]
    if head == "const":
        return {str: "text", float: "number", int: "number", bool: "boolean"}[type(node[1])]
    if head == "finding":
        return "number" if node[1].endswith("_idx") else "text"
    if head == "attribute":
        return "text"
    if head == "list":
        for item in node[1]:
            _expect(item, "text")
        return "list"
    if head == "call":
        return _call_kind(node[1], node[2])
    if head == "if":
        _expect(node[1], "boolean")
        kind = _kind(node[2])
        _expect(node[3], kind)
        return kind
    if head == "slice":
        for part, kind in zip(node[1:], ("text", "number", "number"), strict=True):
            _expect(part, kind)
        return "text"
    return _operator_kind(head, *node[1:])


def _operator_kind(head: str, first: Node, second: Node = ("const", True)) -> str:
    if head in ("and", "or", "not"):
        _expect(first, "boolean")
        _expect(second, "boolean")
        return "boolean"
    if head in _TEXT_TESTS or head == "in":
        _expect(first, "text")
        _expect(second, "list" if head == "in" else "text")
        return "boolean"
    kind = "number" if head in _ORDERS or head == "-" else _kind(first)
    _expect(first, kind)
    _expect(second, kind)
    return kind if head in ("+", "-") else "boolean"


def _call_kind(name: str, arguments: tuple[Node, ...]) -> str:
    if name in ("min", "max"):
        kinds = ("number", "number")
    elif name in _BOOLEAN:
        kinds = ("text", "list")
    else:
        kinds = ("text", "text")
    for argument, kind in zip(arguments, kinds, strict=False):
        _expect(argument, kind)
    if name in ("matchesAny", "findMatch"):
        items = arguments[1][1] if name == "matchesAny" else (arguments[1],)
        for item in items:
            if not isinstance(item, tuple) or item[0] != "const":
                msg = f"function {name!r}: patterns must be written out"
                raise FilterError(msg)
            try:
                compile_bytes(byte_form(item[1]))
            except PatternError as err:
                msg = f"function {name!r}: pattern {item[1]!r}: {err}"
                raise FilterError(msg) from err
    return "boolean" if name in _BOOLEAN else _RESULTS.get(name, "text")
