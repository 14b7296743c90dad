"""What connectors offer and operators use. Neither imports the other: flows hand the objects over."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple, Protocol

from gossip.schemas.finding import Finding
from gossip.schemas.ledger import Event, UnitRecord
from gossip.schemas.summary import Loss, Summary
from gossip.schemas.units import (
    BlobPlace,
    HistoryUnit,
    Place,
    PlanReport,
    ScanUnit,
    Target,
    UnitResult,
    WalkResult,
    WalkUnit,
)


@dataclass(slots=True)
class Lineage:
    """A document held whole, and how it was made of another one: what they have in common need not be scanned twice."""

    data: bytes | None
    """None: no longer held."""
    base: Lineage | None = None
    copies: Callable[[], Iterable[tuple[int, int, int]]] | None = None
    """(start, start in the base, size) of what was copied from the base; set where `base` is."""
    cause: str = "no-delta"
    """Why there is no base."""
    awaited: bool = False
    """Others are made of it."""
    size: int = 0
    """Of `data`; kept where that is no longer held."""
    hits: array[int] | None = None
    """The scanner's: what it needs for documents that are made of this one."""


@dataclass(slots=True)  # not frozen: one is made for every blob, and that takes three times as long
class Document:
    """Content to scan, opened on the worker that scans it; it never leaves that worker.

    `chunks` is read once. A read that fails raises an error of ours, which becomes a loss.
    """

    name: str
    """Display form of where it lies, for losses."""
    chunks: Iterable[bytes]
    version: Callable[[], bytes]
    """Version bytes; called after `chunks` was read, and only if something was found."""
    place: Callable[[], Place] | None = None
    """Called only if something was found. None: the place is found later, by the history."""
    path: bytes | None = None
    """Where known beforehand: for rules that look at paths alone."""
    object_id: str = ""
    seekable: Callable[[], BinaryIO] | None = None
    """Opens the same content anew, for formats that are read from their end."""
    lineage: Lineage | None = None
    """Where all of the content is in memory."""


@dataclass(frozen=True, slots=True)
class Skip:
    """A document that policy left out, instead of a Document."""

    reason: str
    path: bytes | None = None


Opened = Document | Skip | Loss


class Commits(Protocol):
    """Counts commits of lanes, in memory that processes share."""

    def add(self, worker: int, seconds: float) -> None:
        """A worker, by its number in the cluster, has committed."""


class Source(Protocol):
    """One target's content. Built in the lane that plans it and again on every worker that opens its units."""

    connector: str
    """Connector tag of item identity, at most 8 bytes."""

    @property
    def instance(self) -> bytes:
        """What tells this target from others of its kind, whatever the spelling of its name."""

    def plan(self) -> Iterator[ScanUnit | HistoryUnit | PlanReport]:
        """Units in a deterministic order, ended by one PlanReport."""

    def open(self, unit: ScanUnit) -> Iterator[Opened]:
        """The documents of a unit. A document must be read before the next one is asked for."""


class HistorySource(Source, Protocol):
    """A source whose documents find their places in a history."""

    def walk(self, unit: WalkUnit, path_wanted: Callable[[bytes], bool] | None) -> WalkResult:
        """The places of a history unit's wanted blobs."""

    def places_beyond(self, wanted: frozenset[bytes]) -> list[BlobPlace]:
        """Places of blobs that no ref leads to: in commits to which none leads either, earliest first; else, for an
        object of this repository, one without a path. None for what only an alternate object folder holds.
        """


class ResultWriter(Protocol):
    """Takes results as they come: an output in this process, or the way to the one that has it."""

    def write(self, result: UnitResult) -> None:
        """Take one result."""

    def failed(self, err: BaseException) -> None:
        """What is to be written failed before it came here; the caller raises the error."""

    def close(self) -> None:
        """No more results will come."""


class Reporter(Protocol):
    """Turns findings into one output: `finding` any number of times, then `close` or `abort`, all from one thread.

    A GossipError of any call means that the output is lost. BrokenPipeError means that the reader of the output has
    seen enough; it is no failure of the run.
    """

    def finding(self, finding: Finding, /) -> None:
        """Take one finding. Streaming formats have written it when this returns."""

    def close(self, summary: Summary, /) -> None:
        """Write what is left and put the output in its place. To be called once."""

    def abort(self) -> None:
        """Give the output up: a file that is not streamed stays as it was before the run. Never raises."""


