"""Compiled Java classes."""

from __future__ import annotations

import struct

from gossip.engine.decode.documents.limits import OUTPUT_BYTES_MAX
from gossip.engine.decode.documents.parts import Output

_SIZES = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}
"""Bytes after the tag of a constant, by tag. Utf8 (1) carries its own length."""

_WIDE = frozenset({5, 6})
"""Long and double take two slots of the pool: a decision of 1995 that its authors regret in the specification."""

_POOL_START = 10


def extract_class(data: bytes, out: Output, _name: str) -> None:
    """Two parts: `constants`, the Utf8 entries of the constant pool, one per line; and `fields`, a line
    `NAME = "value"` per field that is a constant string, so that rules which look at names can see the pair.

    An unknown tag ends the pool; what was read before it is kept.
    """
    if not data.startswith(b"\xca\xfe\xba\xbe"):
        out.damaged("not a class file")
        return
    texts, strings, end = _pool(data, out)
    lines = b"".join(text + b"\n" for text in texts.values() if text)
    out.add(lines, "constants", _POOL_START, end)
    if not out.problems:
        _fields(data, end, out, texts, strings)


def _pool(data: bytes, out: Output) -> tuple[dict[int, bytes], dict[int, int], int]:
    """Utf8 constants by index, String constants (index to index of their Utf8), and where the pool ends."""
    texts: dict[int, bytes] = {}
    strings: dict[int, int] = {}
    count = int.from_bytes(data[8:10], "big")
    position, index, size = _POOL_START, 1, len(data)
    while index < count:
        tag = data[position] if position < size else 0
        if tag == 1:
            end = position + 3 + int.from_bytes(data[position + 1 : position + 3], "big")
            # Modified UTF-8 writes NUL as two bytes, and that is all that differs for our purpose.
            texts[index] = data[position + 3 : end].replace(b"\xc0\x80", b"\0")
        elif tag in _SIZES:
            end = position + 1 + _SIZES[tag]
            if tag == 8:
                strings[index] = int.from_bytes(data[position + 1 : end], "big")
        else:
            end = position
        if end > size or end == position:
            out.damaged("the constant pool is cut short or has an unknown tag")
            return texts, strings, min(end, size)
        position = end
        index += 2 if tag in _WIDE else 1
    return texts, strings, position


def _fields(data: bytes, start: int, out: Output, texts: dict[int, bytes], strings: dict[int, int]) -> None:
    """Add the lines of constant string fields; what is cut short has fewer."""
    lines: list[bytes] = []
    size = 0
    position = start
    try:
        (interfaces,) = struct.unpack_from(">6xH", data, position)
        position += 8 + 2 * interfaces
        (fields,) = struct.unpack_from(">H", data, position)
        position += 2
        for _ in range(fields):
            name, attributes = struct.unpack_from(">2xH2xH", data, position)
            position += 8
            for _ in range(attributes):
                kind, length, value = struct.unpack_from(">HIH", data, position)
                position += 6 + length
                text = texts.get(strings.get(value, 0))
                # Constants may be used again and again: the lines can be many times the file.
                if texts.get(kind) == b"ConstantValue" and text is not None and size < OUTPUT_BYTES_MAX:
                    lines.append(texts.get(name, b"") + b' = "' + text + b'"\n')
                    size += len(lines[-1])
    except struct.error:
        pass
    out.add(b"".join(lines), "fields", start, min(position, len(data)))
