"""Loose objects: files of one object each."""

from __future__ import annotations

import zlib
from hashlib import sha1
from typing import TYPE_CHECKING

from gossip.connectors.git.packs.pack import BLOB, COMMIT, OBJECT_BYTES_MAX, TAG, TREE, TooLargeError
from gossip.schemas.errors import PermanentError

if TYPE_CHECKING:
    from pathlib import Path

_KINDS = {b"commit": COMMIT, b"tree": TREE, b"blob": BLOB, b"tag": TAG}


class MissingObjectError(PermanentError):
    """The object is not in the repository: a partial or damaged clone."""


def read_loose(path: Path) -> tuple[int, bytes]:
    """(kind, content) of a loose object file. Raises MissingObjectError where there is none any more, PermanentError
    where it is damaged or cannot be read.
    """
    try:
        inflater = zlib.decompressobj()
        raw = inflater.decompress(path.read_bytes(), OBJECT_BYTES_MAX)
    except zlib.error as err:
        raise PermanentError(f"loose object {path.parent.name}{path.name}: damaged: {err}") from err
    except FileNotFoundError as err:
        raise MissingObjectError(f"object {path.parent.name}{path.name} is not in the repository any more") from err
    except OSError as err:
        raise PermanentError(f"loose object {path.parent.name}{path.name}: {err.strerror}") from err
    if len(raw) >= OBJECT_BYTES_MAX:
        raise TooLargeError(f"loose object {path.parent.name}{path.name}: over {OBJECT_BYTES_MAX} bytes")
    head, _, data = raw.partition(b"\0")
    word, _, size = head.partition(b" ")
    if word not in _KINDS or not inflater.eof or size != b"%d" % len(data):
        raise PermanentError(f"loose object {path.parent.name}{path.name}: damaged header, or cut short")
    if sha1(raw, usedforsecurity=False).hexdigest() != path.parent.name + path.name:
        raise PermanentError(f"loose object {path.parent.name}{path.name}: holds the content of another object")
    return _KINDS[word], data
