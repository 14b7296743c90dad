"""Opening one file safely: no symlink is followed, no device is read, nothing is ever written."""

from __future__ import annotations

import errno
import io
import os
import stat
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from blake3 import blake3

from gossip.engine.findings import display_path
from gossip.schemas.errors import PermanentError
from gossip.schemas.protocols import Document, Opened, Skip
from gossip.schemas.summary import Loss
from gossip.schemas.units import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_BYTES = 1 << 20
"""Content is read in pieces of this size; a smaller file is one piece."""


def weak_version(full: bytes, path: bytes) -> bytes:
    """Path, size and times of a file: what says, without a read, that it is the one that was there before.

    The time of change is in it because tools can set the time of modification back.
    """
    try:
        found = os.lstat(full)
    except OSError:
        return path + b"\0-"
    return b"%s\0%d,%d,%d" % (path, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def open_file(full: bytes, path: bytes, *, follow: bool = False) -> Iterator[Opened]:
    """The document of a file, under the name `path`; or what policy or the system says about it.

    `follow`: the user named this very path, so a symlink or a pipe is what they meant.
    """
    name = display_path(path)
    flags = os.O_RDONLY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        handle = os.open(full, flags)
    except OSError as err:
        if follow and err.errno in (errno.ENOENT, errno.ELOOP) and os.path.islink(full):
            yield Loss("unreadable", name, "a symbolic link that leads nowhere")
        else:
            yield Skip("symlink", path) if err.errno == errno.ELOOP else _unreadable(name, err)
        return
    try:
        status = os.fstat(handle)
        regular = stat.S_ISREG(status.st_mode)
        if not follow and not regular:
            yield Skip("special", path)
            return
        yield from open_handle(handle, path, status.st_size if regular else None)
    finally:
        os.close(handle)


def open_handle(handle: int, path: bytes, size: int | None = None) -> Iterator[Opened]:
    """The document behind an open handle, under the name `path`. `size` is a regular file's, if it is known."""
    name = display_path(path)
    try:
        first = _read_full(handle) if size is None or size >= CHUNK_BYTES else _read_small(handle, size)
    except OSError as err:
        yield _unreadable(name, err)
        return
    content = Content(handle, first, name)

    def seekable() -> BinaryIO:
        return (
            io.BytesIO(first)
            if len(first) < CHUNK_BYTES
            else cast("BinaryIO", io.BufferedReader(_Anew(handle), 1 << 16))
        )

    yield Document(
        name,
        content.chunks(),
        lambda: path + b"\0" + content.digest(),
        lambda: Place(path),
        path=path,
        seekable=None if size is None else seekable,
    )


def _unreadable(name: str, err: OSError) -> Loss:
    if err.errno == errno.ENOENT:
        return Loss("vanished", name, "gone since it was listed")
    return Loss("unreadable", name, err.strerror or str(err))


def _read_full(handle: int, wanted: int = CHUNK_BYTES) -> bytes:
    """Up to `wanted` bytes. A pipe gives less at a time than is still to come, so it is asked until full or at its
    end.
    """
    parts = []
    while wanted and (part := os.read(handle, wanted)):
        parts.append(part)
        wanted -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _read_small(handle: int, size: int) -> bytes:
    """A regular file of a known size in one call, with a buffer of its size; more calls only if that was wrong."""
    first = os.read(handle, size + 1)
    return first if len(first) == size else first + _read_full(handle, CHUNK_BYTES - len(first))


class Content:
    """A handle's content in chunks, and the digest of all of it once it was read."""

    def __init__(self, handle: int, first: bytes, name: str) -> None:
        self._handle = handle
        self._first = first
        self._name = name
        self._hash: blake3 | None = None

    def chunks(self) -> Iterator[bytes]:
        """The content once. Raises PermanentError where reading fails."""
        yield self._first
        if len(self._first) < CHUNK_BYTES:
            return
        self._hash = blake3(self._first)
        while True:
            try:
                chunk = _read_full(self._handle)
            except OSError as err:
                raise PermanentError(f"{self._name}: {err.strerror or err}") from err
            if not chunk:
                return
            self._hash.update(chunk)
            yield chunk

    def digest(self) -> bytes:
        """32 bytes of BLAKE3 over the content; what nobody has read yet is read now."""
        if len(self._first) < CHUNK_BYTES:
            return blake3(self._first).digest()
        if self._hash is None:
            for _ in self.chunks():
                pass
        assert self._hash is not None
        return self._hash.digest()


class _Anew(io.RawIOBase):
    """A regular file's content from its start, read by position: the handle's own position stays where it is."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence)
        if start is None:
            start = os.fstat(self._handle).st_size
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        data = os.pread(self._handle, len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
