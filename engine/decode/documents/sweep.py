"""Printable runs of damaged or deleted content, like `strings`."""

from __future__ import annotations

import re

from gossip.engine.decode.documents.limits import SWEEP_RUN_BYTES_MIN

# ASCII alone: taking bytes from 0x80 as letters too would glue runs to the noise around them.
_RUN = re.compile(rb"[\t\n\r\x20-\x7e]{%d,}+" % SWEEP_RUN_BYTES_MIN)


def printable_runs(data: bytes, start: int = 0, end: int | None = None) -> bytes:
    """Runs of at least SWEEP_RUN_BYTES_MIN printable ASCII characters in data[start:end], one per line."""
    runs = _RUN.findall(data, start, len(data) if end is None else end)
    return b"\n".join(runs) + b"\n" if runs else b""
