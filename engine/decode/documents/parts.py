"""What an extractor gives back, and the bounded place where it puts it."""

from __future__ import annotations

from dataclasses import dataclass

from gossip.engine.decode.documents.limits import (
    LABEL_CHARS_MAX,
    OUTPUT_BYTES_MAX,
    PARTS_MAX,
    PROBLEM_CHARS_MAX,
)


@dataclass(frozen=True, slots=True)
class Part:
    """One readable unit of a document."""

    text: bytes
    """The extracted text: UTF-8, or the raw bytes of what is not text (an attachment, a BLOB)."""
    label: str = ""
    """Where in the document, for people: `cell 3`, `users.token`, `page 2`, the name of an attachment. Printable, but
    taken from the document: as trustworthy as that.
    """
    start: int = 0
    """Half-open span [start, end) in the document's own bytes that the part came from: the whole document if it cannot
    be told more exactly.
    """
    end: int = 0


@dataclass(frozen=True, slots=True)
class Extracted:
    """What one extractor read from one document."""

    kind: str
    """Which extractor it was; becomes an element of a finding's decode path."""
    parts: tuple[Part, ...]
    """In the order of the document. A part whose text equals the bytes of its span is verbatim."""
    truncated: bool = False
    """Whether a cap was hit, so that there is more text than the parts hold."""
    problem: str = ""
    """What was damaged, encrypted or refused, without a byte of the document; empty if nothing was. What could be read
    before it is in the parts.
    """


class FullError(Exception):
    """A cap was hit: the extractor is to stop. Never leaves this package."""


class Output:
    """Collects parts under the caps on text and count. Keeps what it has when an extractor fails half-way."""

    def __init__(self, size: int) -> None:
        """For a document of `size` bytes."""
        self.size = size
        self.parts: list[Part] = []
        self.truncated = False
        self.problems: list[str] = []
        self._room = OUTPUT_BYTES_MAX

    def add(self, text: bytes | str, label: str = "", start: int = 0, end: int | None = None) -> None:
        """Add a part, unless it is empty; `end` is the document's end by default. Raises FullError at a cap, after
        keeping the beginning of the text that still fits.
        """
        if not text:
            return
        # Lone surrogates come from escapes in JSON; they have no bytes.
        data = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
        kept = data[: self._room]
        if kept and len(self.parts) < PARTS_MAX:
            self._room -= len(kept)
            self.parts.append(Part(kept, _printable(label), start, self.size if end is None else end))
        else:
            kept = b""
        if len(kept) < len(data):
            self.stop()

    def stop(self) -> None:
        """A cap was hit: say so and raise FullError."""
        self.truncated = True
        raise FullError

    def cut(self) -> None:
        """A cap was hit, but there is more to read elsewhere in the document."""
        self.truncated = True

    def damaged(self, why: str) -> None:
        """Note what is wrong with the document, in words that hold no byte of it. The same words count once."""
        if why not in self.problems:
            self.problems.append(why)

    def extracted(self, kind: str) -> Extracted:
        """All that was collected."""
        return Extracted(kind, tuple(self.parts), self.truncated, "; ".join(self.problems)[:PROBLEM_CHARS_MAX])


def _printable(label: str) -> str:
    """A label that is safe to show in a terminal and short."""
    label = label[:LABEL_CHARS_MAX]
    return label if label.isprintable() else "".join(c if c.isprintable() else "?" for c in label)


def assignment(key: str, value: str) -> str:
    """A line that rules which look at the name of a value can read: `key = "value"`. Quotes inside stay as they are:
    escaping would change a secret.
    """
    return f'{key} = "{value}"\n'
