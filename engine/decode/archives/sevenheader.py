"""The header of a 7z: which packed streams make which folders (blocks of members), and the members' names and sizes.

Read here, not by py7zr, which makes an object of every entry that a header claims, and decodes a packed header without
a bound on what one call makes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import accumulate

from gossip.engine.decode.archives.budget import Fault

_COUNT_MAX = 1 << 18


@dataclass(slots=True)
class Coder:
    """One step of decompression."""

    method: bytes
    properties: bytes
    simple: bool


@dataclass(slots=True)
class Folder:
    """A block of members that are packed as one stream."""

    coders: list[Coder]
    packed_streams: int
    bonds: dict[int, int]
    """Which output each bound input reads from."""
    sizes: list[int] = field(default_factory=list)
    """Bytes of each output."""
    crc: int | None = None
    members: int = 1
    member_sizes: list[int] = field(default_factory=list)
    member_crcs: list[int | None] = field(default_factory=list)

    def size(self) -> int:
        """Bytes of the output that no coder reads: the folder's own."""
        bound = set(self.bonds.values())
        return next((size for index, size in enumerate(self.sizes) if index not in bound), self.sizes[-1])

    def steps(self) -> list[tuple[Coder, int]]:
        """The coders in the order in which packed bytes pass them, each with the size of its output. None where they
        are not a chain.
        """
        into = {output: entry for entry, output in self.bonds.items()}
        index = next((index for index in range(len(self.coders)) if index not in self.bonds), None)
        steps: list[tuple[Coder, int]] = []
        while index is not None and index < len(self.coders) and len(steps) < len(self.coders):
            steps.append((self.coders[index], self.sizes[index]))
            index = into.get(index)
        return steps if len(steps) == len(self.coders) and index is None else []


@dataclass(slots=True)
class Streams:
    """Packed streams and the folders made of them."""

    position: int = 0
    packed: list[int] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    """Where each packed stream begins, from the end of the signature header."""


@dataclass(slots=True)
class SevenFile:
    """An entry, in the order of the content."""

    name: bytes
    """UTF-8; a lone surrogate is replaced."""
    content: bool
    """Whether it has a part in a folder."""
    attributes: int = 0
    folder: bool = False


