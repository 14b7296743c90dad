"""Small and large hostile encoded texts, made when asked for, the same each time.

Each has a name, its bytes, and the budgets that must stop work on it: losses `budget-...`. Where none does, everything
in it was looked at.
"""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Iterator
from random import Random

Case = tuple[str, bytes, frozenset[str]]
MIB = 1 << 20
WORD = b"gh" + b"p_"
"""A literal that rules look for."""
_STOPPED = {
    "runs of eyJ": "decoded-bytes",
    "eyJ on lines": "decoded-bytes",
    "short eyJ words": "decoded-items",
    "H4sI words": "decoded-items",
    "zlib marks": "decoded-items",
    "words in base64, spaced": "decoded-items",
    "words in base64, one run": "decoded-items",
    "words in hex, spaced": "decoded-items",
    "every phase": "decoded-items",
    "gzip bomb in base64": "inflated-bytes",
    "zlib bomb in base64": "inflated-bytes",
    "gzip bomb in hex": "inflated-bytes",
    "twenty gzip bombs": "decoded-bytes",
    "gzip of base64 words": "decoded-items",
    "base64 thirty times": "decode-depth",
    "base64 beside base64, eight deep": "decode-depth",
    "percent of percent": "decode-depth",
    "escaped escapes": "decode-depth",
    "gzip twenty times": "decode-depth",
    "fixed point of base64": "decode-depth",
    "percent in base64 in percent": "decoded-items",
    "hex with escapes in it": "decoded-items",
    "quoted-printable base64": "decoded-items",
}
"""The budget that stops work on a case; on all others none does."""


def cases() -> Iterator[Case]:
    """All of them."""
    for group in (_long_runs, _floods, _bombs, _nests, _broken, _overlaps):
        for name, data in group():
            yield name, data, frozenset({_STOPPED[name]} if name in _STOPPED else ())


