"""Ar, and so deb: System V and BSD names."""

from __future__ import annotations

from collections.abc import Iterator

from gossip.engine.decode.archives.budget import Layer
from gossip.engine.decode.archives.model import Entry, Trouble
from gossip.engine.decode.archives.names import display
from gossip.engine.decode.archives.source import Source

_TABLES = frozenset({b"/", b"/SYM64/", b"__.SYMDEF", b"__.SYMDEF SORTED"})


def read_ar(source: Source, name: str, layer: Layer) -> Iterator[Entry | Trouble]:
    """The members of an ar; what follows a damaged header is given under the name `<damaged>`."""
    source.skip(8)
    names = b""
    while header := source.exactly(60):
        if len(header) < 60 or header[58:] != b"`\n" or not header[48:58].strip().isdigit():
            if header.strip(b"\n\0"):
                source.unread(header)
                yield Trouble(None, "damaged", "a header is damaged")
                yield Entry("<damaged>", source.rest())
            return
        size = int(header[48:58])
        label = header[:16].rstrip(b" ")
        layer.entry()
        end = source.position + size + size % 2
        if label == b"//":
            layer.metadata(size)
            names = source.exactly(size)
        elif label not in _TABLES:
            if label.startswith(b"#1/") and label[3:].isdigit():
                length = min(int(label[3:]), size)
                layer.metadata(length)
                label = source.exactly(length).rstrip(b"\0")
                size -= length
            elif label.startswith(b"/") and label[1:].isdigit():
                start = int(label[1:])
                label = names[start:].split(b"\n", 1)[0] or label
            label = label.removesuffix(b"/")
            yield Entry(display(label, layer.limits.name_bytes_max), source.take(size, "a member"))
        source.skip(end - source.position)