class Fields:
    """The header's bytes, taken from the front. Raises Fault where they end early or claim the impossible."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def left(self) -> int:
        """Bytes not taken."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > self.left():
            raise Fault("damaged", "header")
        self._at += count
        return self._data[self._at - count : self._at]

    def byte(self) -> int:
        """One byte."""
        return self.take(1)[0]

    def number(self) -> int:
        """A number of variable length: the leading ones of the first byte tell how many follow."""
        first = self.byte()
        value, mask = 0, 0x80
        for index in range(8):
            if not first & mask:
                return value | (first & (mask - 1)) << (8 * index)
            value |= self.byte() << (8 * index)
            mask >>= 1
        return value

    def count(self) -> int:
        """A number of things that take at least a bit each."""
        value = self.number()
        if value > min(8 * self.left() + 8, _COUNT_MAX):
            raise Fault("damaged", "header")
        return value

    def bits(self, count: int) -> list[bool]:
        """A vector of bits."""
        data = self.take(-(-count // 8))
        return [bool(data[index >> 3] & 0x80 >> (index & 7)) for index in range(count)]

    def some_bits(self, count: int) -> list[bool]:
        """A vector of bits that may say `all`."""
        return [True] * count if self.byte() else self.bits(count)

    def crcs(self, count: int) -> list[int | None]:
        """Checksums, where defined."""
        return [int.from_bytes(self.take(4), "little") if known else None for known in self.some_bits(count)]


def read_streams(fields: Fields) -> Streams:
    """Packed streams, folders, and how folders divide into members."""
    streams = Streams()
    divided = False
    while (kind := fields.byte()) != 0:
        if kind == 6:
            _packed(fields, streams)
        elif kind == 7:
            _folders(fields, streams)
        elif kind == 8:
            _division(fields, streams)
            divided = True
        else:
            raise Fault("damaged", "header")
    if not divided:
        for folder in streams.folders:
            folder.member_sizes = [folder.size()]
            folder.member_crcs = [folder.crc]
    return streams


def _packed(fields: Fields, streams: Streams) -> None:
    streams.position = fields.number()
    count = fields.count()
    while (kind := fields.byte()) != 0:
        if kind == 9:
            streams.packed = [fields.number() for _ in range(count)]
            streams.starts = list(accumulate(streams.packed, initial=streams.position))
        elif kind == 10:
            fields.crcs(count)
        else:
            raise Fault("damaged", "header")


def _folders(fields: Fields, streams: Streams) -> None:
    if fields.byte() != 11:
        raise Fault("damaged", "header")
    count = fields.count()
    if fields.byte():
        raise Fault("unsupported", "header with external folders")
    streams.folders = [_folder(fields) for _ in range(count)]
    while (kind := fields.byte()) != 0:
        if kind == 12:
            for folder in streams.folders:
                folder.sizes = [fields.number() for _ in range(len(folder.bonds) + 1)]
        elif kind == 10:
            for folder, crc in zip(streams.folders, fields.crcs(count), strict=True):
                folder.crc = crc
        else:
            raise Fault("damaged", "header")
    if not all(folder.sizes for folder in streams.folders):
        raise Fault("damaged", "header")


def _folder(fields: Fields) -> Folder:
    count = fields.number()
    if not 0 < count <= 32:
        raise Fault("damaged", "header")
    coders = []
    inputs = outputs = 0
    for _ in range(count):
        flags = fields.byte()
        method = fields.take(flags & 15)
        into, out = (fields.count(), fields.count()) if flags & 16 else (1, 1)
        properties = fields.take(fields.number()) if flags & 32 else b""
        coders.append(Coder(method, properties, into == out == 1))
        inputs += into
        outputs += out
        if max(inputs, outputs) > 64:
            raise Fault("damaged", "header")
    bonds = {}
    for _ in range(outputs - 1):
        entry = fields.number()
        bonds[entry] = fields.number()
    if outputs < 1 or len(bonds) != outputs - 1:
        raise Fault("damaged", "header")
    packed = inputs - (outputs - 1)
    if packed < 1:
        raise Fault("damaged", "header")
    if packed > 1:
        for _ in range(packed):
            fields.number()
    return Folder(coders, packed, bonds)


def _division(fields: Fields, streams: Streams) -> None:
    kind = fields.byte()
    if kind == 13:
        total = 0
        for folder in streams.folders:
            folder.members = fields.count()
            total += folder.members
            if total > _COUNT_MAX:
                raise Fault("damaged", "header")
        kind = fields.byte()
    for folder in streams.folders:
        sizes = [fields.number() for _ in range(folder.members - 1)] if kind == 9 else []
        if folder.members:
            sizes.append(folder.size() - sum(sizes))
        if len(sizes) != folder.members or min(sizes, default=0) < 0:
            raise Fault("damaged", "header")
        folder.member_sizes = sizes
    if kind == 9:
        kind = fields.byte()
    unknown = [folder for folder in streams.folders if folder.members != 1 or folder.crc is None]
    for folder in streams.folders:
        folder.member_crcs = [folder.crc] if folder.members == 1 else [None] * folder.members
    while kind != 0:
        if kind == 10:
            crcs = iter(fields.crcs(sum(folder.members for folder in unknown)))
            for folder in unknown:
                folder.member_crcs = [next(crcs) for _ in range(folder.members)]
        else:
            fields.take(fields.number())
        kind = fields.byte()


def read_files(fields: Fields) -> list[SevenFile]:
    """The entries of the archive."""
    count = fields.count()
    names: list[bytes] = []
    empty = [False] * count
    hollow: list[bool] = []
    attributes = [0] * count
    while (kind := fields.number()) != 0:
        part = Fields(fields.take(fields.number()))
        if kind == 14:
            empty = part.bits(count)
        elif kind == 15:
            hollow = part.bits(sum(empty))
        elif kind == 17:
            if part.byte():
                raise Fault("unsupported", "header with external names")
            names = _names(part.take(part.left()), count)
        elif kind == 21:
            known = part.some_bits(count)
            if part.byte() == 0:
                attributes = [struct.unpack("<I", part.take(4))[0] if there else 0 for there in known]
    files = []
    files_only = iter(hollow)
    for index in range(count):
        folder = empty[index] and not next(files_only, False)
        name = names[index] if index < len(names) else b""
        files.append(SevenFile(name, not empty[index], attributes[index], folder))
    return files


def _names(data: bytes, count: int) -> list[bytes]:
    """Names in UTF-16, each with a NUL behind it."""
    parts = data.decode("utf-16-le", "replace").split("\0")
    return [part.encode("utf-8", "replace") for part in parts[:count]]
