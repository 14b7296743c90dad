"""Blobs as documents."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from gossip.schemas.protocols import Document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gossip.schemas.units import Place


def blob_document(
    name: bytes,
    first: bytes,
    more: Iterator[bytes] | None = None,
    *,
    place: Callable[[], Place] | None = None,
    path: bytes | None = None,
) -> Document:
    """The document of a blob."""
    text = name.hex()
    chunks = [first] if more is None else _chained(first, more)
    return Document(text, chunks, lambda: name, place, path, text, None if more else lambda: io.BytesIO(first))


def _chained(first: bytes, more: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from more
