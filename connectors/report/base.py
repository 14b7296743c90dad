"""What every output format shares: the output it writes to, and the collector that sorts."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
from abc import ABC, abstractmethod
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from gossip.connectors.report.display import visible
from gossip.schemas.errors import MisuseError, RetryableError
from gossip.schemas.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gossip.schemas.errors import GossipError
    from gossip.schemas.summary import Summary

STDOUT: Final = "-"

_RETRYABLE: Final = frozenset(
    {
        errno.EAGAIN,
        errno.EBUSY,
        errno.EDQUOT,
        errno.EINTR,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)
"""Someone may clear these without touching the command. Every other error asks for another output."""

_TRY_SPACE: Final = "free some space and run again, or choose another place"
_TRY_ELSEWHERE: Final = "choose a place that you may write to"
_TRY: Final = {
    errno.EACCES: _TRY_ELSEWHERE,
    errno.EDQUOT: _TRY_SPACE,
    errno.EISDIR: "name a file inside it",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOENT: "create its folder first, or choose another one",
    errno.ENOSPC: _TRY_SPACE,
    errno.ENOTDIR: "a part of the path is a file; choose another folder",
    errno.EPERM: _TRY_ELSEWHERE,
    errno.EROFS: _TRY_ELSEWHERE,
}


@dataclass(frozen=True, slots=True)
class Options:
    """How a report looks. Formats for machines ignore all of it."""

    color: bool | None = None
    """None: on a terminal, unless NO_COLOR is set or the terminal is dumb."""
    debug: bool = False
    """Show ids and offsets too."""


class Output:
    """Owns the bytes' way out: standard output, a file replaced as a whole, or a file written in place.

    - No path, or `-`: standard output. It is flushed, never closed.
    - A path: content goes to a temporary file in the same folder, which takes the place (and the mode) of the file in
      `commit`. A reader sees the old file or the whole new one. Nothing lies in the folder before the first write, so
      a scan of that folder does not find its own unfinished report.
    - A path with `streamed`, or one that is no regular file (`/dev/null`, a named pipe: renaming over it would break
      it): written in place.

    Whether the file can be made is found out here, before a scan spends an hour. OSErrors leave as RetryableError or
    MisuseError, except BrokenPipeError, which passes untouched.
    """

    def __init__(self, path: str | None = None, *, streamed: bool = False, stream: BinaryIO | None = None) -> None:
        self._path = None if path == STDOUT else path
        self._final: str | None = None
        """Where the temporary file goes in the end; None where there is none."""
        self._temporary: str | None = None
        self._stream: BinaryIO | None = None
        if self._path is None:
            self._stream = stream or self._standard()
        else:
            with self._guard("open"):
                self._open(self._path, streamed=streamed)

    @property
    def is_terminal(self) -> bool:
        """True where a person watches the bytes arrive."""
        return self._stream is not None and self._stream.isatty()

    def write(self, data: bytes) -> None:
        """Append `data`; it may stay in a buffer until `flush` or `commit`."""
        with self._guard("write"):
            if self._stream is None:
                self._stream = self._make_temporary()
            self._stream.write(data)

    def flush(self) -> None:
        """Hand what was written to the system, so that a reader of a streamed output sees it."""
        with self._guard("write"):
            if self._stream is not None:
                self._stream.flush()

    def commit(self) -> None:
        """Finish: everything is written, a file is in its place. An output without a byte is an empty file."""
        self.write(b"")
        self.flush()
        if self._path is None or self._stream is None:
            return
        with self._guard("write"):
            if self._temporary is not None and self._final is not None:
                # Some file systems report a full disk only here; after the rename it would be too late.
                os.fsync(self._stream.fileno())
                self._stream.close()
                # os.replace, for `Path.replace` adds nothing to two strings.
                os.replace(self._temporary, self._final)
                self._temporary = None
            else:
                self._stream.close()

    def abort(self) -> None:
        """Give up: the temporary file goes; a file written in place keeps what it has. Never raises."""
        if self._path is None:
            return
        if self._stream is not None:
            with suppress(OSError):
                self._stream.close()
        if self._temporary is not None:
            with suppress(OSError):
                os.unlink(self._temporary)
            self._temporary = None

    @staticmethod
    def _standard() -> BinaryIO:
        if sys.stdout is None:
            raise MisuseError("cannot open standard output: it is closed; open it, or choose a file")
        return sys.stdout.buffer

    def _silence(self) -> None:
        """What a failed write left in the buffer would fail again, noisily, when Python flushes it at exit."""
        if sys.stdout is not None and self._stream is sys.stdout.buffer:
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _open(self, path: str, *, streamed: bool) -> None:
        try:
            info = os.stat(path)
        except FileNotFoundError:
            info = None
        if info is not None and stat.S_ISDIR(info.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if streamed or (info is not None and not stat.S_ISREG(info.st_mode)):
            self._stream = open(path, "wb")  # noqa: SIM115 - closed by commit and abort
            return
        # A link keeps pointing where it points: the file behind it is replaced.
        self._final = os.path.realpath(path)
        # The rename would succeed over a file that its owner has protected.
        if info is not None and not os.access(self._final, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        self._make_temporary().close()
        if self._temporary is not None:
            os.unlink(self._temporary)
            self._temporary = None

    def _make_temporary(self) -> BinaryIO:
        final = self._final
        assert final is not None
        # Not the file's name with a suffix: that could be too long. Not `tempfile`: its mode ignores the umask.
        temporary = os.path.join(os.path.dirname(final), f".gossip-{secrets.token_hex(8)}.tmp")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self._temporary = temporary
        with suppress(OSError):
            os.fchmod(handle, stat.S_IMODE(os.stat(final).st_mode))
        return os.fdopen(handle, "wb")

    @contextmanager
    def _guard(self, doing: str) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            self._silence()
            self.abort()
            raise
        except OSError as error:
            self._silence()
            self.abort()
            raise self._explained(doing, error) from error

    def _explained(self, doing: str, error: OSError) -> GossipError:
        code = error.errno or 0
        where = "standard output" if self._path is None else f"the output '{visible(self._path)}'"
        why = (error.strerror or type(error).__name__).lower()
        message = f"cannot {doing} {where}: {why}; {_TRY.get(code, 'choose another output')}"
        return RetryableError(message) if code in _RETRYABLE else MisuseError(message)


class CollectingReporter(ABC):
    """Base of formats that are one document: findings are kept, sorted and written in `close`.

    Memory grows with the findings (about 2 KiB each), not with what was scanned; the document itself is written piece
    by piece. The order of the findings does not depend on the order of their arrival.
    """

    def __init__(self, output: Output, options: Options | None = None) -> None:
        self._output = output
        self._options = options or Options()
        self._findings: list[Finding] = []

    def finding(self, finding: Finding, /) -> None:
        """Keep the finding."""
        self._findings.append(finding)

    def close(self, summary: Summary) -> None:
        """Sort, write, put in place."""
        self._findings.sort(key=Finding.sort_key)
        for piece in self.pieces(self._findings, summary):
            self._output.write(piece)
        self._output.commit()
        self._findings.clear()

    def abort(self) -> None:
        """Forget the findings; a file that was there stays as it was."""
        self._findings.clear()
        self._output.abort()

    @abstractmethod
    def pieces(self, findings: list[Finding], summary: Summary) -> Iterator[bytes]:
        """The document. `findings` are sorted and must not be changed."""