class RememberedSource(Source, Protocol):
    """A source that can tell what it has given before."""

    def fresh(self) -> RememberedSource:
        """A source of the same content, as it was when this one was opened, that has planned nothing yet."""

    @property
    def reach(self) -> str:
        """Digest of what decides which documents have a place, as `PlanReport.reach`."""

    def plan_beyond(self, covered: frozenset[str]) -> Iterator[ScanUnit | HistoryUnit | PlanReport]:
        """As `plan`, less what the covered tips lead to. `covered` are ids that reports gave as `reached`."""

    def outdated(self, covered: frozenset[str], missing: Iterable[str]) -> bool:
        """Whether objects that were missing in what is covered have to be looked for anew: one is there now, or may be
        missed by nobody.
        """

    def fingerprint(self) -> bytes:
        """Bytes that differ when a plan may give something new. Cheap: nothing is read but what lists the content.

        Only of a source that was just opened. Raises what opening it raises.
        """

    def content_key(self, unit: ScanUnit) -> bytes:
        """Bytes that are the same in every run exactly while the unit's content is."""

    def head(self) -> Head:
        """The target as it is now. Raises errors of ours where that cannot be known."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A unit that an earlier run could not scan in full."""

    attempts: int
    """Since the unit was last unparked."""
    permanent: bool
    losses: tuple[str, ...]
    """As the ledger names them."""


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier runs left in the ledger about a target, under one policy."""

    done: frozenset[str] = frozenset()
    """Ids of units that need no scan, those that failed for good included."""
    failed: Mapping[str, Failure] = field(default_factory=dict)
    covered: frozenset[str] = frozenset()
    """Ids in hex of tips that were scanned completely, but for the missing objects."""
    missing: tuple[tuple[str, str], ...] = ()
    """Objects that were not there then: id in hex, and where it belongs."""
    policy: str = ""
    """The policy of the target: that of the run, or one that builds on an earlier one."""
    base: Known | None = None
    """What is known under the policy that this one builds on, where some rules still have to look at that content."""
    again: frozenset[int] = frozenset()
    """Those rules, by their index in the rule set of the run."""
    opening: str = ""
    """Version of the unit that opens the policy; empty where it is open."""
    previous: str = ""
    """Id of the last unit that opened one."""
    leaving: tuple[tuple[str, Event], ...] = ()
    """Policies and events of what no longer holds, or holds again, as the policy is opened."""
    settling: tuple[tuple[str, Event], ...] = ()
    """The same, once the target was scanned completely under it: what rules that looked again did not find again."""
    loose: tuple[tuple[str, str, bool], ...] = ()
    """Policies and ids of units that ended between their occurrences and their ledger row, and that no scan under this
    policy will come to; and whether they have findings.
    """
    head: str = ""
    """State of the target at the end of its last complete scan; empty where there was none under this policy."""
    head_unit: str = ""
    """Id of the last unit of kind `head`."""
    unheaded: bool = True
    """Whether findings may have come since then."""


class Seen(NamedTuple):
    """An occurrence in the lake, as far as is needed to see whether it is still there."""

    occurrence_id: str
    finding_id: str
    path: str
    object_id: str
    start: int
    end: int
    container_path: tuple[str, ...]
    present: bool | None
    """What the lake says of it; None: nothing yet."""


class Head(Protocol):
    """A target as it is now."""

    commit: str
    """Id in hex; empty where there are no commits. So are the others."""
    author: str
    email: str
    date: str

    def holds(self, seen: Seen) -> bool:
        """Whether an occurrence is there. What cannot be read is said to be there: it is a loss, not a removal."""


class Lane(Protocol):
    """Commits what a remembered scan did, exactly once. Errors of ours end the run."""

    def add(self, record: UnitRecord) -> list[Finding] | None:
        """Take a unit: its findings that no other unit of its target has. None where the unit is done already."""

    def commit(self) -> None:
        """Make everything that was added durable."""

    def forget(self, target_id: str) -> None:
        """Nothing more of the target comes until it is planned again. To be called after a commit."""

    def seen(self, target_id: str) -> Iterator[Seen]:
        """Each occurrence of a target once, of all policies; what was added and not committed is left out."""


class Outbox(Protocol):
    """Sends on what a lane commits, exactly once. Errors of ours end the run; what was not sent is sent by the next."""

    def stage(self, seq: int, findings: Iterable[Finding]) -> None:
        """Findings that the lane's commit of this number will add. Before the commit."""

    def publish(self) -> None:
        """That commit is durable."""


class Memory(Protocol):
    """Where a remembered scan looks up and keeps what was done. Any process may have its own."""

    lanes: int
    """Fixed for the life of a state."""

    def known(self, target_id: str, lane: int) -> Known:
        """What is known of a target. Raises errors of ours."""

    def keep(self, unit_id: str, result: UnitResult) -> None:
        """Keep what was matched in a unit until its history was walked: a cache, which may forget. Never raises."""

    def find(self, unit_id: str, target: int) -> UnitResult | None:
        """What `keep` was given in an earlier run."""

    def drop(self, unit_id: str) -> None:
        """Forget what `keep` was given: the unit was committed. Never raises."""

    def lane(self, number: int) -> Lane:
        """A lane to commit by; one process at a time may hold it."""


SourceFactory = Callable[[Target], Source]
