"""gzip and zlib inside another encoding, as Helm and Kubernetes store releases."""

from __future__ import annotations

import zlib

_GZIP = b"\x1f\x8b\x08"
_ZLIB_SECOND = b"\x01\x5e\x9c\xda"
_WINDOW_AUTO = 32 + zlib.MAX_WBITS


def inflate(data: bytes, limit: int) -> tuple[str, bytes, bool] | None:
    """(name, bytes, whether `limit` cut it) of a compressed buffer; None for what is none.

    A stream that is cut or damaged gives what came before the damage.
    """
    if data.startswith(_GZIP):
        name = "gzip"
    elif data[:1] == b"\x78" and data[1:2] in _ZLIB_SECOND and len(data) > 2:
        name = "zlib"
    else:
        return None
    stream = zlib.decompressobj(_WINDOW_AUTO)
    parts: list[bytes] = []
    size = 0
    rest = data
    try:
        while rest and size <= limit and not stream.eof:
            part = stream.decompress(rest, min(1 << 16, limit + 1 - size))
            rest = stream.unconsumed_tail
            parts.append(part)
            size += len(part)
            if not part and not rest:
                break
    except zlib.error:
        pass
    out = b"".join(parts)
    return (name, out[:limit], len(out) > limit) if out else None
