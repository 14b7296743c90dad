"""Shards, runs and books for tests, with the least that each needs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from gossip.engine.identity import tenant_id
from gossip.engine.shards import shard as transitions
from gossip.engine.shards.book import Book, BookLimits
from gossip.engine.shards.hints import ShardSpec
from gossip.engine.shards.ranges import KeyRange
from gossip.engine.shards.records import Lease, Shard
from gossip.engine.shards.run import RunConfig, ShardInit

TENANT = tenant_id(b"acme")
OTHER = tenant_id(b"rival")
RUN = 7
LEASE_TIME = 100
CONFIG = RunConfig(lease_time=LEASE_TIME)


def spec(start: bytes = b"", end: bytes = b"") -> ShardSpec:
    """All keys of a range, without a hint."""
    return ShardSpec(KeyRange(start, end))


def shard(start: bytes = b"a", end: bytes = b"z", number: int = 1) -> Shard:
    """A shard that nobody has touched."""
    return Shard(TENANT, RUN, number, spec(start, end))


def leased(record: Shard | None = None, worker: int = 1, now: int = 1) -> tuple[Shard, Lease]:
    """A shard, untouched unless given, and a lease of it."""
    outcome, lease = transitions.acquire(record or shard(), TENANT, worker, now, LEASE_TIME)
    return outcome.shard, lease


def manifest(*bounds: bytes) -> list[ShardInit]:
    """Shards numbered from 0 between consecutive bounds."""
    pairs = pairwise(bounds)
    return [ShardInit(number, spec(low, high)) for number, (low, high) in enumerate(pairs)]


def book(shards: Sequence[ShardInit] = (), limits: BookLimits | None = None) -> Book:
    """A book with one active run over three shards, or those given."""
    made = Book(limits)
    made.create_run(TENANT, RUN, CONFIG, 1)
    made.register_shards(TENANT, RUN, 1, 1, shards or manifest(b"a", b"h", b"p", b"z"))
    return made
