"""Apple property lists, XML and binary."""

from __future__ import annotations

import base64

from gossip.engine.decode.documents.limits import (
    NAME_CHARS_MAX,
    NAMES_MAX,
    OUTPUT_BYTES_MAX,
    PLIST_OBJECTS_MAX,
)
from gossip.engine.decode.documents.parts import Output, assignment
from gossip.engine.decode.documents.xmlsafe import read_xml

_BINARY = b"bplist00"
_TRAILER_BYTES = 32


def extract_plist(data: bytes, out: Output, _name: str) -> None:
    """First part: a line `outer.inner = "value"` per string. Then a part per data value, labelled with its path."""
    if data.startswith(b"bplist"):
        _binary(data, out)
        return
    reader = _Reader()
    try:
        read_xml(data, reader, out)
    finally:
        reader.emit(out)


class _Lines:
    """Lines of strings, and data values, with their paths."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._blobs: list[tuple[str, bytes]] = []

    def put(self, path: str, value: str | bytes) -> None:
        """Keep one value."""
        if isinstance(value, bytes):
            self._blobs.append((path, value))
        else:
            self._lines.append(assignment(path, value) if path else value + "\n")

    def emit(self, out: Output) -> None:
        """Hand everything over."""
        out.add("".join(self._lines))
        for path, blob in self._blobs:
            out.add(blob, path or "data")


class _Reader(_Lines):
    """Collects values from the elements of an XML property list."""

    def __init__(self) -> None:
        super().__init__()
        self._keys: list[str] = []
        self._text: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """A container opens a level of names."""
        self._text = []
        if name in {"dict", "array"}:
            self._keys.append("")

    def end(self, name: str) -> None:
        """A key names what follows; a string or data value is kept."""
        text = "".join(self._text)
        if name in {"dict", "array"} and self._keys:
            self._keys.pop()
        elif name == "key" and self._keys:
            self._keys[-1] = text[:NAME_CHARS_MAX]
        elif name in {"string", "data"} and text:
            path = ".".join(key for key in self._keys[-NAMES_MAX:] if key)
            self.put(path, text if name == "string" else _decoded(text))
        self._text = []

    def text(self, data: str) -> None:
        """Characters of the innermost element."""
        self._text.append(data)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except ValueError:
        return text.encode()


def _binary(data: bytes, out: Output) -> None:
    """Read the table of objects from first to last, so that references, which may form rings, are never followed down.
    The path of a value is found by going up.
    """
    if not data.startswith(_BINARY) or len(data) < len(_BINARY) + _TRAILER_BYTES:
        out.damaged("not a binary property list of the known version, or cut short")
        return
    trailer = data[-_TRAILER_BYTES:]
    offset_bytes, reference_bytes = trailer[6], trailer[7]
    count = int.from_bytes(trailer[8:16], "big")
    table = int.from_bytes(trailer[24:32], "big")
    if not 1 <= offset_bytes <= 8 or not 1 <= reference_bytes <= 8 or table + count * offset_bytes > len(data):
        out.damaged("the table of objects is outside of the file")
        return
    if count > PLIST_OBJECTS_MAX:
        count = PLIST_OBJECTS_MAX
        out.cut()
    objects = _Objects(data, reference_bytes)
    for number in range(count):
        entry = table + number * offset_bytes
        objects.read(number, int.from_bytes(data[entry : entry + offset_bytes], "big"))
    if objects.cut:
        out.cut()
    if objects.wrong:
        out.damaged("an object is cut short")
    objects.emit(out)


class _Objects:
    """The objects of a binary property list."""

    def __init__(self, data: bytes, reference_bytes: int) -> None:
        self.wrong = False
        self._data = data
        self._width = reference_bytes
        self._values: dict[int, str | bytes] = {}
        # Who holds an object, and under which key (an object, too): the first that says so.
        self._holder: dict[int, tuple[int, int | None]] = {}
        self._keys: set[int] = set()
        self._references = 0
        # Objects may overlap: together they can be many times the file.
        self._room = 2 * OUTPUT_BYTES_MAX
        self.cut = False

    def read(self, number: int, offset: int) -> None:
        """Read one object: strings and data are kept, containers say who holds what."""
        kind, size = self._data[offset] >> 4 if offset < len(self._data) else 0, 0
        if kind in {0x4, 0x5, 0x6, 0xA, 0xC, 0xD}:
            size, offset = self._size(offset)
        if kind in {0x4, 0x5, 0x6}:
            end = offset + size * (2 if kind == 0x6 else 1)
            raw = self._data[offset : min(end, offset + self._room)]
            self._room -= len(raw)
            self.wrong |= end > len(self._data)
            self.cut |= self._room == 0
            self._values[number] = (
                raw if kind == 0x4 else raw.decode("ascii" if kind == 0x5 else "utf-16-be", "replace")
            )
        elif kind in {0xA, 0xC}:
            for held in self._refs(offset, size):
                self._holder.setdefault(held, (number, None))
        elif kind == 0xD:
            keys = self._refs(offset, size)
            self._keys.update(keys)
            for key, held in zip(keys, self._refs(offset + size * self._width, size), strict=False):
                self._holder.setdefault(held, (number, key))

    def emit(self, out: Output) -> None:
        """All values that are not keys."""
        lines = _Lines()
        for number, value in self._values.items():
            if value and number not in self._keys:
                lines.put(self._path(number), value)
        lines.emit(out)

    def _size(self, offset: int) -> tuple[int, int]:
        """Length of an object and where its content begins."""
        low = self._data[offset] & 0x0F
        if low != 0x0F:
            return low, offset + 1
        width = 1 << (self._data[offset + 1] & 0x07) if offset + 1 < len(self._data) else 1
        return int.from_bytes(self._data[offset + 2 : offset + 2 + width], "big"), offset + 2 + width

    def _refs(self, offset: int, count: int) -> list[int]:
        """References of a container. Containers may overlap, so what they hold together is capped."""
        fits = min(count, max(0, len(self._data) - offset) // self._width, PLIST_OBJECTS_MAX - self._references)
        self.wrong |= fits < count
        self._references += fits
        data, width = self._data, self._width
        return [int.from_bytes(data[at : at + width], "big") for at in range(offset, offset + fits * width, width)]

    def _path(self, number: int) -> str:
        """Names on the way to an object, outermost first."""
        names: list[str] = []
        for _ in range(NAMES_MAX):
            holder, key = self._holder.get(number, (-1, None))
            name = self._values.get(key) if key is not None else None
            if isinstance(name, str):
                names.append(name[:NAME_CHARS_MAX])
            number = holder
        return ".".join(reversed(names))
