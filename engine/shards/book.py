"""The runs and shards that one owner keeps: a lane in its state, or a simulation.

The transitions are pure; the book finds the records for them, keeps limits, checks what they made against the
invariants, and stores all of it or nothing. It has no clock and no lock: one thread uses it, and hands it the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from gossip.engine.limits import SHARDS_PER_TENANT_MAX, SHARDS_TOTAL_MAX
from gossip.engine.shards import run as runs
from gossip.engine.shards import shard as transitions
from gossip.engine.shards.errors import (
    AlreadyLeasedError,
    InvariantBrokenError,
    NoneAvailableError,
    RunConfigMismatchError,
    RunExistsError,
    RunNotFoundError,
    RunStatusError,
    RunTerminalError,
    ShardLimitError,
    ShardNotFoundError,
    ShardTerminalError,
    ThrottledError,
)
from gossip.engine.shards.invariants import check_change, check_run, check_run_change, check_shard, check_split
from gossip.engine.shards.records import Lease, Outcome, ParkReason, Shard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gossip.engine.shards.cursor import Cursor
    from gossip.engine.shards.hints import ShardSpec
    from gossip.engine.shards.run import Progress, Run, RunConfig, RunOutcome, ShardInit


@dataclass(frozen=True, slots=True)
class BookLimits:
    """What a book accepts."""

    shards_per_tenant_max: int = SHARDS_PER_TENANT_MAX
    shards_max: int = SHARDS_TOTAL_MAX
    claim_cooldown: int = 0
    """How long a worker waits between two claims that it was given, in the units of the caller's clock."""


class Listing(Enum):
    """Which shards of a run to list."""

    ALL = "all"
    ACTIVE = "active"
    AVAILABLE = "available"
    PARKED = "parked"
    ROOTS = "roots"


class Capacity(NamedTuple):
    """What else could be claimed in the run. A hint: it is old as soon as it is given."""

    available: int
    deadline: int | None
    """When the next lease ends, if it is not renewed."""


class Grant(NamedTuple):
    """A lease, and what is needed to begin or go on."""

    lease: Lease
    shard: Shard
    capacity: Capacity


class Snapshot(NamedTuple):
    """All records of a book, to be kept and restored. Later changes of the book do not change it."""

    runs: tuple[Run, ...]
    shards: tuple[Shard, ...]
    claims: tuple[tuple[bytes, int, int], ...]
    """(tenant, worker, time of its last claim)."""


class _Entry:
    """A run, its shards, and two indexes: ids of active shards, and of those with a lease, live or not."""

    __slots__ = ("active", "held", "run", "shards")

    def __init__(self, run: Run) -> None:
        self.run = run
        self.shards: dict[int, Shard] = {}
        self.active: dict[int, None] = {}
        self.held: dict[int, None] = {}

    def put(self, shard: Shard) -> None:
        self.shards[shard.id] = shard
        for index, belongs in ((self.active, not shard.terminal), (self.held, shard.hold is not None)):
            if belongs:
                index.setdefault(shard.id)
            else:
                index.pop(shard.id, None)

    def capacity(self, now: int) -> Capacity:
        holds = [hold for shard in self.held if (hold := self.shards[shard].hold) is not None and now < hold.deadline]
        open_count = 0 if self.run.terminal else len(self.active) - len(holds)
        return Capacity(open_count, min((hold.deadline for hold in holds), default=None))


