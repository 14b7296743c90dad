"""A parser for RE2 syntax (https://github.com/google/re2/wiki/Syntax) that yields byte trees.

RE2 itself decides whether a pattern is legal: `parse` is called after RE2 has accepted it, and only has to understand
it.
Differences from RE2's own reading, all of them over text that is not ASCII: a character outside ASCII is the sequence
of
its UTF-8 bytes; a negated class and `.` match one byte; Unicode properties take every byte of a multi-byte character.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from gossip.engine.rules.syntax import classes
from gossip.engine.rules.syntax.nodes import (
    ALL_BYTES,
    Alternate,
    Atom,
    Group,
    Look,
    LookKind,
    Node,
    Repeat,
    concat,
    mask_of,
)

_COUNT = re.compile("0|[1-9][0-9]*")
_NEWLINE = mask_of(b"\n")
_ESCAPED = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}
_LOOKS: dict[str, LookKind] = {"A": "text_start", "z": "text_end", "b": "word", "B": "not_word"}


class UnsupportedSyntaxError(ValueError):
    """The pattern uses a construct that this parser does not know. The text names it."""


@dataclass(frozen=True, slots=True)
class _Flags:
    fold: bool = False
    multiline: bool = False
    dotall: bool = False
    ungreedy: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """A pattern's tree. `exact` is False where the tree, not the pattern's text, must be given to a byte engine."""

    node: Node
    exact: bool


def parse(pattern: str) -> Parsed:
    """The tree of a pattern that RE2 accepts. Raises UnsupportedSyntaxError for what it does not know."""
    parser = _Parser(_unquoted(pattern))
    node = parser.alternation(_Flags())
    if parser.pos != len(parser.text):
        msg = f"unbalanced parenthesis at {parser.pos}"
        raise UnsupportedSyntaxError(msg)
    return Parsed(node, exact=parser.exact and pattern.isascii())


def _unquoted(pattern: str) -> str:
    """The pattern with `\\Q...\\E` written out, so that a repetition after it takes the last character, as in RE2."""

    def expand(found: re.Match[str]) -> str:
        return found[0] if found[1] is None else re.escape(found[1])

    return re.sub(r"(?s)\\(?:Q(.*?)(?:\\E|\Z)|.)", expand, pattern)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0
        self.exact = True

    def peek(self, ahead: str) -> bool:
        return self.text.startswith(ahead, self.pos)

    def take(self) -> str:
        char = self.text[self.pos]
        self.pos += 1
        return char

    def until(self, mark: str) -> str:
        end = self.text.index(mark, self.pos)
        found = self.text[self.pos : end]
        self.pos = end + len(mark)
        return found

    def alternation(self, flags: _Flags) -> Node:
        """Branches up to a closing parenthesis or the end. A flag group holds until there, in later branches too."""
        branches: list[Node] = []
        items: list[Node] = []
        while self.pos < len(self.text) and not self.peek(")"):
            if self.peek("|"):
                self.pos += 1
                branches.append(concat(items))
                items = []
                continue
            inline = self.inline_flags(flags)
            if inline is not None:
                flags = inline
                continue
            items.append(self.repeated(flags))
        branches.append(concat(items))
        return branches[0] if len(branches) == 1 else Alternate(tuple(branches))

    def inline_flags(self, flags: _Flags) -> _Flags | None:
        """`(?i)` and its kin: the new flags, or None if something else stands here."""
        if not self.peek("(?"):
            return None
        end = self.text.find(")", self.pos)
        names = self.text[self.pos + 2 : end]
        if not names or names.strip("imsU-"):
            return None
        self.pos = end + 1
        return self.flagged(flags, names)

    @staticmethod
    def flagged(flags: _Flags, names: str) -> _Flags:
        on = True
        for name in names:
            if name == "-":
                on = False
            elif name == "i":
                flags = replace(flags, fold=on)
            elif name == "m":
                flags = replace(flags, multiline=on)
            elif name == "s":
                flags = replace(flags, dotall=on)
            else:
                flags = replace(flags, ungreedy=on)
        return flags

    def repeated(self, flags: _Flags) -> Node:
        node = self.atom(flags)
        while self.pos < len(self.text):
            bounds = self.bounds()
            if bounds is None:
                break
            lazy = self.peek("?")
            self.pos += lazy
            node = Repeat(node, bounds[0], bounds[1], greedy=lazy == flags.ungreedy)
        return node

    def bounds(self) -> tuple[int, int | None] | None:
        char = self.text[self.pos]
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if char in simple:
            self.pos += 1
            return simple[char]
        if char != "{":
            return None
        end = self.text.find("}", self.pos)
        least, comma, most = self.text[self.pos + 1 : end].partition(",")
        if end < 0 or not _COUNT.fullmatch(least) or (most and not _COUNT.fullmatch(most)):
            return None  # RE2 reads such a brace as itself; also one with a leading zero
        self.pos = end + 1
        return int(least), (int(most) if most else None) if comma else int(least)

    def atom(self, flags: _Flags) -> Node:
        char = self.take()
        if char == "(":
            return self.group(flags)
        if char == "[":
            return self.char_class(flags)
        if char == ".":
            return Atom(ALL_BYTES if flags.dotall else ALL_BYTES & ~_NEWLINE)
        if char == "^":
            return Look("line_start" if flags.multiline else "text_start")
        if char == "$":
            return Look("line_end" if flags.multiline else "text_end")
        if char == "\\":
            return self.escape(flags)
        return self.literal(ord(char), flags)

    @staticmethod
    def literal(char: int, flags: _Flags) -> Node:
        if char > 0x7F:
            return classes.utf8_atoms(char)
        return Atom(classes.fold(1 << char) if flags.fold else 1 << char)

    def group(self, flags: _Flags) -> Node:
        name: str | None = None
        capture = True
        if self.peek("?P<") or self.peek("?<"):
            self.until("<")
            name = self.until(">")
        elif self.peek("?"):
            self.pos += 1
            flags = self.flagged(flags, self.until(":"))
            capture = False
        node = self.alternation(flags)
        if not self.peek(")"):
            msg = "missing closing parenthesis"
            raise UnsupportedSyntaxError(msg)
        self.pos += 1
        return Group(node, name) if capture else node

    def escape(self, flags: _Flags) -> Node:
        char = self.take()
        if char in _LOOKS:
            return Look(_LOOKS[char])
        if char == "C":
            return Atom(ALL_BYTES)
        if char in classes.PERL:
            return Atom(classes.PERL[char])
        if char in "pP":
            return Atom(self.unicode_property(flags, negated=char == "P"))
        code = self.char_code(char)
        if char in "x01234567" and code > 0x7F:
            self.exact = False
        return self.literal(code, flags)

    def char_code(self, char: str) -> int:
        """The code point of an escape whose first character after the backslash was taken."""
        if char in _ESCAPED:
            return _ESCAPED[char]
        if char == "x":
            if self.peek("{"):
                self.pos += 1
                return int(self.until("}"), 16)
            digits = self.text[self.pos : self.pos + 2]
            self.pos += 2
            return int(digits, 16)
        if char in "01234567":
            digits = char
            while len(digits) < 3 and self.pos < len(self.text) and self.text[self.pos] in "01234567":
                digits += self.take()
            return int(digits, 8)
        if char.isalnum():
            msg = f"escape \\{char}"
            raise UnsupportedSyntaxError(msg)
        return ord(char)

    def unicode_property(self, flags: _Flags, *, negated: bool) -> int:
        self.exact = False
        name = self.take()
        if name == "{":
            name = self.until("}")
        if name.startswith("^"):
            name, negated = name[1:], not negated
        if name not in classes.UNICODE:
            msg = f"Unicode property {name}; known are {', '.join(sorted(classes.UNICODE))}"
            raise UnsupportedSyntaxError(msg)
        mask = classes.fold(classes.UNICODE[name]) if flags.fold else classes.UNICODE[name]
        return (ALL_BYTES & ~mask) | classes.NON_ASCII if negated else mask

    def char_class(self, flags: _Flags) -> Node:
        negated = self.peek("^")
        self.pos += negated
        mask = 0
        wide: list[tuple[int, int]] = []
        first = True
        while first or not self.peek("]"):
            first = False
            named = self.named_class(flags)
            if named is not None:
                mask |= named
                continue
            low = self.class_char()
            high = low
            if self.peek("-") and not self.peek("-]"):
                self.pos += 1
                high = self.class_char()
            mask |= mask_of(range(low, min(high, 0x7F) + 1))
            if high > 0x7F:
                wide.append((max(low, 0x80), high))
        self.pos += 1
        if flags.fold:
            mask = classes.fold(mask)
        if negated:
            return Atom(ALL_BYTES & ~mask)
        return classes.class_node(mask, wide)

    def named_class(self, flags: _Flags) -> int | None:
        """`[:name:]`, `\\d` and the like inside a class; None if a plain character stands here."""
        if self.peek("[:"):
            end = self.text.find(":]", self.pos)
            name = self.text[self.pos + 2 : end]
            if end > 0 and name.lstrip("^") in classes.POSIX:
                self.pos = end + 2
                mask = classes.POSIX[name.lstrip("^")]
                if flags.fold:
                    mask = classes.fold(mask)  # before it is negated, as RE2 does
                return ALL_BYTES & ~mask if name.startswith("^") else mask
        if self.peek("\\") and self.pos + 1 < len(self.text):
            char = self.text[self.pos + 1]
            if char in classes.PERL:
                self.pos += 2
                return classes.PERL[char]
            if char in "pP":
                self.pos += 2
                return self.unicode_property(flags, negated=char == "P")
        return None

    def class_char(self) -> int:
        char = self.take()
        if char != "\\":
            return ord(char)
        char = self.take()
        code = self.char_code(char)
        if char in "x01234567" and code > 0x7F:
            self.exact = False
        return code
