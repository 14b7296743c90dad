"""Decoding: the same for every way of cutting a document, whole for every nest of encodings, and calm for any bytes."""

from __future__ import annotations

import itertools
import re
from functools import cache
from random import Random
from typing import TYPE_CHECKING

import hyperscan
from hypothesis import given, settings
from hypothesis import strategies as st

from gossip.engine.decode.transforms import TRANSFORMS, Hit, inflate, utf_encoding
from gossip.engine.decode.transforms.utf import WideText
from gossip.engine.detect.detector import Detector
from gossip.engine.limits import DECODE_REACH_BYTES, MATCH_BYTES_MAX, overlap_bytes
from gossip.engine.rules.compiler import compile_rules
from gossip.engine.rules.encoded import base64_forms, expression, literal_sets
from gossip.engine.rules.model import Rule, RuleSet
from tests.support import encodings as e
from tests.support import tokens

if TYPE_CHECKING:
    from gossip.schemas.config import DecodeMode

TOKEN = tokens.github(Random(3))
RULES = RuleSet((
    Rule("token", regex=r"\b(ghp_[A-Za-z0-9]{36})\b"),
    Rule("word", regex=r"(?i)password['\"]?[ ]?[:=][ ]?['\"]?([a-z0-9]{8,30})", tags=("generic",)),
))  # fmt: skip
SMALLEST = overlap_bytes(MATCH_BYTES_MAX) + 1


@cache
def detector(mode: DecodeMode, segment_bytes: int = 1 << 22) -> Detector:
    """Of two rules, one of them generic."""
    return Detector(RULES, compile_rules(RULES, mode), segment_bytes=segment_bytes)


def _pieces() -> list[bytes]:
    text = b"my token=" + TOKEN + b" and then\npassword = abcdefgh1234 end\n"
    plain = e.plain(text)
    ways: list[e.Encoder] = [e.b64, e.b64url, e.hexed, e.percent_some, e.unicode_some, e.backslash_x, e.entities,
                             e.quoted_printable, e.gz]  # fmt: skip
    coded = [way(plain).data for way in ways]
    coded += [e.b64(way(plain)).data for way in ways]
    coded.append(e.broken(e.b64(e.plain(text * 9)), 76).data)
    noise = [
        b"\n",
        b"\r\n",
        b"\0",
        b" ",
        b"'",
        b'"',
        b"\\",
        b"\\n",
        b"%41",
        b"\\u0041",
        b"=3D",
        b"&#65;",
        b"=\n",
        b"-",
        b"--",
    ]
    noise += [b"x" * 700, b"QUJD" * 300, b"q1w2" * 9 + b"\n", b"0a" * 500, b"lorem ipsum " * 60]
    return [TOKEN, text, b"eyJhbGciOiJIUzI1NiJ9", *coded, *noise]


PIECES = _pieces()
drawn = st.lists(st.tuples(st.sampled_from(PIECES), st.integers(1, 3)), min_size=1, max_size=25)
pads = st.lists(st.integers(0, 70_000), max_size=4)


