"""The model: a weight for each fact, their sum, and the confidence that it stands for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from gossip.engine.detect.scorer.features import (
    VALUE_CHARS_MAX,
    grams,
    line_facts,
    name_facts,
    name_of,
    rest_of,
    shown_of,
    value_facts,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

WEIGHTS_FILE = Path(__file__).parent / "weights.json"
_DIGEST_BYTES = 16
_TEMPLATE = re.compile(rb"<[A-Za-z][\w :.-]{0,40}>")
"""What somebody will fill in: who writes `sk-<token>` shows the form of a secret, and none."""
_GOES_ON = re.compile(rb"<[A-Za-z][\w :.-]{0,40}>|\$?\{|\$\(")
"""The same right behind a value that a rule ended there: `sk-${NAME}`."""
_MEMO_MAX = 4096
"""Values and names repeat: so many of each are remembered."""
_LINES_MAX = 16384
"""And so do lines, in the versions of a file."""
_LINE_BYTES_MAX = 512
"""Longer ones are not remembered."""


@dataclass(slots=True)
class _Value:
    """What is remembered of a value."""

    sum: int
    charset: str
    long: bool
    lowered: str
    grams: int | None = None
    """Their sum, once somebody asked."""


@dataclass(slots=True)
class Scorer:
    """Weights in hundredths of a nat, and the least sum for each confidence. One instance per thread."""

    bias: int
    weights: Mapping[str, int]
    grams: Mapping[str, int]
    """Weights of the facts that are runs of characters."""
    triples: Mapping[str, int]
    steps: tuple[tuple[int, int], ...]
    """(least sum, confidence), the highest sum first. Below all of them a match is dropped."""
    gates: tuple[int, int]
    """Below the first after the value and its name, or below the second after the value's grams too, a match is dropped
    without a look at the rest.
    """
    _values: dict[tuple[bytes, int], _Value] = field(default_factory=dict)
    _names: dict[tuple[bytes, str, bool], int] = field(default_factory=dict)
    _lines: dict[tuple[bytes, int, int, int], int] = field(default_factory=dict)
    """Confidence by what the model is shown, and where in it match and value lie."""

    def confidence(self, data: bytes, full: tuple[int, int], secret: tuple[int, int]) -> int:
        """0 for what is no secret, else 1 to 10. Offsets are half-open bytes of `data`."""
        first, last = shown_of(data, full[0], secret[1])
        if last - first > _LINE_BYTES_MAX:
            return self._confidence(data, full, secret)
        key = (data[first:last], full[0] - first, secret[0] - first, secret[1] - first)
        found = self._lines.get(key)
        if found is None:
            found = self._confidence(data, full, secret)
            if len(self._lines) >= _LINES_MAX:
                self._lines.clear()
            self._lines[key] = found
        return found

    def _confidence(self, data: bytes, full: tuple[int, int], secret: tuple[int, int]) -> int:
        start, end = secret
        if _TEMPLATE.search(data, start, end) or _GOES_ON.match(data, end):
            return 0
        first, name_at = name_of(data, full)
        value = self._value(data[start : min(end, start + VALUE_CHARS_MAX)], end - start)
        named = data[name_at:start]
        total = self.bias + value.sum + self._name(named, value)
        if total < self.gates[0]:
            return 0
        if value.grams is None:
            get = self.grams.get
            value.grams = sum([get(gram, 0) for gram in grams(value.lowered)])
        total += value.grams
        if total < self.gates[1]:
            return 0
        get = self.weights.get
        before, after = data[first:name_at].decode("latin-1"), rest_of(data, end)
        total += sum([get(fact, 0) for fact in line_facts(before, named.decode("latin-1"), after, value.lowered)])
        return next((confidence for least, confidence in self.steps if total >= least), 0)

    def _value(self, text: bytes, length: int) -> _Value:
        found = self._values.get((text, length))
        if found is None:
            facts = value_facts(text.decode("latin-1"), length, self.triples)
            get = self.weights.get
            found = _Value(sum([get(fact, 0) for fact in facts.plain]), facts.charset, facts.long, facts.lowered)
            if len(self._values) >= _MEMO_MAX:
                self._values.clear()
            self._values[text, length] = found
        return found

    def _name(self, named: bytes, value: _Value) -> int:
        key = (named, value.charset, value.long)
        found = self._names.get(key)
        if found is None:
            get = self.weights.get
            facts = name_facts(named.decode("latin-1"), value.charset, long=value.long)
            found = sum([get(fact, 0) for fact in facts])
            if len(self._names) >= _MEMO_MAX:
                self._names.clear()
            self._names[key] = found
        return found


def read_scorer(stored: bytes) -> Scorer:
    """The model in a file of weights."""
    fields = json.loads(stored)
    steps = tuple((int(least), int(confidence)) for least, confidence in fields["steps"])
    first, second = fields["gates"]
    return Scorer(fields["bias"], fields["weights"], fields["grams"], fields["triples"], steps, (first, second))


@cache
def _shipped() -> bytes:
    return WEIGHTS_FILE.read_bytes()


def load_scorer() -> Scorer:
    """The model that ships with Gossip, with a memory of its own."""
    return read_scorer(_shipped())


@cache
def scorer_version() -> str:
    """Changes with the weights: part of the identity of every rule that is judged by them."""
    return blake2b(_shipped(), digest_size=_DIGEST_BYTES).hexdigest()
