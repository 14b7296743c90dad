"""One planted token in every encoding that is promised, through the real path: rule, decode path and exact place."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support import encodings as e
from tests.support import tokens
from tests.support.scanning import Place, place, scan_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from gossip.schemas.config import DecodeMode

TOKEN = tokens.github(Random(5))
FILLER = b"# a line of configuration that says nothing\nname: example\n"


class Way(NamedTuple):
    """How a text is encoded, innermost step first, and the decode path that undoes it."""

    steps: tuple[e.Encoder, ...]
    path: tuple[str, ...]
    mode: DecodeMode = "anchors"
    losses: tuple[str, ...] = ()


def broken(width: int, line_break: bytes) -> e.Encoder:
    """Base64 over lines."""
    return lambda coded: e.broken(e.b64(coded), width, line_break)


utf16 = partial(e.utf, codec="utf-16-le")
B, H, P, U = "base64", "hex", "percent", "unicode-escape"
WAYS = {
    "plain": Way((), ()),
    "base64": Way((e.b64,), (B,)),
    "base64 x2": Way((e.b64,) * 2, (B,) * 2),
    "base64 x3": Way((e.b64,) * 3, (B,) * 3),
    "base64 x4": Way((e.b64,) * 4, (B,) * 4, "thorough"),
    "base64 x5": Way((e.b64,) * 5, (B,) * 5, "thorough", ("budget-decode-depth",)),
    "base64url": Way((e.b64url,), (B,)),
    "base64 unpadded": Way((e.unpadded,), (B,)),
    "base64 lines of 60": Way((broken(60, b"\n"),), (B,)),
    "base64 lines of 64": Way((broken(64, b"\r\n"),), (B,)),
    "base64 lines of 76": Way((broken(76, b"\n"),), (B,)),
    "base64 lines of 76, CRLF": Way((broken(76, b"\r\n"),), (B,)),
    "base64 indented": Way((broken(60, b"\n    "),), (B,)),
    "base64 in a JSON string": Way((broken(64, b"\\n"),), (B,)),
    "base64 in a JSON string, CRLF": Way((broken(76, b"\\r\\n"),), (B,)),
    "hex": Way((e.hexed,), (H,)),
    "hex in capitals": Way((e.hexed_upper,), (H,)),
    "hex of hex": Way((e.hexed,) * 2, (H,) * 2, "thorough"),
    "percent": Way((e.percent,), (P,)),
    "percent in part": Way((e.percent_some,), (P,)),
    "percent of base64": Way((e.b64, e.percent_needed), (B,)),
    "percent of all of base64": Way((e.b64, e.percent), (P, B)),
    "percent of percent": Way((e.percent, e.percent_needed), (P, P)),
    "backslash u": Way((e.unicode4,), (U,)),
    "backslash u in part": Way((e.unicode_some,), (U,)),
    "backslash u in braces": Way((e.unicode_braces,), (U,)),
    "backslash x": Way((e.backslash_x,), (U,)),
    "octal": Way((e.octal,), (U,)),
    "entities": Way((e.entities,), ("html-entity",)),
    "hex entities": Way((e.entities_hex,), ("html-entity",)),
    "quoted-printable": Way((e.quoted_printable,), ("quoted-printable",)),
    "base64 of UTF-16": Way((utf16, e.b64), (B, "utf-16le")),
    "gzip in base64": Way((e.gz, e.b64), (B, "gzip")),
    "gzip in base64 over lines": Way((e.gz, broken(76, b"\n")), (B, "gzip")),
    "zlib in base64": Way((e.deflated, e.b64), (B, "zlib")),
    "gzip in base64 twice, as Helm": Way((e.gz, e.b64, e.b64), (B, B, "gzip")),
    "hex of base64": Way((e.b64, e.hexed), (H, B)),
    "base64 of hex": Way((e.hexed, e.b64), (B, H)),
    "base64 of percent": Way((e.percent, e.b64), (B, P)),
    "base64 of percent in part": Way((e.percent_some, e.b64), (B, P), "thorough"),
    "base64 of backslash u": Way((e.unicode4, e.b64), (B, U)),
    "base64 of backslash x": Way((e.backslash_x, e.b64), (B, U)),
    "base64 of entities": Way((e.entities, e.b64), (B, "html-entity")),
    "base64 of hex entities": Way((e.entities_hex, e.b64), (B, "html-entity")),
    "gzip in hex": Way((e.gz, e.hexed), (H, "gzip")),
    "base64 in gzip in base64": Way((e.b64, e.gz, e.b64), (B, "gzip", B)),
}


def encoded(way: Way, before: bytes, after: bytes) -> e.Coded:
    """The token in a text in an encoding."""
    coded = e.plain(TOKEN).within(before, after)
    for step in way.steps:
        coded = step(coded)
    return coded


@pytest.mark.parametrize("before", [b"token=", b"a token=", b"my token="])
@pytest.mark.parametrize("name", WAYS)
def test_encoded_token(name: str, before: bytes, tmp_path: Path) -> None:
    """In the three positions that a text can have in base64. The span is that of the bytes that say the token."""
    way = WAYS[name]
    coded = encoded(way, before, b"\nother text follows it here\n").within(FILLER + b"data: '", b"'\nend: 1\n")
    found = scan_bytes(tmp_path, "a.txt", coded.data, way.mode)
    assert [place(f) for f in found.findings] == [Place("github-pat", way.path, (), *coded.span)]
    assert tuple(loss.kind for loss in found.losses) == way.losses
    assert found.findings[0].secret == TOKEN.decode()
