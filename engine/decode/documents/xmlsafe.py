"""XML read as a stream, without what makes it dangerous: entities, and anything outside the bytes at hand."""

from __future__ import annotations

import re
from typing import Protocol
from xml.parsers import expat

from gossip.engine.decode.documents.limits import DEPTH_MAX, XML_EVENTS_MAX, XML_TAG_BYTES_MAX
from gossip.engine.decode.documents.parts import Output

_LONG_TAG = re.compile(rb"<[^<]{%d}" % XML_TAG_BYTES_MAX)


class Handler(Protocol):
    """What reads the stream. Names come without their namespace prefix."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""

    def end(self, name: str) -> None:
        """An element ends."""

    def text(self, data: str) -> None:
        """A piece of text; one text may come in several."""


class _RefusedError(Exception):
    """The document has what is not read."""


def read_xml(data: bytes, handler: Handler, out: Output) -> None:
    """Feed `data` to `handler`. Damage, entity declarations and caps are noted in `out` and end the reading."""
    if _LONG_TAG.search(data):
        out.damaged(f"XML has a tag or a text of more than {XML_TAG_BYTES_MAX} bytes")
        return
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = events = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, events
        depth += 1
        events += 1
        if depth > DEPTH_MAX:
            raise _RefusedError("XML is nested too deeply")
        if events > XML_EVENTS_MAX:
            out.stop()
        handler.start(name.rpartition(":")[2], attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        handler.end(name.rpartition(":")[2])

    def refuse(*_declaration: object) -> None:
        # Entities that stand for entities grow without bound, and office programs write none.
        raise _RefusedError("XML declares entities, which are not expanded")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = handler.text
    parser.EntityDeclHandler = refuse
    try:
        # All at once: older versions of expat read a long token again for every chunk.
        parser.Parse(data, True)
    except expat.ExpatError:
        out.damaged("XML is not well-formed")
    except LookupError:
        out.damaged("XML in a character set that is not known")
    except _RefusedError as err:
        out.damaged(str(err))
