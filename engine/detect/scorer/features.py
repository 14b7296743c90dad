"""What the model looks at: names of facts about a match, each present or not.

Facts are about the value (its characters, its shape, how much it reads like a word), the name that it is assigned to,
how it is assigned, and the words of its line. Nothing here knows files or repositories.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from math import log2
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VALUE_CHARS_MAX = 80
"""Of a longer value, its beginning is judged."""
GRAMS_CHARS_MAX = 24
"""Runs of three and four characters are taken from here."""
_BEFORE_BYTES, _AFTER_BYTES = 120, 60
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LETTERS = re.compile(r"[a-z]{2,}")
_NAME_TAIL = re.compile(r"[\w.$-]*\Z")
_NAME = re.compile(r"[\w.$-]*")
_WORDS = re.compile(r"\w+")
_PLAIN = re.compile(r"[a-zA-Z0-9]+")
_BLANKS = re.compile(r"\s+")
_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]+")
_KINDS = bytes(
    97 if 97 <= c <= 122 else 65 if 65 <= c <= 90 else 48 if 48 <= c <= 57 else c if c < 128 else 33 for c in range(256)
)
_REPEATS = re.compile(r"(.)\1+")
_HASHED = re.compile(r"\$[0-9a-z]{1,8}\$|\{[A-Z0-9.-]{2,12}\}|pbkdf2|sha(?:1|256|512)[-:$]|[*][0-9A-F]{40}\Z")
_UNSEEN = 180
"""Surprise of a triple that the table does not have."""
_NO_SECRET = frozenset(
    (
        *("checksum", "crt", "digest", "encrypted", "fingerprint", "hash", "hashed", "id", "identifier"),
        *("md5", "pub", "public", "sha", "signature", "thumbprint"),
    )
)
"""Words of a name that say that its value is not secret."""
_DASHES, _BASE64 = frozenset("-_."), frozenset("+/=-_")
_COMMENT = re.compile(r"\s*(?:#|//|\*|--|<!--|;|%)")


def features(data: bytes, full: tuple[int, int], secret: tuple[int, int], table: Mapping[str, int]) -> list[str]:
    """The facts about the match `full` of `data` whose value is `secret`; offsets are half-open bytes.

    `table` has for each letter triple, `^` and `$` at the ends of a word, how surprising it is, in tenths of a bit.
    """
    value = data[secret[0] : min(secret[1], secret[0] + VALUE_CHARS_MAX)].decode("latin-1")
    first = data.rfind(b"\n", max(0, full[0] - _BEFORE_BYTES), full[0]) + 1 or max(0, full[0] - _BEFORE_BYTES)
    last = data.find(b"\n", secret[1], secret[1] + _AFTER_BYTES)
    before = data[first : secret[0]].decode("latin-1")
    after = data[secret[1] : secret[1] + _AFTER_BYTES if last < 0 else last].decode("latin-1")
    found = list(_of_value(value, secret[1] - secret[0], table))
    charset = found[0]
    head = before[: full[0] - first]
    name_at = full[0] - first - len(_tail(head))
    found += _of_context(before[:name_at], before[name_at:], after, value, charset)
    return found


def _tail(text: str) -> str:
    found = _NAME_TAIL.search(text)
    return found[0] if found else ""


def _of_value(value: str, length: int, table: Mapping[str, int]) -> Iterator[str]:
    raw = value.encode("latin-1")
    kinds = raw.translate(_KINDS).decode("latin-1")
    present = "".join(kind for kind in "aA0" if kind in kinds)
    marks = "".join(sorted(set(kinds) - set("aA0")))
    charset = present + (
        "" if not marks else "-" if _DASHES.issuperset(marks) else "+" if _BASE64.issuperset(marks) else "!"
    )
    size = min(length, 12) if length < 13 else 12 + (length - 12).bit_length()
    surprise, worst, unseen = _surprise(value, table)
    read = -1 if surprise < 0 else min(int(surprise // 5), 20)
    yield from (
        f"c:{charset}",
        f"s:{size}",
        f"cs:{charset}:{size}",
        f"r:{read}",
        f"cr:{charset}:{read}",
        f"sr:{size}:{read}",
    )
    yield f"rm:{charset}:{worst // 10}"
    yield f"ru:{min(unseen, 6)}:{size}"
    if _HASHED.match(value):
        yield "hashed"
    if not value.isascii():
        yield "wide"
    blanks = value.count(" ")
    if blanks:
        yield f"blanks:{min(blanks, 4)}:{read}"
    shape = _REPEATS.sub(r"\1", kinds)
    yield f"sh:{shape[:10]}"
    yield f"t:{charset}:{min(len(shape), 12) if len(shape) < 13 else 13 + len(shape) // 10}"
    bits = _bits(value)
    yield f"e:{int(bits * 4)}"
    yield f"es:{size}:{int(bits * 2)}"
    yield from (f"^{kinds[:1]}", f"${kinds[-1:]}", f"^{value[:1]}", f"${value[-1:]}")
    for mark in marks:
        yield f"m:{mark}"
    if _HEX.fullmatch(value):
        yield f"hex:{length if length in (8, 16, 20, 24, 32, 40, 48, 56, 64, 96, 128) else 0}"
    if "A" in present and "a" in present and "0" in present and charset in ("aA0", "aA0-", "aA0+"):
        yield f"rnd:{size}:{read}"
    lowered = value.lower()
    for word in _WORD.findall(value[:60]):
        yield "v:" + (word.lower() if not word.isdigit() else "0" * min(len(word), 5))
    yield "=" + lowered[:24]
    framed = f"^{lowered[:GRAMS_CHARS_MAX]}$"
    yield from [framed[at : at + 3] for at in range(len(framed) - 2)]
    yield from [framed[at : at + 4] for at in range(len(framed) - 3)]


def _surprise(value: str, table: Mapping[str, int]) -> tuple[float, int, int]:
    """Of the letter triples of a value's words: the mean surprise in tenths of a bit, -1 where there are none; the
    greatest; and how many were never seen.
    """
    total = count = worst = unseen = 0
    for word in _WORD.findall(value):
        if not word.isdigit() and len(word) > 1:
            framed = f"^{word.lower()}$"
            for at in range(len(framed) - 2):
                bits = table.get(framed[at : at + 3], _UNSEEN)
                total += bits
                worst = max(worst, bits)
                unseen += bits == _UNSEEN
            count += len(framed) - 2
    return (total / count if count else -1.0), worst, unseen


def _bits(value: str) -> float:
    size = len(value)
    return log2(size) - sum(n * log2(n) for n in Counter(value).values()) / size if size else 0.0


def _of_context(before: str, named: str, after: str, value: str, charset: str) -> Iterator[str]:
    cut = _NAME.match(named)
    name, glue = (named[: cut.end()], named[cut.end() :]) if cut else ("", named)
    words = [word.lower() for word in _WORD.findall(name)]
    for word in words:
        yield f"w:{word}"
    for left, right in pairwise(words):
        yield f"w:{left} {right}"
    if not _NO_SECRET.isdisjoint(words):
        yield f"no:{charset}"
    if words:
        yield f"wc:{words[-1]}:{charset}:{'' if len(value) < 16 else '+'}"
        yield f"w$:{words[-1]}"
        yield f"w^:{words[0]}"
        lowered = value.lower()
        if any(len(word) > 2 and word in lowered for word in words):
            yield "named"
    yield f"nk:{'A' if name.isupper() else 'a' if name.islower() else 'm'}"
    joined = _WORDS.sub("w", _BLANKS.sub(" ", glue))[:14]
    yield f"g:{joined}"
    for word in _WORD.findall(glue):
        yield f"gw:{word.lower()}"
    yield f"a:{after[:1]}"
    yield f"a2:{_PLAIN.sub('w', after[:6])}"
    yield f"q:{glue[-1:]}{after[:1]}"
    if _COMMENT.match(before + named):
        yield "comment"
    yield f"b:{before.rstrip()[-1:]}"
    line = [word.lower() for word in _WORD.findall(before)[-8:]]
    for word in line:
        yield f"l:{word}"
    for word in line[-2:]:
        yield f"p:{word}"
    for word in _WORD.findall(after)[:6]:
        yield f"f:{word.lower()}"
