"""Expansion of the placeholders in rule examples, so that no real-looking token stands in the repository.

Grammar, inside a template:

- `<class:N>` or `<class:N-M>`: N (or N to M) characters out of a class: one of `CLASSES`, or an explicit class such as
  `<[a-f2-7]:32>`;
- `<uuid>`: a lower-case 8-4-4-4-12 identifier;
- `<crc32b62>`, `<crc32b36>`, `<crc32hex>`: CRC-32 of the text that the placeholder before it produced, as six base-62
  digits, as seven base-36 digits, or as little-endian hex;
- `<text:TEMPLATE>`: an expanded template as it is, so that a checksum can be of all of it;
- `<b64of:TEMPLATE>` and `<b64uof:TEMPLATE>`: the base64 of an expanded template, padded, and the one for URLs without
  padding; `<b58of:TEMPLATE>`: the base58check of the bytes that it writes in hex;
- `<bech32:PREFIX>` and `<BECH32:PREFIX>`: a prefix, 32 random bytes and their checksum in Bech32, in either case.

In the templates inside of others, brackets must balance.

Anything else in angle brackets stays as it is. The same template and seed always give the same text.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from random import Random
from typing import Final

from gossip.engine.rules.checksums import (
    base58check,
    base64_padded,
    base64_url,
    bech32,
    crc32_base36,
    crc32_base62,
    crc32_hex,
)

_KINDS: Final = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase

CLASSES: Final[dict[str, str]] = {
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "dig": string.digits,
    "low": string.ascii_lowercase,
    "up": string.ascii_uppercase,
    "an": _BASE62,
    "lan": string.digits + string.ascii_lowercase,
    "uan": string.digits + string.ascii_uppercase,
    "b64": _BASE62 + "+/",
    "b64u": _BASE62 + "-_",
    "b32": string.ascii_uppercase + "234567",
    "word": _BASE62 + "_",
}
"""The named classes and their characters."""

_EVERY_KIND_MIN_CHARS = 16
"""From this length on, a drawn text has at least one character of each kind that its class has."""

_NESTED: Final[dict[str, Callable[[str], str]]] = {
    "b58of": base58check,
    "b64of": base64_padded,
    "b64uof": base64_url,
    "text": str,
}
"""What is done to the template inside a placeholder, once it is expanded."""

_CHECKSUMS: Final[dict[str, Callable[[str], str]]] = {
    "crc32b36": crc32_base36,
    "crc32b62": crc32_base62,
    "crc32hex": crc32_hex,
}
"""What is made of the text before a placeholder."""

_NESTED_MAX: Final = 8
_BECH32_BYTES: Final = 32
_UUID_GROUPS: Final = (8, 4, 4, 4, 12)

_OUTER = re.compile(r"<([a-z0-9]+):")
_PLACEHOLDER = re.compile(r"<(?P<name>\[[^\]\n]+\]|[A-Za-z0-9]+)(?P<tail>:[^<>\n]*)?>")
_COUNT = re.compile(r":([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?")


def expand(template: str, seed: str) -> str:
    """Return `template` with every placeholder filled in, drawing from a generator seeded with `seed`.

    Raises ValueError where a placeholder of a known class is malformed.
    """
    if sum(template.count(f"<{name}:") for name in _NESTED) > _NESTED_MAX:
        raise ValueError(f"more than {_NESTED_MAX} placeholders that hold another template")
    return _expand(template, Random(seed))  # noqa: S311 - examples must not be secrets


def _expand(template: str, rng: Random) -> str:
    """Walk over the template once, left to right; `last` is what the placeholder before produced."""
    parts: list[str] = []
    last: str | None = None
    at = 0
    while (start := template.find("<", at)) >= 0:
        parts.append(template[at:start])
        drawn, at = _fill(template, start, last, rng)
        if drawn is None:
            parts.append(template[start:at])
        else:
            parts.append(drawn)
            last = drawn
    parts.append(template[at:])
    return "".join(parts)


def _fill(template: str, start: int, last: str | None, rng: Random) -> tuple[str | None, int]:
    """The text for what begins with the bracket at `start`, None if it is literal, and where to go on."""
    outer = _OUTER.match(template, start)
    if outer is not None and outer[1] in _NESTED:
        end = _closing_bracket(template, start)
        return _NESTED[outer[1]](_expand(template[outer.end() : end], rng)), end + 1
    found = _PLACEHOLDER.match(template, start)
    if found is None:
        return None, start + 1
    drawn = _value(found["name"], found["tail"], last, rng)
    return drawn, found.end() if drawn is not None else start + 1


def _closing_bracket(template: str, start: int) -> int:
    """The index of the bracket that closes the one at `start`."""
    depth = 0
    for index in range(start, len(template)):
        depth += {"<": 1, ">": -1}.get(template[index], 0)
        if depth == 0:
            return index
    raise ValueError(f"placeholder without its closing bracket: {template[start:]!r}")


def _value(name: str, tail: str | None, last: str | None, rng: Random) -> str | None:
    """The text for one placeholder, or None if it is no placeholder at all."""
    if name == "uuid" or name in _CHECKSUMS:
        return _bare_value(name, tail, last, rng)
    if name in {"bech32", "BECH32"} and tail is not None:
        data = bytes(_below(256, rng) for _ in range(_BECH32_BYTES))
        written = bech32(tail[1:].lower(), data)
        return written.upper() if name == "BECH32" else written
    alphabet = _alphabet(name, tail)
    if alphabet is None:
        return None
    return _draw(alphabet, _length(name, tail, rng), rng)


def _bare_value(name: str, tail: str | None, last: str | None, rng: Random) -> str:
    """The text for a placeholder that takes no length."""
    if tail is not None:
        raise ValueError(f"placeholder <{name}> takes no length, but has {tail!r}")
    if name == "uuid":
        return "-".join(_draw(CLASSES["hex"], length, rng) for length in _UUID_GROUPS)
    if last is None:
        raise ValueError(f"placeholder <{name}> has no placeholder before it")
    return _CHECKSUMS[name](last)


def _alphabet(name: str, tail: str | None) -> str | None:
    """The characters of a class, or None for a name that is no class."""
    if name.startswith("["):
        return _explicit(name[1:-1]) if tail is not None else None
    return CLASSES.get(name)


def _explicit(body: str) -> str:
    """The characters of an explicit class: single ones and ranges, a hyphen at either end being itself."""
    chars: list[str] = []
    at = 0
    while at < len(body):
        if body[at + 1 : at + 2] == "-" and at + 2 < len(body):
            chars += _range(body[at], body[at + 2])
            at += 3
        else:
            chars.append(body[at])
            at += 1
    return "".join(dict.fromkeys(chars))


def _range(first: str, final: str) -> list[str]:
    """The characters from `first` to `final`."""
    if first > final:
        raise ValueError(f"range {first}-{final} of an explicit class is reversed")
    return [chr(code) for code in range(ord(first), ord(final) + 1)]


def _length(name: str, tail: str | None, rng: Random) -> int:
    """How many characters to draw."""
    counts = _COUNT.fullmatch(tail or "")
    if counts is None:
        raise ValueError(f"placeholder <{name}{tail or ''}> needs a length, as in <{name}:20> or <{name}:20-40>")
    low = int(counts[1])
    high = int(counts[2] or low)
    if high < low:
        raise ValueError(f"placeholder <{name}{tail}> has its lengths reversed")
    return low + _below(high - low + 1, rng)


def _draw(alphabet: str, length: int, rng: Random) -> str:
    """Random text; long enough text has a character of every kind in its alphabet."""
    chars = [alphabet[_below(len(alphabet), rng)] for _ in range(length)]
    if length >= _EVERY_KIND_MIN_CHARS:
        _ensure_kinds(chars, alphabet, rng)
    return "".join(chars)


def _ensure_kinds(chars: list[str], alphabet: str, rng: Random) -> None:
    """Put one character of each kind at a place of its own, where the kind is missing."""
    places = list(range(len(chars)))
    for kind in _kinds_of(alphabet):
        place = places.pop(_below(len(places), rng))
        if not any(char in kind for char in chars):
            chars[place] = kind[_below(len(kind), rng)]


def _kinds_of(alphabet: str) -> list[str]:
    """The alphabet split into lower-case letters, upper-case letters, digits and the rest; empty parts left out."""
    plain = [[char for char in alphabet if char in kind] for kind in _KINDS]
    rest = [char for char in alphabet if not any(char in kind for kind in _KINDS)]
    return ["".join(part) for part in (*plain, rest) if part]


def _below(bound: int, rng: Random) -> int:
    """A number from 0 to below `bound`. `random()` is the one method whose sequence Python promises to keep."""
    return int(rng.random() * bound)
