"""Blobs as documents."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from gossip.schemas.protocols import Document, Lineage

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
    lineage: Lineage | None = None,
) -> Document:
    """The document of a blob."""
    text = name.hex()
    if more is not None:
        return Document(text, _chained(first, more), lambda: name, place, path, text)
    return Document(
        text, (first,), lambda: name, place, path, text, lambda: io.BytesIO(first), lineage or Lineage(first)
    )


def _chained(first: bytes, more: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from more
