"""Spreading work over workers evenly.

`redistribute` deals items out at random: of 36 units of a third of a second, one of two workers often gets 21 and the
other waits. Where the number of workers is known, each item goes to the worker that was given the least so far. Bytewax
has no operator for that, but it routes keyed items by a hash of their key that is the same in every process; so each
worker has a key that leads to it. Should a later version route differently, work is spread less evenly, and nothing
else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from bytewax import operators as op
from bytewax.dataflow import Stream, operator
from bytewax.operators import StatefulBatchLogic

X = TypeVar("X")
Y = TypeVar("Y")

_MASK = (1 << 64) - 1
_TERMINATOR = b"\xff"
"""What Rust's string hashing appends."""


def route_hash(key: str) -> int:
    """SipHash-1-3 with a zero key, as Rust's default hasher computes it for a string."""
    data = key.encode() + _TERMINATOR
    state = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    whole = len(data) - len(data) % 8
    words = [int.from_bytes(data[at : at + 8], "little") for at in range(0, whole, 8)]
    words.append((len(data) & 0xFF) << 56 | int.from_bytes(data[whole:], "little"))
    for word in words:
        v0, v1, v2, v3 = _round((*state[:3], state[3] ^ word))
        state = (v0 ^ word, v1, v2, v3)
    state = (state[0], state[1], state[2] ^ 0xFF, state[3])
    for _ in range(3):
        state = _round(state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _rotated(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & _MASK


def _round(state: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    v0, v1, v2, v3 = state
    v0 = (v0 + v1) & _MASK
    v1 = _rotated(v1, 13) ^ v0
    v0 = _rotated(v0, 32)
    v2 = (v2 + v3) & _MASK
    v3 = _rotated(v3, 16) ^ v2
    v0 = (v0 + v3) & _MASK
    v3 = _rotated(v3, 21) ^ v0
    v2 = (v2 + v1) & _MASK
    v1 = _rotated(v1, 17) ^ v2
    return v0, v1, _rotated(v2, 32), v3


def worker_keys(workers: int) -> tuple[str, ...]:
    """For each worker, a key that Bytewax routes to it."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < workers:
        found.setdefault(route_hash(str(number)) % workers, str(number))
        number += 1
    return tuple(found[worker] for worker in range(workers))


class Balance:
    """How much each worker was given, as the worker sees it that gives. One per process of a cluster."""

    def __init__(self, workers: int, me: int) -> None:
        self.workers = workers
        self._me = me
        self._keys = worker_keys(workers)
        self._given = [0.0] * workers

    def key_for(self, cost: float) -> str:
        """The key of the worker that has the least, which is charged with `cost`."""
        # Lanes on other workers spread too, and do not know of each other: each begins with its own.
        worker = min(range(self.workers), key=lambda w: (self._given[w], (w - self._me) % self.workers))
        self._given[worker] += cost
        return self._keys[worker]

    def busy(self, cost: float) -> None:
        """This worker did something else that is worth `cost`, while the others had work."""
        if any(self._given):
            self._given[self._me] += cost


class Stopwatch:
    """Charges a balance with the processor time spent in a block, as what could have been done in it."""

    def __init__(self, balance: Balance | None, cost_per_second: float) -> None:
        self._balance = balance
        self._rate = cost_per_second
        self._start = 0.0

    def __enter__(self) -> None:
        self._start = time.thread_time()

    def __exit__(self, *_: object) -> None:
        if self._balance is not None:
            self._balance.busy((time.thread_time() - self._start) * self._rate)


class _EachLogic(StatefulBatchLogic[X, Y, None]):
    """Applies a function to every item where it lands; no state."""

    def __init__(self, work: Callable[[X], Y]) -> None:
        self._work = work

    def on_batch(self, values: list[X]) -> tuple[Iterable[Y], bool]:
        """One result for each item."""
        return [self._work(value) for value in values], StatefulBatchLogic.RETAIN

    def snapshot(self) -> None:
        """Nothing to resume from."""


@operator
def spread_map(
    step_id: str, up: Stream[X], work: Callable[[X], Y], balance: Balance | None, cost: Callable[[X], float]
) -> Stream[Y]:
    """`work` on every item, evenly over all workers by `cost`; without a balance, dealt out at random."""
    if balance is None:
        dealt = op.redistribute("redistribute", up)
        return op.flat_map_batch("work", dealt, lambda items: [work(item) for item in items])
    given = op.map("give", up, lambda item: (balance.key_for(cost(item)), item))
    worked = op.stateful_batch("work", given, lambda _state: _EachLogic(work))
    return op.map("results", worked, lambda pair: pair[1])