@settings(max_examples=80)
@given(drawn, pads, st.integers(200, 150_000), st.sampled_from([SMALLEST, SMALLEST + 997, SMALLEST * 2]), st.booleans())
def test_every_segmentation_decodes_the_same(
    pieces: list[tuple[bytes, int]], gaps: list[int], chunk: int, segment: int, ordinary: bool
) -> None:
    """Matches of a document are the same whatever its chunks and segments."""
    parts = [piece * times for piece, times in pieces]
    filler = b"a line of text, nothing more\n" if ordinary else b"QUFBQUFB"
    for number, gap in enumerate(gaps):
        parts.insert(number * 2, (filler * (gap // len(filler) + 1))[:gap])
    document = b"".join(parts)
    chunks = [document[at : at + chunk] for at in range(0, len(document), chunk)]
    whole = detector("anchors").scan([document])
    assert detector("anchors", segment).scan(chunks).matches == whole.matches


STEPS: dict[str, tuple[e.Encoder, str]] = {
    "base64": (e.b64, "base64"),
    "unpadded": (e.unpadded, "base64"),
    "lines": (lambda coded: e.broken(e.b64(coded), 76), "base64"),
    "hex": (e.hexed, "hex"),
    "percent": (e.percent, "percent"),
    "unicode": (e.unicode4, "unicode-escape"),
    "entity": (e.entities, "html-entity"),
    "gzip": (lambda coded: e.b64(e.gz(coded)), "base64 gzip"),
    "wide": (lambda coded: e.b64(e.utf(coded, "utf-16-le")), "base64 utf-16le"),
}


def nested(names: list[str], before: bytes) -> tuple[e.Coded, tuple[str, ...]]:
    """The token in a nest, first step innermost, and its decode path."""
    coded = e.plain(TOKEN).within(before + b"token=", b"\nsome other text here\n")
    path: list[str] = []
    for name in names:
        encoder, elements = STEPS[name]
        coded = encoder(coded)
        path[:0] = elements.split()
    return coded.within(b"first line\ndata: '", b"'\nlast line\n"), tuple(path)


def _fair(names: list[str]) -> bool:
    """Within the reach of decoding and its depth."""
    coded, path = nested(names, b"")
    return len(path) <= 5 and len(coded.data) < DECODE_REACH_BYTES


nests = st.lists(st.sampled_from(sorted(STEPS)), max_size=5).filter(_fair)


@settings(max_examples=150)
@given(nests, st.binary(max_size=0) | st.sampled_from([b"a ", b"ab ", b"abc "]))
def test_thorough_finds_every_nest(names: list[str], before: bytes) -> None:
    """Up to five encodings, at their exact place."""
    coded, path = nested(names, before)
    found = detector("thorough").scan([coded.data]).matches
    assert [(m.rule, m.secret, m.decode_path, m.start, m.end) for m in found] == [(0, TOKEN, path, *coded.span)]


ENDS = ["base64", "unpadded", "lines", "hex", "percent", "unicode", "entity", "gzip", "wide"]
PROMISED = [[one] for one in ENDS] + [["base64"] * 2, ["base64"] * 3, ["base64", "hex"], ["hex", "base64"]]
PROMISED += [[one, "base64"] for one in ("percent", "unicode", "entity", "gzip")]


@settings(max_examples=100)
@given(
    st.sampled_from(PROMISED),
    st.sampled_from(["percent", "unicode", "entity", ""]),
    st.sampled_from([b"", b"a ", b"ab "]),
)
def test_default_mode_finds_what_is_promised(names: list[str], outer: str, before: bytes) -> None:
    """The nests of the documentation, and each of them in an escape."""
    coded, path = nested([*names, outer] if outer else names, before)
    found = detector("anchors").scan([coded.data]).matches
    assert [(m.rule, m.secret, m.decode_path, m.start, m.end) for m in found] == [(0, TOKEN, path, *coded.span)]


hits = st.lists(st.builds(Hit, st.integers(0, 400), st.integers(0, 40), st.integers(0, 3)), max_size=8)
texts = st.binary(max_size=300) | st.lists(
    st.sampled_from([b"QUJDREVGR0hJ", b"%41", b"\\u0041", b"\\x4", b"\\", b"&#6", b"&#x41;", b"=\r\n", b"=4", b"\n", b"%", b"-_",
                     b"4142434445464748", b"\\u{110000}", b"\\ud800", b"&#99999999;", b"\xff", b"&amp;", b"\\377"]), max_size=40
).map(b"".join)  # fmt: skip


@settings(max_examples=400)
@given(st.integers(0, len(TRANSFORMS) - 1), texts, hits)
def test_transforms_answer_for_any_bytes(number: int, data: bytes, near: list[Hit]) -> None:
    """No exception; origins lie inside the decoded span and grow with the position."""
    within = [hit._replace(end=min(hit.end, len(data)), width=min(hit.width, hit.end, len(data))) for hit in near]
    within = [hit for hit in within if hit.end >= hit.width]
    for decoded in TRANSFORMS[number].decode(data, within):
        assert 0 <= decoded.start <= decoded.end <= len(data)
        spans = [decoded.origin(at, at + 1) for at in range(len(decoded.data))]
        assert all(decoded.start <= start <= end <= decoded.end for start, end in spans)
        assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in itertools.pairwise(spans))


@settings(max_examples=300)
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\x1f\x8b\x08\0", b"\x78\x9c", b"\xff\xfe", b"\0\0\xfe\xff", b"a\0b\0"]),
)
def test_wrappers_answer_for_any_bytes(data: bytes, head: bytes) -> None:
    """Compression and wide text: cut, damaged, or neither."""
    data = head + data
    inflated = inflate(data, 1000)
    assert inflated is None or len(inflated[1]) <= 1000
    encoding = utf_encoding(data)
    for name in {encoding, "utf-16le", "utf-16be", "utf-32le", "utf-32be"} - {None}:
        codec = name.replace("le", "-le").replace("be", "-be")
        text = data.decode(codec, "replace").removeprefix("\ufeff").encode("utf-8", "replace")
        for chunks in ([data], [data[:3], data[3:50], data[50:]]):
            wide = WideText(name)
            assert b"".join(wide.chunks(chunks)) == text
            spans = [wide.origin(at, at + 1) for at in range(len(text))]
            assert all(0 <= start <= end <= len(data) for start, end in spans)
            assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in itertools.pairwise(spans))


def _matches(expressions: list[bytes], text: bytes) -> tuple[bool, bool]:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=expressions, ids=list(range(len(expressions))), elements=len(expressions))
    seen: list[int] = []
    database.scan(text, match_event_handler=lambda number, *_: seen.append(number))
    return bool(seen), any(re.search(one, text, re.DOTALL) for one in expressions)


@settings(max_examples=100)
@given(
    st.binary(min_size=3, max_size=12), st.binary(max_size=7), st.binary(max_size=7), st.integers(1, 3), st.booleans()
)
def test_forms_miss_no_literal(literal: bytes, before: bytes, after: bytes, layers: int, url: bool) -> None:
    """Whatever stands around it, and in both alphabets, one of the forms is there."""
    coded = e.plain(before + literal + after)
    forms = [literal_sets(literal, caseless=False)]
    for _ in range(layers):
        coded = (e.b64url if url else e.b64)(coded)
        forms = [form.sets for sets in forms for form in base64_forms(sets)]
    assert _matches([expression(form) for form in forms], coded.data) == (True, True)
