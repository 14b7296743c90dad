"""What the model looks at: names of facts about a match, each present or not.

Facts are about the value (its characters, its shape, how much it reads like a word), the name that it is assigned to,
how it is assigned, and the words of its line. Nothing here knows files or repositories. They come in stages, what
decides most for its cost first: the model stops where the rest could hardly change its mind.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from math import log2
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

VALUE_CHARS_MAX = 80
"""Of a longer value, its beginning is judged."""
LONG_CHARS = 16
GRAMS_CHARS_MAX = 24
"""Runs of three and four characters are taken from here."""
GRAM = "~"
"""Before the name of a fact that is a run of characters."""
_BEFORE_BYTES, _AFTER_BYTES = 120, 60
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LETTERS = re.compile(r"[a-z]{2,}")
_NAME_BYTES = bytes(c for c in range(256) if re.match(r"[\w.$-]", chr(c)))
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


class ValueFacts(NamedTuple):
    """What a value says by itself."""

    plain: tuple[str, ...]
    charset: str
    long: bool
    lowered: str


def name_of(data: bytes, full: tuple[int, int]) -> tuple[int, int]:
    """Where what the model is shown of the line of the match `full` begins, and where the name."""
    floor = max(0, full[0] - _BEFORE_BYTES)
    first = data.rfind(b"\n", floor, full[0]) + 1 or floor
    return first, first + len(data[first : full[0]].rstrip(_NAME_BYTES))


def shown_of(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Half-open, all that the model is shown of the line of a match that starts at `start`, whose value ends at `end`:
    what decides, but for the places of match and value in it.
    """
    floor, ceiling = max(0, start - _BEFORE_BYTES), end + _AFTER_BYTES
    first, last = data.rfind(b"\n", floor, start) + 1 or floor, data.find(b"\n", end, ceiling)
    return first, ceiling if last < 0 else last


def rest_of(data: bytes, end: int) -> str:
    """What the model is shown of the line after a value."""
    last = data.find(b"\n", end, end + _AFTER_BYTES)
    return data[end : end + _AFTER_BYTES if last < 0 else last].decode("latin-1")


def features(
    data: bytes, full: tuple[int, int], secret: tuple[int, int], table: Mapping[str, int]
) -> tuple[list[str], list[str], list[str]]:
    """All facts about the match `full` whose value is `secret`, offsets in bytes, half-open. By stage, each but once:
    value and name; grams of the value; line.

    `table` has for each letter triple, `^` and `$` at the ends of a word, how surprising it is, in tenths of a bit.
    """
    first, name_at = name_of(data, full)
    before, named = data[first:name_at].decode("latin-1"), data[name_at : secret[0]].decode("latin-1")
    value = data[secret[0] : min(secret[1], secret[0] + VALUE_CHARS_MAX)].decode("latin-1")
    of_value = value_facts(value, secret[1] - secret[0], table)
    return (
        [*of_value.plain, *sorted(name_facts(named, of_value.charset, long=of_value.long))],
        sorted(GRAM + gram for gram in grams(of_value.lowered)),
        sorted(line_facts(before, named, rest_of(data, secret[1]), of_value.lowered)),
    )


def value_facts(value: str, length: int, table: Mapping[str, int]) -> ValueFacts:
    """The facts about a value of so many bytes, of which `value` is the beginning; without its grams."""
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
    found = [
        f"c:{charset}",
        f"s:{size}",
        f"cs:{charset}:{size}",
        f"r:{read}",
        f"cr:{charset}:{read}",
        f"sr:{size}:{read}",
        f"rm:{charset}:{worst // 10}",
        f"ru:{min(unseen, 6)}:{size}",
    ]
    add = found.append
    if _HASHED.match(value):
        add("hashed")
    if not value.isascii():
        add("wide")
    blanks = value.count(" ")
    if blanks:
        add(f"blanks:{min(blanks, 4)}:{read}")
    shape = _REPEATS.sub(r"\1", kinds)
    add(f"sh:{shape[:10]}")
    add(f"t:{charset}:{min(len(shape), 12) if len(shape) < 13 else 13 + len(shape) // 10}")
    bits = _bits(value)
    add(f"e:{int(bits * 4)}")
    add(f"es:{size}:{int(bits * 2)}")
    found += (f"^{kinds[:1]}", f"${kinds[-1:]}", f"^{value[:1]}", f"${value[-1:]}")
    for mark in marks:
        add(f"m:{mark}")
    if _HEX.fullmatch(value):
        add(f"hex:{length if length in (8, 16, 20, 24, 32, 40, 48, 56, 64, 96, 128) else 0}")
    if "A" in present and "a" in present and "0" in present and charset in ("aA0", "aA0-", "aA0+"):
        add(f"rnd:{size}:{read}")
    lowered = value.lower()
    for word in _WORD.findall(value[:60]):
        add("v:" + (word.lower() if not word.isdigit() else "0" * min(len(word), 5)))
    add("=" + lowered[:24])
    return ValueFacts(tuple(dict.fromkeys(found)), charset, len(value) >= LONG_CHARS, lowered)


def grams(lowered: str) -> set[str]:
    """The runs of three and four characters of the beginning of a value in lower case, its ends marked."""
    framed = f"^{lowered[:GRAMS_CHARS_MAX]}$"
    size = len(framed)
    return {framed[at : at + 3] for at in range(size - 2)} | {framed[at : at + 4] for at in range(size - 3)}


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


def name_facts(named: str, charset: str, *, long: bool) -> set[str]:
    """The facts about a name, what follows it up to the value, and the value's kind."""
    cut = _NAME.match(named)
    at = cut.end() if cut else 0
    name, glue = named[:at], named[at:]
    words = [word.lower() for word in _WORD.findall(name)]
    found = {f"w:{word}" for word in words}
    found.update(f"w:{left} {right}" for left, right in pairwise(words))
    if not _NO_SECRET.isdisjoint(words):
        found.add(f"no:{charset}")
    if words:
        found.update((f"wc:{words[-1]}:{charset}:{'+' if long else ''}", f"w$:{words[-1]}", f"w^:{words[0]}"))
    found.add(f"nk:{'A' if name.isupper() else 'a' if name.islower() else 'm'}")
    found.add(f"g:{_WORDS.sub('w', _BLANKS.sub(' ', glue))[:14]}")
    found.update(f"gw:{word.lower()}" for word in _WORD.findall(glue))
    return found


def line_facts(before: str, named: str, after: str, lowered: str) -> set[str]:
    """The facts about the rest of the line, and those about value and name together."""
    found = {f"a:{after[:1]}", f"a2:{_PLAIN.sub('w', after[:6])}", f"b:{before.rstrip()[-1:]}"}
    cut = _NAME.match(named)
    name = cut[0] if cut else ""
    found.add(f"q:{named[-1:] if len(name) < len(named) else ''}{after[:1]}")
    if any(len(word) > 2 and word.lower() in lowered for word in _WORD.findall(name)):
        found.add("named")
    if _COMMENT.match(before + named):
        found.add("comment")
    line = [word.lower() for word in _WORD.findall(before)[-8:]]
    found.update(f"l:{word}" for word in line)
    found.update(f"p:{word}" for word in line[-2:])
    found.update(f"f:{word.lower()}" for word in _WORD.findall(after)[:6])
    return found
