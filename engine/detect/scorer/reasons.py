"""Why the model judged a match as it did, in words that hold nothing of the value."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gossip.engine.detect.scorer.features import features

if TYPE_CHECKING:
    from gossip.engine.detect.scorer.model import Scorer

REASONS_MAX = 6
_OF_VALUE = ("v:", "=", "^", "$", "sh:")
"""Facts whose names hold characters of the value. Only their sum is told."""
_WORDS = {
    "c": "kinds of characters",
    "s": "length",
    "cs": "kinds of characters, and length",
    "r": "reads like a word, 0 to 20 not at all",
    "cr": "kinds of characters, and how it reads",
    "sr": "length, and how it reads",
    "rm": "kinds of characters, and the least readable part",
    "ru": "parts that no word has, and length",
    "e": "entropy, quarters of a bit",
    "es": "length and entropy",
    "t": "kinds of characters, and changes between them",
    "hex": "hexadecimal digits, so many",
    "rnd": "looks random",
    "m": "mark in the value",
    "blanks": "blanks in the value",
    "w": "word of the name",
    "w$": "last word of the name",
    "w^": "first word of the name",
    "wc": "last word of the name, and kinds of characters",
    "no": "a name that says that its value is not secret",
    "nk": "case of the name",
    "g": "between name and value",
    "gw": "word between name and value",
    "a": "after the value",
    "a2": "after the value",
    "b": "before the name",
    "q": "quotes",
    "l": "word of the line before",
    "p": "word right before",
    "f": "word of the line after",
}


class Reasons(NamedTuple):
    """A judgement. Weights are in hundredths of a nat: what speaks for a secret is above 0."""

    total: int
    needed: int
    """The least total of a finding."""
    value: int
    """Of the total, what the characters and words of the value contribute, which are not named."""
    strongest: tuple[tuple[str, int], ...]
    """The facts that weigh most, in words, with their weights."""


def reasons(scorer: Scorer, data: bytes, full: tuple[int, int], secret: tuple[int, int]) -> Reasons:
    """All facts about a match, weighed. Only names of facts that the model knows are told: its words are those of many
    texts, not of this one.
    """
    named, runs, line = features(data, full, secret, scorer.triples)
    value = sum(scorer.grams.get(fact, scorer.grams.get(fact[1:], 0)) for fact in runs)
    told: list[tuple[str, int]] = []
    for fact in (*named, *line):
        weight = scorer.weights.get(fact, 0)
        if fact.startswith(_OF_VALUE) and not fact.startswith(("w^", "w$")):
            value += weight
        elif weight:
            told.append((_in_words(fact), weight))
    total = scorer.bias + value + sum(weight for _, weight in told)
    told.sort(key=lambda row: (-abs(row[1]), row[0]))
    return Reasons(total, scorer.steps[-1][0], value, tuple(told[:REASONS_MAX]))


def _in_words(fact: str) -> str:
    kind, colon, what = fact.partition(":")
    return f"{_WORDS.get(kind, kind)} ({what})" if colon and what else _WORDS.get(kind, kind)
