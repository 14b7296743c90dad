"""A parser for filter expressions, a subset of Expr (https://expr-lang.org): nested tuples out of text.

Nodes: ("const", value), ("list", items), ("finding", key), ("attribute", key), ("call", name, arguments),
("not", x), ("and" or "or", x, y), ("if", condition, x, y), ("slice", text, start, end), and (operator, x, y).
They are plain data, so that they can be hashed and written as JSON.
"""

from __future__ import annotations

import re
from typing import Any

Node = tuple[Any, ...]

FINDING_KEYS = frozenset(
    {
        "secret",
        "match",
        "line",
        "rule_id",
        "fragment_raw",
        "match_start_idx",
        "match_end_idx",
        "match_line_start_idx",
        "match_line_end_idx",
    }
)
ATTRIBUTES = frozenset({"path", "git.sha"})
"""What is known of a place when a finding at it is judged."""
FUNCTIONS = {
    "matchesAny": 2,
    "containsAny": 2,
    "findMatch": 2,
    "entropy": 1,
    "len": 1,
    "lower": 1,
    "upper": 1,
    "trim": 1,
    "min": 2,
    "max": 2,
}
"""Functions and how many arguments they take. Also known as `filter.NAME`."""
_DEPTH_MAX = 64
_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
      | (?P<raw>`[^`]*`|r\"\"\".*?\"\"\")
      | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<name>[A-Za-z_]\w*)
      | (?P<mark>\?\?|\|\||&&|[<>=!]=|[-+<>!?:()\[\],.;=])""",
    re.VERBOSE | re.DOTALL,
)
_BINARY = {
    "??": 7,
    "||": 2,
    "or": 2,
    "&&": 3,
    "and": 3,
    "==": 4,
    "!=": 4,
    "<": 5,
    "<=": 5,
    ">": 5,
    ">=": 5,
    "in": 5,
    "contains": 5,
    "startsWith": 5,
    "endsWith": 5,
    "matches": 5,
    "+": 6,
    "-": 6,
}
_SPELLED = {"||": "or", "&&": "and"}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}


class FilterError(ValueError):
    """The expression is not one that Gossip can interpret. The text names the construct and its place."""


def parse_filter(text: str) -> Node:
    """The tree of an expression. Raises FilterError."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str, int]] = []
        self.pos = 0
        self.depth = 0
        self.bound: dict[str, Node] = {}
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                msg = f"unknown operator {text[at]!r} at {at}"
                raise FilterError(msg)
            if found.lastgroup != "space":
                self.tokens.append((str(found.lastgroup), found[0], at))
            at = found.end()
        self.tokens.append(("end", "the end", at))

    def error(self, what: str) -> FilterError:
        return FilterError(f"{what} at {self.tokens[self.pos][2]}")

    def peek(self, *marks: str) -> bool:
        kind, text, _ = self.tokens[self.pos]
        return kind in ("mark", "name") and text in marks

    def take(self) -> str:
        self.pos += 1
        return self.tokens[self.pos - 1][1]

    def expect(self, mark: str) -> None:
        if not self.peek(mark):
            raise self.error(f"{mark!r} expected, not {self.tokens[self.pos][1]!r},")
        self.pos += 1

    def name(self) -> str:
        if self.tokens[self.pos][0] != "name":
            raise self.error(f"a name expected, not {self.tokens[self.pos][1]!r},")
        return self.take()

    def whole(self) -> Node:
        while self.peek("let"):
            self.pos += 1
            name = self.name()
            self.expect("=")
            self.bound[name] = self.ternary()
            self.expect(";")
        node = self.ternary()
        if self.tokens[self.pos][0] != "end":
            raise self.error(f"unknown operator {self.tokens[self.pos][1]!r}")
        return node

    def ternary(self) -> Node:
        self.depth += 1
        if self.depth > _DEPTH_MAX:
            raise self.error(f"nested deeper than {_DEPTH_MAX}")
        node = self.binary(0)
        if self.peek("?"):
            self.pos += 1
            first = self.ternary()
            self.expect(":")
            node = ("if", node, first, self.ternary())
        self.depth -= 1
        return node

    def binary(self, least: int) -> Node:
        left = self.unary()
        while True:
            negated = self.peek("not") and self.tokens[self.pos + 1][1] == "in"
            mark = "in" if negated else self.tokens[self.pos][1]
            if not (negated or self.peek(*_BINARY)) or _BINARY[mark] <= least:
                return left
            self.pos += 1 + negated
            right = self.binary(_BINARY[mark])
            if mark == "matches":
                left = ("call", "matchesAny", (left, ("list", (right,))))
            elif mark != "??":  # what stands before it is always there
                left = (_SPELLED.get(mark, mark), left, right)
            left = ("not", left) if negated else left

    def unary(self) -> Node:
        if self.peek("!", "not"):
            self.pos += 1
            self.depth += 1
            if self.depth > _DEPTH_MAX:
                raise self.error(f"nested deeper than {_DEPTH_MAX}")
            node: Node = ("not", self.unary() if self.tokens[self.pos - 1][1] == "!" else self.binary(3))
            self.depth -= 1
            return node
        if self.peek("-"):
            self.pos += 1
            return ("-", ("const", 0), self.unary())
        return self.postfix(self.primary())

    def postfix(self, node: Node) -> Node:
        while True:
            if self.peek("["):
                self.pos += 1
                start: Node = ("const", 0) if self.peek(":") else self.ternary()
                self.expect(":")
                end: Node = ("call", "len", (node,)) if self.peek("]") else self.ternary()
                self.expect("]")
                node = ("slice", node, start, end)
            elif self.peek("."):
                self.pos += 1
                method = self.name()
                if method not in ("contains", "startsWith", "endsWith"):
                    raise self.error(f"unknown function {method!r}")
                self.expect("(")
                node = (method, node, self.ternary())
                self.expect(")")
            else:
                return node

    def primary(self) -> Node:
        kind, text, _ = self.tokens[self.pos]
        if kind in ("text", "raw", "number"):
            self.pos += 1
            return ("const", _value(kind, text))
        if kind == "name":
            return self.named()
        if self.peek("("):
            self.pos += 1
            node = self.ternary()
            self.expect(")")
            return node
        if self.peek("["):
            self.pos += 1
            return ("list", self.arguments("]"))
        raise self.error(f"unknown operator {text!r}")

    def named(self) -> Node:
        name = self.take()
        if name in ("true", "false"):
            return ("const", name == "true")
        if name in self.bound:
            return self.bound[name]
        if name in ("finding", "attributes"):
            return self.field(name)
        while self.peek("."):
            self.pos += 1
            name += "." + self.name()
        if not self.peek("("):
            raise self.error(f"unknown name {name!r}")
        self.pos += 1
        if name == "get":
            return self.get()
        arguments = self.arguments(")")
        name = name.removeprefix("filter.")
        if name not in FUNCTIONS:
            known = ", ".join(sorted([*FUNCTIONS, "get"]))
            raise self.error(f"unknown function {name!r}; known are {known};")
        if len(arguments) != FUNCTIONS[name]:
            raise self.error(f"function {name!r} takes {FUNCTIONS[name]} arguments, not {len(arguments)},")
        return ("call", name, arguments)

    def arguments(self, end: str) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self.peek(end):
            found.append(self.ternary())
            if not self.peek(end):
                self.expect(",")
        self.pos += 1
        return tuple(found)

    def get(self) -> Node:
        """`get(attributes, "path", "")`: the default is what an unknown attribute has anyway."""
        table = self.name()
        self.expect(",")
        node = self.keyed(table)
        if self.peek(","):
            self.pos += 1
            self.ternary()
        self.expect(")")
        return node

    def field(self, table: str) -> Node:
        if self.peek("["):
            self.pos += 1
            node = self.keyed(table)
            self.expect("]")
            return node
        self.expect(".")
        return self.known(table, self.name())

    def keyed(self, table: str) -> Node:
        kind, text, _ = self.tokens[self.pos]
        if kind not in ("text", "raw"):
            raise self.error("a key in quotes expected")
        self.pos += 1
        return self.known(table, str(_value(kind, text)))

    def known(self, table: str, key: str) -> Node:
        keys = {"finding": FINDING_KEYS, "attributes": ATTRIBUTES}.get(table)
        if keys is None or key not in keys:
            known = f"; known are {', '.join(sorted(keys))};" if keys else ""
            raise self.error(f"unknown key {key!r} of {table!r}{known}")
        return ("finding" if table == "finding" else "attribute", key)


def _value(kind: str, text: str) -> str | float:
    if kind == "number":
        return float(text)
    if kind == "raw":
        return text[4:-3] if text.startswith('r"""') else text[1:-1]
    return re.sub(r"(?s)\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", _unescaped, text[1:-1])


def _unescaped(found: re.Match[str]) -> str:
    said = found[1]
    return chr(int(said[1:], 16)) if len(said) > 1 else _ESCAPES.get(said, said)