class Book:
    """Operations by tenant, run and shard. A record of another tenant is as good as none: the answer is `not found`.

    Every operation raises what the transition of its name raises, RunNotFoundError or ShardNotFoundError, and
    InvariantBrokenError; if it raises, the book is unchanged.

    An ended run grants, renews and splits nothing any more (ShardTerminalError). Who holds a lease may still
    checkpoint, complete or park under it, so that what was done is not done again.
    """

    def __init__(self, limits: BookLimits | None = None) -> None:
        self._limits = limits or BookLimits()
        self._runs: dict[tuple[bytes, int], _Entry] = {}
        self._counts: dict[bytes, int] = {}
        self._claims: dict[tuple[bytes, int], int] = {}

    @classmethod
    def restored(cls, snapshot: Snapshot, limits: BookLimits | None = None) -> Book:
        """A book with the records of a snapshot. InvariantBrokenError if they cannot be those of any book."""
        book = cls(limits)
        for run in snapshot.runs:
            book._runs[run.tenant, run.id] = _Entry(run)
        for shard in snapshot.shards:
            check_shard(shard)
            book._entry(shard.tenant, shard.run).put(shard)
            book._counts[shard.tenant] = book._counts.get(shard.tenant, 0) + 1
        for entry in book._runs.values():
            check_run(entry.run, entry.shards)
        book._claims = {(tenant, worker): at for tenant, worker, at in snapshot.claims}
        return book

    def snapshot(self) -> Snapshot:
        """All records as they are now."""
        return Snapshot(
            tuple(entry.run for entry in self._runs.values()),
            tuple(shard for entry in self._runs.values() for shard in entry.shards.values()),
            tuple((tenant, worker, at) for (tenant, worker), at in self._claims.items()),
        )

    # Runs

    def run(self, tenant: bytes, run: int) -> Run:
        """A run's record."""
        return self._entry(tenant, run).run

    def create_run(self, tenant: bytes, run: int, config: RunConfig, now: int) -> RunOutcome:
        """A run without shards. RunExistsError for an id that the tenant used before."""
        if (tenant, run) in self._runs:
            raise RunExistsError(f"run {run} was created before")
        outcome = runs.create(tenant, run, config, now)
        self._runs[tenant, run] = _Entry(outcome.run)
        return outcome

    def register_shards(self, tenant: bytes, run: int, now: int, op: int, manifest: Sequence[ShardInit]) -> RunOutcome:
        """Give a run its shards. ShardLimitError if there would be too many of the tenant's, or in the book."""
        entry = self._entry(tenant, run)
        outcome = runs.register(entry.run, tenant, now, op, manifest)
        self._check_room(tenant, len(outcome.shards))
        for shard in outcome.shards:
            check_shard(shard)
        check_run(outcome.run, {**entry.shards, **{shard.id: shard for shard in outcome.shards}})
        return self._store_run(entry, outcome)

    def start_run(self, config: RunConfig, manifest: Sequence[ShardInit], call: StartCall) -> RunOutcome:
        """Create and register in one, as often as needed: the second time is a replay. RunConfigMismatchError if the
        run was created with other settings. A manifest that is refused leaves no run behind.
        """
        tenant, run, now, op = call
        known = self._runs.get((tenant, run))
        if known is not None and known.run.config != config:
            raise RunConfigMismatchError(f"run {run} was created with other settings")
        if known is None:
            self.create_run(tenant, run, config, now)
        try:
            return self.register_shards(tenant, run, now, op, manifest)
        except BaseException:
            if known is None:
                del self._runs[tenant, run]
            raise

    def complete_run(self, tenant: bytes, run: int, now: int, op: int) -> RunOutcome:
        """End a run that has nothing left to work on."""
        entry = self._entry(tenant, run)
        return self._store_run(entry, runs.complete(entry.run, tenant, now, op, entry.shards.values()))

    def fail_run(self, tenant: bytes, run: int, now: int, op: int) -> RunOutcome:
        """End an active run as failed."""
        entry = self._entry(tenant, run)
        return self._store_run(entry, runs.fail(entry.run, tenant, now, op))

    def cancel_run(self, tenant: bytes, run: int, now: int, op: int) -> RunOutcome:
        """End a run that is not wanted any more."""
        entry = self._entry(tenant, run)
        return self._store_run(entry, runs.cancel(entry.run, tenant, now, op))

    def forget_run(self, tenant: bytes, run: int) -> None:
        """Drop an ended run with its shards, so that a book that lives for years does not grow. RunStatusError if it
        has not ended. Nothing of it is replayed any more: create no other run with its id.
        """
        entry = self._entry(tenant, run)
        if not entry.run.terminal:
            raise RunStatusError(f"run {run} is {entry.run.status.name.lower()}: end it first")
        del self._runs[tenant, run]
        self._counts[tenant] = self._counts.get(tenant, 0) - len(entry.shards)

    def progress(self, tenant: bytes, run: int, now: int) -> Progress:
        """How far a run is."""
        return runs.progress(self._entry(tenant, run).shards.values(), now)

    # Shards

    def shard(self, tenant: bytes, run: int, shard: int) -> Shard:
        """A shard's record."""
        return self._find(tenant, run, shard)[1]

    def shards(self, tenant: bytes, run: int, now: int, listing: Listing = Listing.ALL) -> tuple[Shard, ...]:
        """The shards of a run, in the order in which they were made."""
        entry = self._entry(tenant, run)
        wanted: dict[Listing, Callable[[Shard], bool]] = {
            Listing.ALL: lambda _: True,
            Listing.ACTIVE: lambda shard: not shard.terminal,
            Listing.AVAILABLE: lambda shard: not entry.run.terminal and shard.available(now),
            Listing.PARKED: lambda shard: shard.park_reason is not None,
            Listing.ROOTS: lambda shard: shard.parent is None,
        }
        return tuple(filter(wanted[listing], entry.shards.values()))

    def capacity(self, tenant: bytes, run: int, now: int) -> Capacity:
        """What could be claimed."""
        return self._entry(tenant, run).capacity(now)

    def acquire(self, tenant: bytes, run: int, shard: int, worker: int, now: int) -> Grant:
        """One certain shard for a worker."""
        entry, record = self._find(tenant, run, shard)
        _check_open(entry, shard)
        outcome, lease = transitions.acquire(record, tenant, worker, now, entry.run.config.lease_time)
        self._store(entry, record, outcome)
        return Grant(lease, outcome.shard, entry.capacity(now))

    def claim(self, tenant: bytes, run: int, worker: int, now: int) -> Grant:
        """Any shard for a worker, the oldest first. Raises RunTerminalError; ThrottledError inside the worker's
        cooldown; NoneAvailableError with the time at which the next lease ends.
        """
        entry = self._entry(tenant, run)
        if entry.run.terminal:
            raise RunTerminalError(f"run {run} is {entry.run.status.name.lower()}")
        cooldown = self._limits.claim_cooldown
        claimed = self._claims.get((tenant, worker))
        if claimed is not None and now < claimed + cooldown:
            raise ThrottledError(f"worker {worker} claimed at {claimed}, it is {now}", claimed + cooldown)
        for shard in list(entry.active):
            # A claim is for more work: what the worker itself holds is no more available to it than to others.
            if entry.shards[shard].leased(now):
                continue
            try:
                grant = self.acquire(tenant, run, shard, worker, now)
            except (AlreadyLeasedError, ShardTerminalError):
                continue
            if cooldown:
                recent = {who: at for who, at in self._claims.items() if now < at + cooldown}
                self._claims = {**recent, (tenant, worker): now}
            return grant
        raise NoneAvailableError(f"no shard of run {run} is free", entry.capacity(now).deadline)

    def renew(self, lease: Lease, now: int) -> Grant:
        """More time for a lease that still holds."""
        entry, record = self._find(lease.tenant, lease.run, lease.shard)
        _check_open(entry, lease.shard)
        outcome, renewed = transitions.renew(record, lease, now, entry.run.config.lease_time)
        self._store(entry, record, outcome)
        return Grant(renewed, outcome.shard, entry.capacity(now))

    def checkpoint(self, lease: Lease, now: int, op: int, cursor: Cursor) -> Outcome:
        """Store how far the work got."""
        entry, record = self._find(lease.tenant, lease.run, lease.shard)
        return self._store(entry, record, transitions.checkpoint(record, lease, now, op, cursor))

    def complete(self, lease: Lease, now: int, op: int, cursor: Cursor | None = None) -> Outcome:
        """Nothing of the shard is left."""
        entry, record = self._find(lease.tenant, lease.run, lease.shard)
        return self._store(entry, record, transitions.complete(record, lease, now, op, cursor))

    def park(self, lease: Lease, now: int, op: int, reason: ParkReason) -> Outcome:
        """Set a shard aside for a person."""
        entry, record = self._find(lease.tenant, lease.run, lease.shard)
        return self._store(entry, record, transitions.park(record, lease, now, op, reason))

    def fail(self, lease: Lease, now: int, op: int) -> Outcome:
        """One more failure; too many in a row park the shard."""
        entry, record = self._find(lease.tenant, lease.run, lease.shard)
        return self._store(entry, record, transitions.fail(record, lease, now, op))

    def unpark(self, tenant: bytes, run: int, shard: int, now: int, op: int) -> Outcome:
        """By hand: let a parked shard go on. RunTerminalError if its run has ended."""
        entry, record = self._find(tenant, run, shard)
        outcome = transitions.unpark(record, tenant, now, op)
        if entry.run.terminal and not outcome.replayed:
            raise RunTerminalError(f"run {run} is {entry.run.status.name.lower()}: nothing of it goes on")
        return self._store(entry, record, outcome)

    def split_replace(self, lease: Lease, now: int, op: int, children: Sequence[ShardSpec]) -> Outcome:
        """Replace a shard by children. ShardLimitError as for `register_shards`."""
        entry, record = self._find(lease.tenant, lease.run, lease.shard)
        return self._store(entry, record, transitions.split_replace(record, lease, now, op, children))

    def split_residual(self, lease: Lease, now: int, op: int, parts: tuple[ShardSpec, ShardSpec]) -> Outcome:
        """Give the upper part of a shard to a new one. ShardLimitError as for `register_shards`."""
        entry, record = self._find(lease.tenant, lease.run, lease.shard)
        return self._store(entry, record, transitions.split_residual(record, lease, now, op, parts))

    # Inside

    def _entry(self, tenant: bytes, run: int) -> _Entry:
        entry = self._runs.get((tenant, run))
        if entry is None:
            raise RunNotFoundError(f"tenant {tenant.hex()} has no run {run}")
        return entry

    def _find(self, tenant: bytes, run: int, shard: int) -> tuple[_Entry, Shard]:
        entry = self._runs.get((tenant, run))
        record = None if entry is None else entry.shards.get(shard)
        if entry is None or record is None:
            raise ShardNotFoundError(f"tenant {tenant.hex()} has no shard {shard} of run {run}")
        return entry, record

    def _check_room(self, tenant: bytes, more: int) -> None:
        if not more:
            return
        for scope, count, most in (
            ("tenant", self._counts.get(tenant, 0), self._limits.shards_per_tenant_max),
            ("book", sum(self._counts.values()), self._limits.shards_max),
        ):
            if count + more > most:
                raise ShardLimitError(f"{more} shards more than {count} in this {scope}: at most {most}", scope)

    def _store(self, entry: _Entry, old: Shard, outcome: Outcome) -> Outcome:
        if outcome.replayed:
            return outcome
        if outcome.children:
            _check_open(entry, old.id)
        self._check_room(old.tenant, len(outcome.children))
        new = outcome.shard
        for shard in (new, *outcome.children):
            check_shard(shard)
        check_change(old, new)
        check_split(old, new, outcome.children)
        if taken := [child.id for child in outcome.children if child.id in entry.shards]:
            raise InvariantBrokenError(f"shard ids {taken} are taken. Nothing was stored: please report this")
        for shard in (new, *outcome.children):
            entry.put(shard)
        if outcome.children:
            self._counts[old.tenant] = self._counts.get(old.tenant, 0) + len(outcome.children)
        return outcome

    def _store_run(self, entry: _Entry, outcome: RunOutcome) -> RunOutcome:
        if outcome.replayed:
            return outcome
        check_run_change(entry.run, outcome.run)
        entry.run = outcome.run
        for shard in outcome.shards:
            entry.put(shard)
        if outcome.shards:
            tenant = outcome.run.tenant
            self._counts[tenant] = self._counts.get(tenant, 0) + len(outcome.shards)
        return outcome


class StartCall(NamedTuple):
    """Who starts which run, when, and by which operation."""

    tenant: bytes
    run: int
    now: int
    op: int


def _check_open(entry: _Entry, shard: int) -> None:
    if entry.run.terminal:
        raise ShardTerminalError(f"shard {shard} belongs to a run that is {entry.run.status.name.lower()}")
