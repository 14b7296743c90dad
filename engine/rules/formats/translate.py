"""Patterns of Rust's regex syntax, with its flag x, as RE2 patterns."""

from __future__ import annotations

import re

from gossip.engine.rules.table import Reader

_FLAGS = re.compile(r"\(\?([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)])")
_NAME = re.compile(r"\(\?P?<([A-Za-z_]\w*)>")
_LOOKS = {
    "(?=": "look-ahead (?=",
    "(?!": "look-ahead (?!",
    "(?<=": "look-behind (?<=",
    "(?<!": "look-behind (?<!",
}
_REFUSED = {
    "(?>": "atomic group (?>",
    "(?P=": "back-reference (?P=",
}
_WORD = r"(?:\\w|\[\\w\]|\[(?:A-Z|a-z|0-9|_){4}\])"
_WORDLIKE = r"(?:[A-Za-z0-9_]|\\[wd]|\[(?:\\[wd]|[A-Za-z0-9_]|(?<=\w)-(?=\w))+\])"
_BEFORE = re.compile(rf"\(\?<!{_WORD}\)(?=\(*{_WORDLIKE}(?:\+|\{{[1-9][0-9,]*\}}|(?![*?{{+])))")
_AFTER = re.compile(rf"({_WORDLIKE}(?:\+|\{{[1-9][0-9,]*\}})?)(\)*)\(\?!{_WORD}\)")


def translated(pattern: str, reader: Reader) -> tuple[str, dict[str, int]]:
    """The pattern for RE2, and the numbers of its named groups. Raises MisuseError that names the construct."""
    translator = _Translator(pattern, reader)
    text, names = translator.run()
    looks = translator.looks
    if looks:
        edged, before = _BEFORE.subn(r"\\b", text)
        edged, after = _AFTER.subn(r"\1\2\\b", edged)
        # A look at the edge of word characters is a word boundary. With branches, each could begin otherwise.
        if "|" in text or before + after != len(looks):
            raise reader.error("pattern", f"RE2 has no {looks[0]}")
        text = edged
    return text, names


class _Translator:
    def __init__(self, pattern: str, reader: Reader) -> None:
        self.text = pattern
        self.reader = reader
        self.out: list[str] = []
        self.pos = 0
        self.verbose = [False]
        self.groups = 0
        self.names: dict[str, int] = {}
        self.looks: list[str] = []

    def refuse(self, what: str) -> None:
        raise self.reader.error("pattern", f"RE2 has no {what} (at {self.pos})")

    def run(self) -> tuple[str, dict[str, int]]:
        while self.pos < len(self.text):
            char = self.text[self.pos]
            if char == "\\":
                self.escape()
            elif char == "[":
                self.char_class()
            elif self.text.startswith("(?#", self.pos) and ")" in self.text[self.pos :]:
                self.pos = self.text.index(")", self.pos) + 1
            elif char == "(":
                self.group()
            elif self.verbose[-1] and char.isspace():
                self.pos += 1
            elif self.verbose[-1] and char == "#":
                end = self.text.find("\n", self.pos)
                self.pos = len(self.text) if end < 0 else end
            else:
                self.plain(char)
        return "".join(self.out), self.names

    def plain(self, char: str) -> None:
        if char == ")" and len(self.verbose) > 1:
            self.verbose.pop()
        if char == "+" and self.out and self.out[-1] in ("+", "*", "?") and self.text[self.pos - 1] in "+*?":
            self.refuse(f"possessive repetition {self.out[-1]}+")
        self.out.append(char)
        self.pos += 1

    def escape(self) -> None:
        following = self.text[self.pos + 1 : self.pos + 2]
        if following and following in "123456789":
            self.refuse(f"back-reference \\{following}")
        if following in ("k", "<", ">", "G", "K", "Z") or self.text.startswith("\\b{", self.pos):
            self.refuse(f"escape \\{following}")
        if following == "u" and self.text.startswith("{", self.pos + 2):
            self.out.append("\\x")
        else:
            self.out.append("\\x20" if following == " " else "\\" + following)
        self.pos += 2

    def char_class(self) -> None:
        """A class up to its bracket. Flag x holds in it too; RE2 has neither nested classes nor their operators."""
        head = 2 if self.text.startswith("[^", self.pos) else 1
        self.out.append(self.text[self.pos : self.pos + head])
        self.pos += head
        first = True
        while first or not self.text.startswith("]", self.pos):
            if self.pos >= len(self.text):
                self.refuse("end of a class that is not closed")
            char = self.text[self.pos]
            first = first and char.isspace() and self.verbose[-1]
            if char == "\\":
                self.escape()
            elif self.text.startswith("[:", self.pos) and ":]" in self.text[self.pos :]:
                end = self.text.index(":]", self.pos) + 2
                self.out.append(self.text[self.pos : end])
                self.pos = end
            elif char == "[" or self.text[self.pos : self.pos + 2] in ("&&", "--", "~~"):
                self.refuse(f"nested class or its operator {char}")
            else:
                if not (self.verbose[-1] and char.isspace()):
                    self.out.append(char)
                self.pos += 1
        self.out.append("]")
        self.pos += 1

    def group(self) -> None:
        named = _NAME.match(self.text, self.pos)
        flags = _FLAGS.match(self.text, self.pos)
        for start, what in _REFUSED.items():
            if self.text.startswith(start, self.pos) and not named:
                self.refuse(what)
        for start, what in _LOOKS.items():
            if self.text.startswith(start, self.pos) and not named:
                self.looks.append(f"{what} (at {self.pos})")
                self.verbose.append(self.verbose[-1])
                self.out.append(start)
                self.pos += len(start)
                return
        if flags:
            self.flags(flags)
            return
        self.groups += 1
        self.verbose.append(self.verbose[-1])
        if named:
            self.names[named[1]] = self.groups
        self.out.append(f"(?P<{named[1]}>" if named else "(")
        self.pos = named.end() if named else self.pos + 1

    def flags(self, found: re.Match[str]) -> None:
        """Flags for the rest of a group, or a group with flags. u and R change nothing for bytes of ASCII patterns."""
        on, off, end = found[1], found[2] or "", found[3]
        verbose = (self.verbose[-1] or "x" in on) and "x" not in off
        kept_on, kept_off = (re.sub("[xuR]", "", flags) for flags in (on, off))
        kept = kept_on + (f"-{kept_off}" if kept_off else "")
        if end == ")":
            self.verbose[-1] = verbose
            self.out.append(f"(?{kept})" if kept else "")
        else:
            self.verbose.append(verbose)
            self.out.append(f"(?{kept}:")
        self.pos = found.end()
