"""Random operations, wanted and unwanted, against a simple model of a run; invariants after every single one."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gossip.engine.limits import SHARD_OPS_KEPT
from gossip.engine.shards import errors
from gossip.engine.shards.book import Book, BookLimits, Listing
from gossip.engine.shards.cursor import Cursor
from gossip.engine.shards.hints import ShardSpec
from gossip.engine.shards.ranges import KeyRange
from gossip.engine.shards.records import Lease, Outcome, ParkReason, Shard, ShardStatus
from gossip.engine.shards.run import RunConfig, RunStatus, ShardInit
from gossip.engine.shards.splits import plan_replace, plan_residual
from gossip.schemas.errors import GossipError
from tests.property.believed import COOLDOWN, FAILURES, LEASE_TIME, MAY_RAISE, OTHER, RUN, TENANT, UNIVERSE, Believed

letters = st.sampled_from(UNIVERSE)
workers = st.integers(1, 3)
# An index into whatever there is, from the latest: what is recent is more often still alive.
recent = st.one_of(st.just(0), st.integers(0, 3), st.integers(0, 40))


class Coordination(RuleBasedStateMachine):
    """One run, three workers that lose their leases, and commands from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1
        self.ops = 100
        self.limits = BookLimits(claim_cooldown=COOLDOWN, shards_per_tenant_max=30)
        self.book = Book(self.limits)
        self.model: dict[int, Believed] = {}
        self.leases: list[Lease] = []
        self.claims: dict[int, int] = {}
        self.handled: Counter[bytes] = Counter()
        self.ended = False
        self.previous: dict[int, Shard] = {}

    @initialize(bounds=st.lists(letters, max_size=3, unique=True))
    def begin(self, bounds: list[bytes]) -> None:
        """Cover all keys with one to four shards."""
        marks = [b"", *sorted(bounds), b""]
        for number, (low, high) in enumerate(pairwise(marks)):
            self.model[number] = Believed(low, high)
        manifest = [ShardInit(n, ShardSpec(KeyRange(s.low, s.high))) for n, s in self.model.items()]
        self.book.create_run(TENANT, RUN, RunConfig(LEASE_TIME, failures_max=FAILURES), 1)
        self.book.register_shards(TENANT, RUN, 1, 1, manifest)

    # What is expected

    def refusal(self, lease: Lease) -> str | None:
        """Why an operation under a lease must be refused, before its own arguments count."""
        shard = self.model[lease.shard]
        if shard.status != "ACTIVE":
            return "ShardTerminal"
        if lease.fence != shard.fence or shard.owner is None:
            return "StaleFence"
        return "LeaseExpired" if self.now >= shard.deadline else None

    def attempt(self, name: str, expected: str | None, call: Callable[[], object]) -> object | None:
        """The result of a call that must succeed, or None of one that must be refused and change nothing."""
        before = self.book.snapshot()
        refused: GossipError | None = None
        try:
            result = call()
        except GossipError as err:
            refused = err
        if refused is None:
            assert expected is None, f"{name} worked instead of {expected}"
            return result
        found = type(refused).__name__.removesuffix("Error")
        assert found == expected, f"{name}: {found} instead of {expected}: {refused}"
        assert found in MAY_RAISE[name]
        assert self.book.snapshot() == before, f"{name} was refused and changed the book"
        assert TENANT.hex() not in str(refused)
        return None

    def leased(
        self, name: str, lease: Lease, expected: str | None, call: Callable[[int, int], Outcome]
    ) -> Outcome | None:
        """An operation with an id of its own, remembered if it worked."""
        self.ops += 1
        op = self.ops
        done = self.attempt(name, self.refusal(lease) or expected, lambda: call(op, self.now))
        if done is None:
            return None
        assert isinstance(done, Outcome)
        assert not done.replayed
        self.model[lease.shard].done.append((lambda now: call(op, now), done.result))
        return done

    def advance(self, shard: Believed, key: bytes | None) -> None:
        """Letters up to a key are handled: all of them, where it is None."""
        for letter in shard.ahead():
            if key is None or letter <= key:
                self.handled[letter] += 1

    def lease(self, index: int) -> Lease:
        """One of all leases that were ever given."""
        return self.leases[-1 - index % len(self.leases)]

    def pick(self, index: int) -> int:
        """One of all shards."""
        return list(self.model)[-1 - index % len(self.model)]

    # Time, and who has what

    @rule(by=st.one_of(st.integers(1, 3), st.integers(1, 3), st.integers(15, 25)))
    def time_passes(self, by: int) -> None:
        """A little, or about the length of a lease."""
        self.now += by

    def granted(self, lease: Lease) -> None:
        """What a new lease changes."""
        shard = self.model[lease.shard]
        shard.fence += 1
        shard.owner, shard.deadline = lease.owner, self.now + LEASE_TIME
        assert (lease.fence, lease.deadline) == (shard.fence, shard.deadline)
        self.leases.append(lease)

    @rule(worker=workers)
    def claim(self, worker: int) -> None:
        """Any shard."""
        free = [n for n, s in self.model.items() if s.status == "ACTIVE" and not (s.owner and self.now < s.deadline)]
        expected = None if free else "NoneAvailable"
        if self.now < self.claims.get(worker, -COOLDOWN) + COOLDOWN:
            expected = "Throttled"
        if self.ended:
            expected = "RunTerminal"
        grant = self.attempt("claim", expected, lambda: self.book.claim(TENANT, RUN, worker, self.now))
        if grant is not None:
            self.claims[worker] = self.now
            assert grant.lease.shard in free  # type: ignore[attr-defined]
            self.granted(grant.lease)  # type: ignore[attr-defined]

    @rule(index=recent, worker=workers)
    def acquire(self, index: int, worker: int) -> None:
        """A certain shard: ended, taken, or free."""
        number = self.pick(index)
        shard = self.model[number]
        expected = None
        if self.ended or shard.status != "ACTIVE":
            expected = "ShardTerminal"
        elif shard.owner not in (None, worker) and self.now < shard.deadline:
            expected = "AlreadyLeased"
        grant = self.attempt("acquire", expected, lambda: self.book.acquire(TENANT, RUN, number, worker, self.now))
        if grant is not None:
            self.granted(grant.lease)  # type: ignore[attr-defined]

    @precondition(lambda self: self.leases)
    @rule(index=recent)
    def renew(self, index: int) -> None:
        """Whatever lease, new or old."""
        lease = self.lease(index)
        expected = "ShardTerminal" if self.ended else self.refusal(lease)
        if self.attempt("renew", expected, lambda: self.book.renew(lease, self.now)) is not None:
            shard = self.model[lease.shard]
            shard.deadline = max(shard.deadline, self.now + LEASE_TIME)

    # Work

    @precondition(lambda self: self.leases)
    @rule(index=recent, key=st.one_of(letters, st.none()), end=st.booleans())
    def progress(self, index: int, key: bytes | None, *, end: bool) -> None:
        """Checkpoint or complete, at any key or none."""
        lease, name = self.lease(index), "complete" if end else "checkpoint"
        shard = self.model[lease.shard]
        expected = None
        if key is None:
            expected = None if end else "CheckpointMissingKey"
        elif shard.key is not None and key < shard.key:
            expected = "CursorRegression"
        elif key not in shard.mine():
            expected = "CursorOutOfBounds"
        cursor = None if end and key is None else Cursor(key)
        operation = getattr(self.book, name)
        if self.leased(name, lease, expected, lambda op, now: operation(lease, now, op, cursor)) is None:
            return
        self.advance(shard, None if end else key)
        shard.key, shard.failures = key or shard.key, 0
        if end:
            shard.status, shard.owner = "DONE", None

    @precondition(lambda self: self.leases)
    @rule(index=recent, reason=st.one_of(st.none(), st.none(), st.none(), st.sampled_from(ParkReason)))
    def trouble(self, index: int, reason: ParkReason | None) -> None:
        """A failure that may pass, or one that does not."""
        lease = self.lease(index)
        shard = self.model[lease.shard]
        if reason is None:
            done = self.leased("fail", lease, None, lambda op, now: self.book.fail(lease, now, op))
        else:
            done = self.leased("park", lease, None, lambda op, now: self.book.park(lease, now, op, reason))
        if done is not None:
            shard.failures += reason is None
            if reason is not None or shard.failures == FAILURES:
                shard.status, shard.owner = "PARKED", None

    @rule(index=recent)
    def unpark(self, index: int) -> None:
        """By hand, whatever the shard."""
        number = self.pick(index)
        shard = self.model[number]
        self.ops += 1
        op = self.ops
        expected = None
        if shard.status != "PARKED":
            expected = "NotParked"
        elif self.ended:
            expected = "RunTerminal"

        def call(now: int) -> Outcome:
            return self.book.unpark(TENANT, RUN, number, now, op)

        if self.attempt("unpark", expected, lambda: call(self.now)) is not None:
            shard.status, shard.failures = "ACTIVE", 0
            shard.fence += 1
            shard.done.append((call, ()))

    # Splits

    @precondition(lambda self: self.leases)
    @rule(index=recent, cuts=st.lists(letters, min_size=1, max_size=3, unique=True), residual=st.booleans())
    def split(self, index: int, cuts: list[bytes], *, residual: bool) -> None:
        """At any letters of the range, beyond the cursor or not."""
        lease = self.lease(index)
        shard = self.model[lease.shard]
        cuts = sorted(cut for cut in cuts if cut in shard.mine() and cut != shard.low)
        cuts = cuts[:1] if residual else cuts
        if not cuts:
            return
        spec = ShardSpec(KeyRange(shard.low, shard.high))
        children = len(cuts) + (not residual)
        expected = None
        if shard.key is not None and shard.key >= cuts[0]:
            expected = "SplitInvalid"
        elif self.ended:
            expected = "ShardTerminal"
        elif len(self.model) + children > self.limits.shards_per_tenant_max:
            expected = "ShardLimit"
        if residual:
            parts = plan_residual(spec, cuts[0])
            done = self.leased(
                "split_residual", lease, expected, lambda op, now: self.book.split_residual(lease, now, op, parts)
            )
        else:
            specs = plan_replace(spec, cuts)
            done = self.leased(
                "split_replace", lease, expected, lambda op, now: self.book.split_replace(lease, now, op, specs)
            )
        if done is None:
            return
        assert len(done.result) == children
        bounds = [*([] if residual else [shard.low]), *cuts, shard.high]
        for number, low, high in zip(done.result, bounds[:-1], bounds[1:], strict=True):
            self.model[number] = Believed(low, high)
        if residual:
            shard.high = cuts[0]
        else:
            self.model[done.result[0]].key = shard.key
            shard.status, shard.owner = "SPLIT", None

    # Faults

    @rule(index=recent, ago=recent)
    def replay(self, index: int, ago: int) -> None:
        """Ask again for something that was done: the same answer, and nothing changes."""
        done = self.model[self.pick(index)].done
        if done:
            call, result = done[-1 - ago % len(done)]
            before = self.book.snapshot()
            again = call(self.now)
            assert (again.replayed, again.result) == (True, result)
            assert self.book.snapshot() == before

    @precondition(lambda self: self.leases)
    @rule(index=recent)
    def foreign(self, index: int) -> None:
        """Another tenant with a lease of ours: as if there were none."""
        lease = replace(self.lease(index), tenant=OTHER)
        self.attempt("park", "ShardNotFound", lambda: self.book.park(lease, self.now, 5, ParkReason.OTHER))

    @rule()
    def restart(self) -> None:
        """The process ends, another one reads the state."""
        self.book = Book.restored(pickle.loads(pickle.dumps(self.book.snapshot())), self.limits)

    @precondition(lambda self: not self.ended)
    @rule(chance=st.integers(0, 15), how=st.sampled_from(["cancel_run", "fail_run"]))
    def end(self, chance: int, how: str) -> None:
        """Sometimes nobody wants it any more."""
        if chance == 0:
            getattr(self.book, how)(TENANT, RUN, self.now, 2)
            self.ended = True

    # Always

    @precondition(lambda self: self.model)
    @invariant()
    def book_is_what_the_model_knows(self) -> None:
        """Field by field."""
        shards = self.book.shards(TENANT, RUN, self.now)
        assert [shard.id for shard in shards] == list(self.model)
        for record, known in zip(shards, self.model.values(), strict=True):
            owner = None if record.hold is None else record.hold.owner
            found = (record.spec.range.start, record.spec.range.end, record.cursor.key, record.status.name)
            assert found == (known.low, known.high, known.key, known.status)
            assert (record.fence, owner, record.failures) == (known.fence, known.owner, known.failures)
            assert record.hold is None or record.hold.deadline == known.deadline

    @precondition(lambda self: self.model)
    @invariant()
    def records_keep_their_promises(self) -> None:
        """Fences, cursors and ends since the last step; families; one home for every key; counters."""
        shards = {shard.id: shard for shard in self.book.shards(TENANT, RUN, self.now)}
        for old in self.previous.values():
            new = shards[old.id]
            assert new.fence >= old.fence
            assert (new.cursor.key or b"") >= (old.cursor.key or b"")
            if old.status is not ShardStatus.ACTIVE and new.status is not old.status:
                assert (old.status, new.status) == (ShardStatus.PARKED, ShardStatus.ACTIVE)
                assert new.fence > old.fence
        for shard in shards.values():
            assert all(shards[child].parent == shard.id for child in shard.spawned)
            assert len({record.op for record in shard.ops}) == len(shard.ops) <= SHARD_OPS_KEPT
        homes = Counter(n for n in UNIVERSE for s in shards.values() if s.status.name != "SPLIT" and n in s.spec.range)
        assert homes == dict.fromkeys(UNIVERSE, 1)
        live = [lease for lease in self.leases if self.refusal(lease) is None]
        assert len({lease.shard for lease in live}) == len(live)
        capacity = self.book.capacity(TENANT, RUN, self.now)
        assert capacity.available == len(self.book.shards(TENANT, RUN, self.now, Listing.AVAILABLE))
        assert all(count == 1 for count in self.handled.values())
        self.previous = shards

    def teardown(self) -> None:
        """Without faults, everything comes to an end: each key was handled once, and by nobody twice."""
        if not self.model or self.ended:
            return
        for number, shard in list(self.model.items()):
            if shard.status == "PARKED":
                self.book.unpark(TENANT, RUN, number, self.now, 10_000)
                shard.status = "ACTIVE"
        self.now += LEASE_TIME
        for op in range(sum(shard.status == "ACTIVE" for shard in self.model.values())):
            self.now += COOLDOWN
            lease = self.book.claim(TENANT, RUN, 1, self.now).lease
            self.advance(self.model[lease.shard], None)
            self.book.complete(lease, self.now, 20_000 + op)
        assert self.handled == dict.fromkeys(UNIVERSE, 1)
        assert self.book.progress(TENANT, RUN, self.now).covered
        assert self.book.complete_run(TENANT, RUN, self.now, 3).run.status is RunStatus.DONE
        with pytest.raises(errors.RunTerminalError):
            self.book.claim(TENANT, RUN, 1, self.now + COOLDOWN)


TestCoordination = Coordination.TestCase
TestCoordination.settings = settings(max_examples=100, stateful_step_count=40)
