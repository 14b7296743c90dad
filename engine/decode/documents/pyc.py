"""Compiled Python. Marshalled data is walked with an explicit stack, never loaded: loading runs on trust."""

from __future__ import annotations

from typing import NamedTuple

from gossip.engine.decode.documents.limits import MARSHAL_DEPTH_MAX, MARSHAL_OBJECTS_MAX
from gossip.engine.decode.documents.parts import Output
from gossip.engine.decode.documents.sweep import printable_runs

_FIXED = {ord(code): size for code, size in {"i": 4, "I": 8, "g": 8, "y": 16, "r": 4, "R": 4}.items()}
_ALONE = frozenset(b"NTF.S")
_LONG_STRINGS = frozenset(b"stuaA")
_SHORT_STRINGS = frozenset(b"zZ")
_LONG_SEQUENCES = frozenset(b"([<>")
_FLAG_REF = 0x80
_TOO_MANY = "too many values"


class _Todo(NamedTuple):
    """What follows in the bytes: `objects` marshalled values, or, if there are none, `skip` plain bytes."""

    objects: int
    skip: int = 0
    quiet: bool = False
    """Whether strings are machine code or tables of positions, which are no text."""


_FOREVER = 1 << 62
"""A dict has no count: it ends with a null."""

_CODE_TABLE = _Todo(1, 0, True)


def _layout(numbers: int, after_code: tuple[_Todo, ...]) -> tuple[_Todo, ...]:
    """Fields of a code object, last first: that many 32-bit numbers, the machine code, the rest."""
    return (_Todo(0, 4 * numbers), _CODE_TABLE, *after_code)[::-1]


# Constants, names, variables (three tuples), file, name, first line, table of lines.
_CLASSIC = (_Todo(7), _Todo(0, 4), _CODE_TABLE)
_PYTHON2 = _layout(4, _CLASSIC)
_PYTHON30 = _layout(5, _CLASSIC)
_PYTHON38 = _layout(6, _CLASSIC)
# Constants, names, variables, their kinds, file, name, full name, first line, tables of lines and of exceptions.
_PYTHON311 = _layout(5, (_Todo(3), _CODE_TABLE, _Todo(3), _Todo(0, 4), _CODE_TABLE, _CODE_TABLE))


def _form(magic: int) -> tuple[int, tuple[_Todo, ...]]:
    """Length of the header in bytes and layout of code objects, from the magic number.

    Numbers below 3000 are PyPy's, whose current versions follow 3.8 to 3.10.
    """
    if magic >= 20_000:
        return 8, _PYTHON2
    if magic >= 3450:
        return 16, _PYTHON311
    if magic >= 3400 or magic < 3000:
        return 16, _PYTHON38
    if magic >= 3390:
        return 16, _PYTHON30
    return (12 if magic >= 3190 else 8), _PYTHON30


def extract_pyc(data: bytes, out: Output, _name: str) -> None:
    """First part: the strings and bytes of all constants and names, one per line. If the data cannot be followed to its
    end, a second part, `rest`, holds the printable runs after that point.
    """
    if data[2:4] != b"\r\n":
        out.damaged("not compiled Python")
        return
    header, layout = _form(int.from_bytes(data[:2], "little"))
    walk = _Walk(data, header, layout)
    problem = walk.run()
    out.add(b"".join(walk.lines), "", header, walk.position)
    if problem:
        out.damaged(problem)
        out.truncated |= problem == _TOO_MANY
        out.add(printable_runs(data, walk.position), "rest", walk.position)


class _Walk:
    """Goes through marshalled data from left to right."""

    def __init__(self, data: bytes, position: int, layout: tuple[_Todo, ...]) -> None:
        self.lines: list[bytes] = []
        self.position = position
        self._data = data
        self._layout = layout
        self._todo = [_Todo(1)]

    def run(self) -> str:
        """Read until nothing is left to do; what went wrong, or nothing. `position` is after the last whole value."""
        for _ in range(MARSHAL_OBJECTS_MAX):
            if not self._todo:
                return ""
            if len(self._todo) > MARSHAL_DEPTH_MAX:
                return "nested too deeply"
            objects, skip, quiet = self._todo.pop()
            if objects > 1:
                self._todo.append(_Todo(objects - 1, 0, quiet))
            end = self._value(self.position, quiet=quiet) if objects else self.position + skip
            if end < 0:
                return "marshalled data of an unknown type"
            if end > len(self._data):
                return "cut short"
            self.position = end
        return _TOO_MANY

    def _value(self, start: int, *, quiet: bool) -> int:
        """Read the value at `start` without what it contains; its end, or -1 if its type is unknown."""
        data = self._data
        if start >= len(data):
            return len(data) + 1
        code, at = data[start] & ~_FLAG_REF, start + 1
        if code in _ALONE:
            return at
        if code in _FIXED:
            return at + _FIXED[code]
        if code in _LONG_STRINGS or code in _SHORT_STRINGS:
            width = 4 if code in _LONG_STRINGS else 1
            end = at + width + int.from_bytes(data[at : at + width], "little")
            if end <= len(data) and not quiet and end > at + width:
                self.lines.append(data[at + width : end] + b"\n")
            return end
        return self._container(code, at, quiet=quiet)

    def _container(self, code: int, at: int, *, quiet: bool) -> int:
        """Read what comes before the values of a container, and the rarer numbers."""
        data = self._data
        if code in _LONG_SEQUENCES or code == ord(")"):
            width = 4 if code in _LONG_SEQUENCES else 1
            count = int.from_bytes(data[at : at + width], "little")
            if count:
                self._todo.append(_Todo(count, 0, quiet))
            return at + width
        if code == ord("{"):
            self._todo.append(_Todo(_FOREVER, 0, quiet))
            return at
        if code == ord("0"):
            if self._todo and self._todo[-1].objects > 1 << 61:
                self._todo.pop()
            return at
        if code == ord(":"):
            self._todo.append(_Todo(3, 0, quiet))
            return at
        if code == ord("c"):
            self._todo.extend(self._layout)
            return at
        if code == ord("l"):
            return at + 4 + 2 * abs(int.from_bytes(data[at : at + 4], "little", signed=True))
        if code == ord("f"):
            return at + 1 + int.from_bytes(data[at : at + 1], "little")
        if code == ord("x"):
            middle = at + 1 + int.from_bytes(data[at : at + 1], "little")
            return middle + 1 + int.from_bytes(data[middle : middle + 1], "little")
        return -1
