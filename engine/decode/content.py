"""From one stored document to everything in it that can be scanned as text.

Archives are opened, UTF-16 and UTF-32 are read as text, structured documents give what they hold beside their bytes,
and what is binary is left out. What could not be read is said, and the rest goes on.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, NamedTuple

from gossip.engine.decode.archives import ArchiveLimits, ChunkStream, Member, archive_kind, expand
from gossip.engine.decode.documents import Part, extract, extractor_for
from gossip.engine.decode.documents.limits import INPUT_BYTES_MAX
from gossip.engine.decode.policy import is_binary
from gossip.engine.decode.transforms.utf import WideText, utf_encoding
from gossip.engine.limits import BINARY_SNIFF_BYTES

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Policy:
    """What is opened."""

    archives: bool = True
    """Archives and structured documents too."""
    binary: bool = False
    """Content of no known format too."""


class Text(NamedTuple):
    """Bytes to scan. `chunks` are read once, before the next text is asked for."""

    chunks: Iterable[bytes]
    container: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    """How it was read: `utf-16le`, or the kind of a structured document."""
    origin: Callable[[int, int], Span] | None = None
    """Half-open span of the text -> of the stored bytes; None where they are the same. Asked after `chunks`."""


class Gap(NamedTuple):
    """Something that was not scanned as it should have been."""

    reason: str
    container: tuple[str, ...]
    detail: str


class Left(NamedTuple):
    """Something that policy leaves out."""

    reason: str
    container: tuple[str, ...] = ()


Content = Text | Gap | Left


def contents(
    name: str,
    chunks: Iterable[bytes],
    policy: Policy,
    clock: Callable[[], float],
    seekable: Callable[[], BinaryIO] | None = None,
) -> Iterator[Content]:
    """Everything in one document. `name` may be empty where nobody knows it; `seekable` opens the same content anew.

    Each item must be used up before the next one is asked for.
    """
    head, whole = _peek(chunks)
    kind = archive_kind(name, head) if policy.archives else None
    if kind is None:
        yield from _leaf(name, head, whole, (), policy)
        return
    stream: BinaryIO = ChunkStream(whole) if seekable is None else seekable()  # type: ignore[assignment]
    with stream:
        for item in expand(kind, name, stream, ArchiveLimits(), clock):
            if isinstance(item, Member):
                first, rest = _peek(item.chunks)
                yield from _leaf(item.path[-1] if item.path else name, first, rest, item.path, policy)
            else:
                yield Gap(f"archive-{item.reason}", item.path, item.detail)


def is_plain(name: str, data: bytes, policy: Policy) -> bool:
    """Whether all of `contents` is one text, and it is `data` as it is. Also no where more than a glance would tell."""
    if is_binary(data):  # or wide text, without which neither is there
        return False
    if not policy.archives:
        return True
    return archive_kind(name, data) is None and extractor_for(name, data) is None


def _peek(chunks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, enough to tell what they are, and all of it."""
    rest = iter(chunks)
    head = next(rest, b"")
    while len(head) < BINARY_SNIFF_BYTES:
        more = next(rest, None)
        if more is None:
            return head, iter((head,))
        head += more
    return head, itertools.chain((head,), rest)


def _leaf(
    name: str, head: bytes, whole: Iterator[bytes], container: tuple[str, ...], policy: Policy
) -> Iterator[Content]:
    kind = extractor_for(name, head) if policy.archives else None
    if kind is not None:
        yield from _document(kind, name, head, whole, container, policy)
        return
    encoding = utf_encoding(head)
    if encoding is not None:
        text = WideText(encoding)
        yield Text(text.chunks(whole), container, (encoding,), text.origin)
    elif policy.binary or not is_binary(head):
        yield Text(whole, container)
    else:
        yield Left("binary", container)


def _document(
    kind: str, name: str, head: bytes, whole: Iterator[bytes], container: tuple[str, ...], policy: Policy
) -> Iterator[Content]:
    """A structured document: its bytes, if they are text, and what it holds."""
    held = BytesIO()
    for chunk in whole:
        held.write(chunk)
        if held.tell() > INPUT_BYTES_MAX:
            yield Gap("document-too-large", container, f"a {kind} document of more than {INPUT_BYTES_MAX} bytes")
            rest = itertools.chain((held.getvalue(),), whole)
            yield Left("binary", container) if is_binary(head) and not policy.binary else Text(rest, container)
            return
    data = held.getvalue()
    readable = policy.binary or not is_binary(head)
    if readable:
        yield Text((data,), container)
    extracted = extract(kind, name, data)
    for part in extracted.parts:
        if readable and part.text == data[part.start : part.end]:
            continue  # word for word what was scanned
        yield Text((part.text,), container, (extracted.kind,), _fixed(part))
    if extracted.problem:
        yield Gap("document-damaged", container, extracted.problem)
    if extracted.truncated:
        yield Gap("document-truncated", container, f"a {kind} document holds more text than is taken from one")


def _fixed(part: Part) -> Callable[[int, int], Span]:
    return lambda _start, _end: (part.start, part.end)
