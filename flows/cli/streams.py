"""The standard streams as they may be given: closed, full, or read by somebody who leaves."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPENED = (os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)
"""How the null device stands in for stdin, stdout and stderr. The first two the wrong way round: to read or write what
is not there is an error, where an empty input or a report that went nowhere would look like success."""


def hold_streams() -> None:
    """Occupy the numbers of closed standard streams: the next file to be opened would get one, and others' output."""
    for number, flags in enumerate(_OPENED):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process


def is_terminal(stream: IO[Any] | None) -> bool:
    """Whether somebody watches the stream; nobody watches a closed one."""
    return stream is not None and stream.isatty()


def say(text: str) -> None:
    """Write text, line end included, to stderr. Words that nobody can read change no result: errors are dropped."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        silence(sys.stderr)


def silence(stream: IO[Any] | None) -> None:
    """Send a stream that failed to nowhere: Python flushes what is left at exit, and would complain a second time."""
    if stream is not None:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """End the process quietly, with 0, when the reader of stdout has seen enough. Click would end it with 1."""
    try:
        yield
    except BrokenPipeError:
        silence(sys.stdout)
        sys.exit(0)
