"""Text of the XML members of office files: Word, Excel, PowerPoint, OpenDocument."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gossip.engine.decode.documents.parts import Output
from gossip.engine.decode.documents.xmlsafe import read_xml


@dataclass(frozen=True, slots=True)
class _Dialect:
    """Which elements, by local name, matter."""

    units: frozenset[str]
    """Paragraphs and cells: one line each."""
    texts: frozenset[str]
    """Elements whose characters are text of the unit."""
    breaks: dict[str, str]
    """Empty elements that stand for characters."""


_WORD = _Dialect(
    frozenset({"p"}),
    frozenset({"t", "delText", "instrText", "delInstrText"}),
    {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"},
)
_EXCEL = _Dialect(frozenset({"si", "c", "text"}), frozenset({"t", "v", "f", "text"}), {})
_POWERPOINT = _Dialect(frozenset({"p", "text"}), frozenset({"t", "text"}), {"br": "\n", "tab": "\t"})
_OPENDOCUMENT = _Dialect(frozenset({"p", "h"}), frozenset({"p", "h"}), {"tab": "\t", "line-break": "\n"})

_DIALECTS = {"word": _WORD, "xl": _EXCEL, "ppt": _POWERPOINT}
_MEMBER = re.compile(r"(?:^|[/\\!:])(word|xl|ppt)[/\\](?:.*[/\\])?([^/\\]+)\.xml\Z", re.IGNORECASE | re.DOTALL)

_SPACES_MAX = 1000
"""Spaces that one OpenDocument element may stand for."""

_PHONETIC = "rPh"
"""How a cell is pronounced: not part of its text."""


def extract_office(data: bytes, out: Output, name: str) -> None:
    """One part: a line per paragraph or cell of the member called `name`, labelled with its file name (`slide3`).

    Runs of a paragraph are joined, however many elements a change of font or a spelling mark splits a token over.
    Numbers in cells are skipped, formulas and their text results are not.
    """
    member = _MEMBER.search(name)
    dialect = _DIALECTS[member[1].lower()] if member else _OPENDOCUMENT
    reader = _Reader(dialect)
    try:
        read_xml(data, reader, out)
    finally:
        out.add("".join(reader.lines), member[2] if member else "")


class _Reader:
    """Collects lines from the stream of elements."""

    def __init__(self, dialect: _Dialect) -> None:
        self.lines: list[str] = []
        self._dialect = dialect
        self._units: list[list[str]] = []
        # Whether text is wanted, for each open element, and for what is outside of all.
        self._wanted = [False]
        self._cell_type = ""
        self._muted = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Open a line, a text, or add what an empty element stands for."""
        dialect = self._dialect
        if name in dialect.units:
            self._units.append([])
        wanted = self._wanted[-1] or name in dialect.texts
        if dialect is _EXCEL:
            if name == "c":
                self._cell_type = attributes.get("t", "")
            elif name == "v" and self._cell_type != "str":
                # A number, or an index into the shared strings.
                wanted = False
            elif name == _PHONETIC:
                self._muted += 1
        self._wanted.append(wanted)
        if self._units:
            if name in dialect.breaks:
                self._units[-1].append(dialect.breaks[name])
            elif name == "s" and dialect is _OPENDOCUMENT:
                self._units[-1].append(" " * _count(attributes.get("text:c", "1")))

    def end(self, name: str) -> None:
        """Close a text or a line."""
        self._wanted.pop()
        if name in self._dialect.units and self._units:
            line = "".join(self._units.pop()).rstrip()
            if line:
                self.lines.append(line + "\n")
        elif name in {"f", "v"} and self._units:
            # Formula and result share a cell.
            self._units[-1].append(" ")
        elif name == _PHONETIC:
            self._muted -= 1

    def text(self, data: str) -> None:
        """Characters of the innermost open line."""
        if self._wanted[-1] and self._units and not self._muted:
            self._units[-1].append(data)


def _count(value: str) -> int:
    return min(int(value), _SPACES_MAX) if value.isdecimal() and len(value) < 10 else 1
