"""Decoders that give their output in bounded pieces, and what can be had of a damaged stream."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO, Protocol, cast

from gossip.engine.decode.archives import zstdframes
from gossip.engine.decode.archives.budget import Budget, Fault
from gossip.engine.decode.archives.source import Source

INPUT_BYTES = 64 * 1024
OUTPUT_BYTES = 256 * 1024
FINE_OUTPUT_BYTES = 32 * 1024
"""Output per call of decoders that lose the output of the call that meets the damage."""


class Decoder(Protocol):
    """The interface of bz2.BZ2Decompressor and lzma.LZMADecompressor."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was read."""

    @property
    def needs_input(self) -> bool:
        """Whether `decompress` can give no more without more input."""

    @property
    def unused_data(self) -> bytes:
        """Input behind the end."""

    def decompress(self, data: bytes, /, max_length: int = -1) -> bytes:
        """At most `max_length` bytes of output; input that is not needed for them is kept."""


class Inflate:
    """Deflate as a Decoder that gives all output up to the very byte of a damage."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)
        self._error: zlib.error | None = None
        self.needs_input = True

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was read."""
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        """Input behind the end."""
        return self._zlib.unused_data

    def decompress(self, data: bytes, /, max_length: int = -1) -> bytes:
        """See Decoder. Raises zlib.error at the call after the one that met the damage."""
        if self._error is not None:
            raise self._error
        data = self._zlib.unconsumed_tail + data
        before = self._zlib.copy()
        try:
            out = self._zlib.decompress(data, max_length)
        except zlib.error as error:
            self._error = error
            self.needs_input = False
            return _salvage(before, data)
        self.needs_input = len(out) < max_length and not self._zlib.unconsumed_tail
        return out


def _salvage(decoder: Any, data: bytes) -> bytes:
    """The output up to the damage, byte of input by byte."""
    out = bytearray()
    with suppress(zlib.error):
        for index in range(len(data)):
            out += decoder.decompress(data[index : index + 1])
    return bytes(out)


def bounded_lzma(budget: Budget, form: int, filters: list[dict[str, Any]] | None = None) -> Decoder:
    """An lzma decoder within the budget's window. Raises Fault where a raw filter asks for more."""
    if filters is not None:
        needed = max((item.get("dict_size", 0) for item in filters), default=0)
        if needed > budget.window():
            raise Fault("too-large", f"needs a window of {needed} bytes")
        return lzma.LZMADecompressor(form, filters=filters)
    return lzma.LZMADecompressor(form, memlimit=budget.window())


def raw_lzma(budget: Budget, filter_id: int, properties: bytes, output: int) -> Decoder:
    """A decoder of raw LZMA1 or LZMA2 with its encoded properties. Raises Fault.

    No window is needed that is larger than the output, which archives of small files often ask for.
    """
    try:
        if filter_id == lzma.FILTER_LZMA2:
            bits = properties[0]
            size = 0xFFFFFFFF if bits >= 40 else (2 | bits & 1) << (bits // 2 + 11)
            chosen: dict[str, Any] = {"id": filter_id, "dict_size": max(min(size, output), 4096)}
        else:
            rest, lc = divmod(properties[0], 9)
            pb, lp = divmod(rest, 5)
            size = max(min(int.from_bytes(properties[1:5], "little"), output), 4096)
            chosen = {"id": filter_id, "dict_size": size, "lc": lc, "lp": lp, "pb": pb}
        return bounded_lzma(budget, lzma.FORMAT_RAW, [chosen])
    except (IndexError, ValueError, lzma.LZMAError) as error:
        raise Fault("damaged", "lzma properties") from error


def bunzip2(budget: Budget) -> Decoder:
    """A bzip2 decoder."""
    return bz2.BZ2Decompressor()


def run(decoder: Decoder, read: Callable[[int], bytes], size: int | None = None) -> Iterator[bytes]:
    """Output of `decoder` fed by `read` until its end, or until `size` bytes where it has no end of its own.

    Raises Fault where the input is damaged or ends early. What follows the end is in `decoder.unused_data`.
    """
    coarse = isinstance(decoder, Inflate)
    limit = OUTPUT_BYTES if coarse else FINE_OUTPUT_BYTES
    left = size
    while not decoder.eof and left != 0:
        data = b""
        if decoder.needs_input:
            data = read(INPUT_BYTES)
            if not data:
                raise Fault("damaged", "ends early")
        try:
            out = decoder.decompress(data, limit if left is None else min(limit, left))
        except lzma.LZMAError as error:
            if "emory" in str(error):
                raise Fault("too-large", "needs too large a window") from error
            raise Fault("damaged", "compressed data") from error
        except (zlib.error, OSError, EOFError, ValueError, MemoryError) as error:
            raise Fault("damaged", "compressed data") from error
        if out:
            if left is not None:
                left -= len(out)
            yield out


class _Reads:
    """The bytes of a source as the file that zstandard reads from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""
        self.fault: Fault | None = None

    def read(self, count: int = -1) -> bytes:
        """Up to `count` bytes. A Fault ends the stream, to be raised outside of the library."""
        try:
            data = self._rest or next(self._chunks, b"")
        except Fault as fault:
            self.fault = fault
            return b""
        if count < 0:
            self._rest = b""
            return data
        self._rest = data[count:]
        return data[:count]


def unzstd(budget: Budget, source: Source) -> Iterator[bytes]:
    """Output of zstd frames, one behind the other. Raises Fault where they are damaged or end early.

    zstandard's own frame objects have no bound on the output of one call, which a few bytes can make gigabytes: this is
    why its stream reader is used.
    """
    import zstandard

    reads = _Reads(zstdframes.packed(source))
    window = 1 << (budget.window().bit_length() - 1)
    decoder = zstandard.ZstdDecompressor(max_window_size=window)
    reader = decoder.stream_reader(cast("BinaryIO", reads), read_size=INPUT_BYTES, read_across_frames=True)
    while True:
        try:
            out = reader.read(FINE_OUTPUT_BYTES)
        except zstandard.ZstdError as error:
            if "memory" in str(error):
                raise Fault("too-large", "needs too large a window") from error
            raise Fault("damaged", "compressed data") from error
        if reads.fault is not None:
            if out:
                yield out
            raise reads.fault
        if not out:
            return
        budget.tick()
        yield out