def _long_runs() -> Iterator[tuple[str, bytes]]:
    yield "10 MB of %41", b"%41" * (10 * MIB // 3)
    yield "5 MB of u0041", b"\\u0041" * (5 * MIB // 6)
    yield "4 MB of x41", b"\\x41" * MIB
    yield "4 MB of octal", b"\\101" * MIB
    yield "5 MB of entities", b"&#65;" * MIB
    yield "4 MB of =3D", b"=3D" * (4 * MIB // 3)
    yield "soft breaks", b"=3D=\r\n" * 200_000
    yield "10 MB of one letter", b"A" * (10 * MIB)
    yield "10 MB of hex zeros", b"0" * (10 * MIB)
    yield "base64 of zeros", base64.b64encode(bytes(6 * MIB))
    yield "8 MB of backslashes", b"\\" * (8 * MIB)
    yield "8 MB of percent signs", b"%" * (8 * MIB)
    yield "4 MB of dashes", b"-" * (4 * MIB)
    yield "4 MB of equals signs", b"=" * (4 * MIB)


def _floods() -> Iterator[tuple[str, bytes]]:
    word = base64.b64encode(WORD + b"password=secret_key token")
    yield "runs of eyJ", b"eyJ" * (4 * MIB // 3)
    yield "eyJ on lines", (b"eyJ" * 20 + b"\n") * 60_000
    yield "short eyJ words", b"eyJhbGciOiJIUzI1 " * 300_000
    yield "H4sI runs", b"H4sI" * MIB
    yield "H4sI words", (b"H4sI" + b"A" * 20 + b" ") * 150_000
    yield "zlib marks", (b"eJy" + b"A" * 33 + b" ") * 100_000
    yield "words in base64, spaced", (word + b" ") * 100_000
    yield "words in base64, one run", word * 100_000
    yield "words in base64, short lines", (word[:16] + b"\n") * 200_000
    yield "words in hex, spaced", (WORD.hex().encode() * 5 + b" ") * 100_000
    yield "words in hex, one run", WORD.hex().encode() * 400_000
    yield "words in hex, odd", (WORD.hex().encode() + b"0") * 400_000
    yield "every phase", b"".join(b"A" * (at % 4) + word + b"." for at in range(60_000))
    yield "lonely escapes", (b"a\\u0041b" + b" " * 400) * 10_000
    yield "lonely percents", (b"a%41b%42c" + b"\n" * 600) * 10_000


def _bombs() -> Iterator[tuple[str, bytes]]:
    zeros = gzip.compress(bytes(64 * MIB), mtime=0)
    small = gzip.compress(bytes(3 * MIB), mtime=0)
    yield "gzip bomb in base64", base64.b64encode(zeros)
    yield "zlib bomb in base64", base64.b64encode(zlib.compress(bytes(64 * MIB)))
    yield "gzip bomb in hex", zeros.hex().encode()
    yield "twenty gzip bombs", b"\n\n".join([base64.b64encode(small)] * 20)
    inner = base64.b64encode(gzip.compress(base64.b64encode(small), mtime=0))
    yield "gzip in base64 in gzip in base64", inner
    text = b"eyJ" + b"A" * 100 + b" " + base64.b64encode(WORD * 10) + b"\n"
    yield "gzip of base64 words", base64.b64encode(gzip.compress(text * 20_000, mtime=0))


def _nests() -> Iterator[tuple[str, bytes]]:
    data = WORD + b"is the word here"
    for _ in range(30):
        data = base64.b64encode(data)
        if len(data) > MIB:
            break
    yield "base64 thirty times", data
    data = b"eyJ" + WORD * 5
    for _ in range(8):
        data = b'eyJ {"' + base64.b64encode(b'{"' + data + b'":"' + data) + b"\n" + data
    yield "base64 beside base64, eight deep", data
    data = b"%41%42%43"
    for _ in range(60):
        data = data.replace(b"%", b"%25")
    yield "percent of percent", data
    data = b"\\u0041" * 20
    for _ in range(6):
        data = data.replace(b"\\", b"\\x5c")
    yield "escaped escapes", data
    data = gzip.compress(WORD, mtime=0)
    for _ in range(20):
        data = gzip.compress(base64.b64encode(data), mtime=0)
    yield "gzip twenty times", base64.b64encode(data)
    quine = b"x"
    for _ in range(40):  # its beginning no longer changes: base64 of it begins like it
        quine = base64.b64encode(quine)[:400]
    yield "fixed point of base64", quine * 200


def _broken() -> Iterator[tuple[str, bytes]]:
    rng = Random(7)
    whole = base64.b64encode(rng.randbytes(2 * MIB))
    yield "random base64", whole
    yield "random base64, lines", b"\n".join(whole[at : at + 76] for at in range(0, len(whole), 76))
    yield "random base64, written-out breaks", b"\\n".join(whole[at : at + 64] for at in range(0, len(whole), 64))
    yield "lines of one letter", b"A\n" * MIB
    yield "lines of sixteen", (b"A" * 16 + b"\n") * 200_000
    yield "cut gzip", base64.b64encode(gzip.compress(rng.randbytes(4096), mtime=0))[:1000]
    yield "half escapes", b"\\u00 \\u004 \\u{ \\x4 %4 &# &#x =4 \\" * 60_000
    yield "surrogates", b"\\ud83d\\ude00a\\u0041b" * 60_000
    yield "huge numbers", b"&#x0000000041;&#99999999999;\\u{00000000041}" * 40_000
    yield "UTF-16 of nothing", base64.b64encode(b"\0A" * MIB)


def _overlaps() -> Iterator[tuple[str, bytes]]:
    word = base64.b64encode(WORD * 8)
    yield "base64 that is hex", b"6768705f" * 200_000
    yield "percent in base64 in percent", word.replace(b"=", b"%3D") * 60_000
    yield "hex with escapes in it", (b"6768705f" * 4 + b"\\u0041") * 40_000
    yield "quoted-printable base64", (word + b"=\r\n") * 60_000
    yield "JSON in JSON", b'{"a": "' * 40_000 + word + b'\\"' * 40_000
