"""Expressions of the database that are no rule's: they say where encoded text is worth decoding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from gossip.engine.decode.transforms import TRANSFORMS
from gossip.engine.decode.transforms.base64_ import Base64
from gossip.engine.decode.transforms.hex_ import Hex
from gossip.engine.rules.encoded import (
    ByteSets,
    EncodedForm,
    base64_forms,
    expression,
    hex_form,
    literal_sets,
    utf16_forms,
)

if TYPE_CHECKING:
    from gossip.engine.rules.anchors import Anchors
    from gossip.schemas.config import DecodeMode

ANCHOR_BYTES_MIN = 3
"""A shorter literal is everywhere."""
_LITERAL_BYTES_MAX = (5, 4, 4)
_FORM_BYTES_MAX = (7, 6, 6)
"""By how many layers of base64 are around: literals and their forms are cut to this length. Short ones are shared by
many rules; longer ones took three times as long to compile and hit no less."""
_CASED_LAYERS, _CASELESS_LAYERS = 3, 2
"""Layers of base64 whose forms are in the database. A literal whose case is free is looked for in lower case, upper
case and capitalised in the first of them, in lower case in the second: every free letter doubled would slow the scan
by a third (measured), spelled-out literals cost nothing."""
_WIDE_BYTES_MAX = 4
_PLAIN_BYTES_MIN = 5
_ALWAYS = (b"\x1f\x8b\x08\x00", b"\\u00")
"""Not a rule's, but worth finding in base64: gzip, and escaped text."""

_DIGIT, _HIGH, _OCTAL = b"0123456789", b"234567", b"01234567"
_HEX_DIGIT = b"0123456789abcdefABCDEF"
_ALWAYS_SETS: tuple[tuple[bytes, ...], ...] = (
    (b"%", _HIGH, _HEX_DIGIT) * 2,
    (b"\\", b"x", _HIGH, _HEX_DIGIT) * 2,
    (b"\\", b"u", b"{", _HIGH, _HEX_DIGIT, b"}", b"\\"),
    (b"\\", b"1", _OCTAL, _OCTAL) * 2,
    (b"&", b"#", _DIGIT, _DIGIT, b";", b"&", b"#"),
    (b"&", b"#", b"1", _DIGIT, _DIGIT, b";", b"&", b"#"),
    (b"&", b"#", b"xX", _HIGH, _HEX_DIGIT, b";", b"&", b"#"),
)
"""Two escapes of printable text in a row, byte set by byte set, to be found in base64."""
_ALWAYS_BYTES_MAX = 14


class Probe(NamedTuple):
    """One expression of the database. A match of rule `rule` that holds a hit ending at e lies within
    [e - back, e + ahead]. Where there is a transform instead, encoded text lies there: [e - back, e].
    """

    rule: int
    back: int
    ahead: int
    transform: int = -1
    """Index into TRANSFORMS; then `rule` is -1."""
    phase: int = 0
    """See `decode.transforms.base.Form`."""


@dataclass(frozen=True, slots=True)
class Expression:
    """What Vectorscan compiles."""

    text: bytes
    probe: Probe
    width: int | None
    """No hit is longer; None: no bound."""
    flags: int = 0


_BASE64 = next(number for number, transform in enumerate(TRANSFORMS) if isinstance(transform, Base64))
_HEX = next(number for number, transform in enumerate(TRANSFORMS) if isinstance(transform, Hex))


class _Forms:
    """Expressions for encoded text, each once, in the order in which they are added."""

    def __init__(self) -> None:
        self.found: dict[tuple[bytes, int, int], Expression] = {}

    def add(self, transform: int, text: bytes, width: int, phase: int) -> None:
        """One expression of at most `width` bytes."""
        self.found.setdefault((text, transform, phase), Expression(text, Probe(-1, width, 0, transform, phase), width))

    def add_base64(self, sets: ByteSets, layers: int = 1, longest: int = _FORM_BYTES_MAX[0]) -> None:
        """The forms of a sequence in exactly `layers` layers of base64."""
        for form in _nested(sets, layers):
            cut = _plain(form, longest)
            self.add(_BASE64, expression(cut.sets), len(cut.sets), cut.phase)

    def add_hex(self, sets: ByteSets) -> None:
        """The two digits of every byte."""
        digits = hex_form(sets)
        self.add(_HEX, expression(digits), len(digits), 0)


def encoded_expressions(anchors: Iterable[Anchors | None], mode: DecodeMode) -> list[Expression]:
    """The probes for encoded text of rules with these anchors, in a stable order; none in mode `off`."""
    if mode == "off":
        return []
    forms = _Forms()
    for number, transform in enumerate(TRANSFORMS):
        for form in transform.forms + (transform.thorough if mode == "thorough" else ()):
            forms.add(number, form.expression, form.width, form.phase)
    for literal, caseless in [*sorted(_literals(anchors)), *((literal, False) for literal in _ALWAYS)]:
        for variant in _variants(literal) if caseless else (literal,):
            _add_literal(forms, variant, 1 if variant != literal else _CASELESS_LAYERS if caseless else _CASED_LAYERS)
    for sets in _ALWAYS_SETS:
        forms.add_base64(tuple(map(frozenset, sets)), longest=_ALWAYS_BYTES_MAX)
    return list(forms.found.values())


def _add_literal(forms: _Forms, literal: bytes, layers: int) -> None:
    for layer in range(layers):
        sets = literal_sets(literal[: _LITERAL_BYTES_MAX[layer]], caseless=False)
        forms.add_base64(sets, layer + 1, _FORM_BYTES_MAX[layer])
    sets = literal_sets(literal[: _LITERAL_BYTES_MAX[0]], caseless=False)
    forms.add_hex(sets)
    if layers > 1:
        # UTF-16 in base64 is how PowerShell takes commands; hex and base64 inside each other.
        forms.add_base64(utf16_forms(sets[:_WIDE_BYTES_MAX])[0])
        forms.add_base64(literal_sets(literal[:_WIDE_BYTES_MAX].hex().encode(), caseless=False))
        for form in base64_forms(sets):
            forms.add_hex(_plain(form, _FORM_BYTES_MAX[0]).sets)


def _literals(anchors: Iterable[Anchors | None]) -> set[tuple[bytes, bool]]:
    return {
        (literal[: _LITERAL_BYTES_MAX[0]], one.caseless)
        for one in anchors
        if one is not None
        for literal in one.literals
    }


def _variants(literal: bytes) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys((literal, literal.upper(), literal.capitalize())))


def _nested(sets: ByteSets, layers: int) -> list[EncodedForm]:
    forms = list(base64_forms(sets))
    for _ in range(layers - 1):
        forms = [deeper for form in forms for deeper in base64_forms(form.sets)]
    return forms


def _plain(form: EncodedForm, longest: int) -> EncodedForm:
    """At most `longest` bytes of a form, without classes at its ends as far as five bytes stay: Vectorscan compiles and
    finds literals fastest.
    """
    sets, phase = form
    while len(sets) > _PLAIN_BYTES_MIN and len(sets[0]) > 1:
        sets, phase = sets[1:], (phase + 1) % 4
    sets = sets[:longest]
    while len(sets) > _PLAIN_BYTES_MIN and len(sets[-1]) > 1:
        sets = sets[:-1]
    return EncodedForm(sets, phase)
