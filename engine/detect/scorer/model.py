"""The model: a weight for each fact, their sum, and the confidence that it stands for."""

from __future__ import annotations

import json
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gossip.engine.detect.scorer.features import features

if TYPE_CHECKING:
    from collections.abc import Mapping

WEIGHTS_FILE = Path(__file__).parent / "weights.json"
_DIGEST_BYTES = 16


class Scorer(NamedTuple):
    """Weights in hundredths of a nat, and the least sum for each confidence, by rising confidence."""

    bias: int
    weights: Mapping[str, int]
    triples: Mapping[str, int]
    steps: tuple[tuple[int, int], ...]
    """(least sum, confidence), the highest sum first. Below all of them a match is dropped."""

    def sum(self, data: bytes, full: tuple[int, int], secret: tuple[int, int]) -> int:
        """Evidence that the value is a secret, in hundredths of a nat of log odds."""
        get = self.weights.get
        total = self.bias
        for name in set(features(data, full, secret, self.triples)):
            total += get(name, 0)
        return total

    def confidence(self, data: bytes, full: tuple[int, int], secret: tuple[int, int]) -> int:
        """0 for what is no secret, else 1 to 10. Offsets are half-open bytes of `data`."""
        total = self.sum(data, full, secret)
        return next((confidence for least, confidence in self.steps if total >= least), 0)


@cache
def load_scorer() -> Scorer:
    """The model that ships with Gossip."""
    stored = json.loads(WEIGHTS_FILE.read_bytes())
    steps = tuple((int(least), int(confidence)) for least, confidence in stored["steps"])
    return Scorer(stored["bias"], stored["weights"], stored["triples"], steps)


@cache
def scorer_version() -> str:
    """Changes with the weights: part of the identity of every rule that is judged by them."""
    return blake2b(WEIGHTS_FILE.read_bytes(), digest_size=_DIGEST_BYTES).hexdigest()
