"""The file format of SQLite: pages, cells, records. Every number is checked against the bytes there are."""

from __future__ import annotations

from collections.abc import Iterator

from gossip.engine.decode.documents.limits import SQLITE_COLUMNS_MAX

Value = bytes | bytearray | int | None
"""Of a column: text as UTF-8 bytes, a BLOB as a bytearray, an integer, or None for all that holds no text."""

_HEADER_BYTES = 100
_CHARSETS = {2: "utf-16-le", 3: "utf-16-be"}
_POINTERS_AT = {2: 12, 5: 12, 10: 8, 13: 8}
"""Bytes of a page's header, by its kind: 2 and 5 are inner pages of indexes and tables, 10 and 13 their leaves."""

_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8}
_CARVE_OFFSETS = range(3, 12)
"""Where the types of a deleted row's columns may begin: four bytes are overwritten, and the row's length, number and
header length in front of them take three bytes or more.
"""


class Pages:
    """A database as numbered pages."""

    def __init__(self, data: bytes, page_bytes: int) -> None:
        self.data = data
        self.damaged = False
        self.charset = _CHARSETS.get(int.from_bytes(data[56:60], "big"), "utf-8")
        self.count = -(-len(data) // page_bytes)
        self.followed: set[int] = set()
        """Pages that hold the end of a long row."""
        self._page_bytes = page_bytes
        self._usable = page_bytes - data[20]
        # Rows do not overlap, unless somebody made them: together they are no longer than the file.
        self._room = len(data)

    @staticmethod
    def of(data: bytes) -> Pages | None:
        """The pages of a file; None if its header says nothing sensible."""
        if len(data) < _HEADER_BYTES or not data.startswith(b"SQLite format 3\0"):
            return None
        size = int.from_bytes(data[16:18], "big")
        size = 65_536 if size == 1 else size
        if not 512 <= size <= 65_536 or size & (size - 1) or size - data[20] < 480:
            return None
        return Pages(data, size)

    def span(self, number: int) -> tuple[int, int]:
        """Half-open span of page `number`, counted from 1, in the file."""
        start = (number - 1) * self._page_bytes
        return start, min(start + self._page_bytes, len(self.data))

    def header_at(self, number: int) -> int:
        """Where a page's own header begins: the first page has that of the file in front of it."""
        return _HEADER_BYTES if number == 1 else (number - 1) * self._page_bytes

    def kind(self, number: int) -> int:
        """Kind of a page, as its first byte says."""
        at = self.header_at(number)
        return self.data[at] if at < len(self.data) else 0

    def u16(self, at: int) -> int:
        """Number in two bytes at a position."""
        return int.from_bytes(self.data[at : at + 2], "big")

    def u32(self, at: int) -> int:
        """Number in four bytes at a position."""
        return int.from_bytes(self.data[at : at + 4], "big")

    def cells(self, number: int) -> list[int]:
        """Positions of the cells of a page, in the file."""
        kind, header = self.kind(number), self.header_at(number)
        if kind not in _POINTERS_AT:
            return []
        start, end = self.span(number)
        first = header + _POINTERS_AT[kind]
        count = self.u16(header + 3)
        fits = min(count, max(0, end - first) // 2)
        self.damaged |= fits < count
        found = [start + self.u16(first + 2 * index) for index in range(fits)]
        kept = [at for at in found if first <= at < end]
        self.damaged |= len(kept) < len(found)
        return kept

    def children(self, number: int) -> list[int]:
        """Pages below an inner page."""
        return [*(self.u32(at) for at in self.cells(number)), self.u32(self.header_at(number) + 8)]

    def cell(self, kind: int, at: int) -> tuple[int, int, int]:
        """Length of a cell's payload, where the payload begins, and how much of it is on the page."""
        if kind == 2:
            at += 4
        length, at = varint(self.data, at)
        if kind == 13:
            _, at = varint(self.data, at)
        usable = self._usable
        largest = usable - 35 if kind == 13 else (usable - 12) * 64 // 255 - 23
        if length <= largest:
            return length, at, length
        least = (usable - 12) * 32 // 255 - 23
        local = least + (length - least) % (usable - 4)
        return length, at, local if local <= largest else least

    def payloads(self, number: int) -> Iterator[bytes]:
        """Records of a page, each joined from where it is spread over; a damaged one is as long as it can be read."""
        kind = self.kind(number)
        _, end = self.span(number)
        for position in self.cells(number):
            length, at, local = self.cell(kind, position)
            piece = self.data[at : min(at + local, end)]
            if length > local:
                piece = b"".join([piece, *self._overflow(at + local, length - local)])
            self.damaged |= len(piece) < length
            self._room -= len(piece)
            if self._room < 0:
                self.damaged = True
                return
            yield piece

    def _overflow(self, at: int, left: int) -> Iterator[bytes]:
        """Pieces of a long record after the first; `at` is where the number of the next page is."""
        number, room = self.u32(at), self._room
        while left > 0 and 1 <= number <= self.count and room > 0:
            self.followed.add(number)
            start, end = self.span(number)
            piece = self.data[start + 4 : min(start + 4 + left, start + self._usable, end)]
            left -= len(piece)
            # An empty piece, on a page that is cut off, must not let a ring of pages go on for ever.
            room -= len(piece) + 1
            yield piece
            number = self.u32(start)


def varint(data: bytes, at: int, end: int | None = None) -> tuple[int, int]:
    """A number of one to nine bytes and the position after it; zero at the end of the data."""
    value = 0
    stop = len(data) if end is None else end
    for index in range(9):
        if at >= stop:
            return 0, at
        byte = data[at]
        at += 1
        if index == 8:
            return value << 8 | byte, at
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            break
    return value, at


def values(record: bytes, charset: str) -> tuple[Value, ...]:
    """The columns of a record, as far as it goes."""
    header_bytes, at = varint(record, 0)
    stop = min(header_bytes, len(record))
    found: list[Value] = []
    position = header_bytes
    while at < stop and len(found) < SQLITE_COLUMNS_MAX:
        kind, at = varint(record, at, stop)
        value, position = _value(record, position, kind, charset)
        found.append(value)
    return tuple(found)


def _value(data: bytes, at: int, kind: int, charset: str) -> tuple[Value, int]:
    """One column of type `kind` that begins at a position; where the next begins."""
    end = at + content_bytes(kind)
    if kind >= 12:
        raw = data[at:end]
        if kind % 2 == 0:
            return bytearray(raw), end
        return raw if charset == "utf-8" else raw.decode(charset, "replace").encode(), end
    if kind in {8, 9}:
        return kind - 8, end
    return int.from_bytes(data[at:end], "big", signed=True) if 1 <= kind <= 6 else None, end


def content_bytes(kind: int) -> int:
    """Bytes of a column's value, by its type in the record's header."""
    return (kind - 12) // 2 if kind >= 12 else _INTEGER_BYTES.get(kind, 0)


def gaps(pages: Pages, number: int) -> list[tuple[int, int]]:
    """Spans of a leaf page that nothing refers to: between the pointers and the cells, and freed cells among them."""
    kind = pages.kind(number)
    _, end = pages.span(number)
    cells = pages.cells(number)
    at = pages.header_at(number) + _POINTERS_AT[kind] + 2 * len(cells)
    found = []
    for position in sorted(set(cells)):
        if position > at:
            found.append((at, position))
        length, start, local = pages.cell(kind, position)
        at = max(at, start + local + (4 if length > local else 0))
    if end > at:
        found.append((at, end))
    return found


def carve(pages: Pages, start: int, end: int, columns: int) -> tuple[Value, ...]:
    """The last columns of the deleted row that fills data[start:end], at most `columns`, without those whose type was
    overwritten; empty if no reading of its header gives exactly the length of the gap. Cells are at least four bytes
    and a freed one loses its first four; nothing says where the header was, but only a right guess adds up.
    """
    data = pages.data
    for offset in _CARVE_OFFSETS:
        kinds: list[int] = []
        at, total = start + offset, 0
        while at < end and len(kinds) < columns:
            kind, at = varint(data, at, end)
            kinds.append(kind)
            total += content_bytes(kind)
            if at + total >= end:
                break
        if at + total != end or not any(kind > 12 for kind in kinds) or {10, 11} & set(kinds):
            continue
        row = []
        for kind in kinds:
            value, at = _value(data, at, kind, pages.charset)
            row.append(value)
        return tuple(row)
    return ()
