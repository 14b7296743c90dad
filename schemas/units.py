"""What travels through the dataflow: descriptors and results, never content. All of it can be pickled.

What travels by the thousand is a named tuple: it is pickled several times faster than a dataclass with slots.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gossip.schemas.finding import Finding, Part, Validation
    from gossip.schemas.ledger import UnitRecord
    from gossip.schemas.stream import Position
    from gossip.schemas.summary import Loss


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to scan, as a source understands it. `options` are the source's own."""

    kind: str
    """A row of the flows' table of sources: `files`, `git`, `stdin`."""
    location: str
    """Path or URL; undecodable bytes as surrogates."""
    name: str
    """What the user typed: shown in every finding."""
    options: tuple[tuple[str, str], ...] = ()
    index: int = 0
    """Position among the run's targets; its units carry it."""

    def option(self, key: str, default: str = "") -> str:
        """One option's value."""
        return dict(self.options).get(key, default)


@dataclass(frozen=True, slots=True)
class ScanUnit:
    """About 8 MiB of content, described so that any worker can open it."""

    target: int
    """Index into the run's targets."""
    kind: str
    """Tells the target's source how to read `payload`."""
    payload: object
    bytes: int = 0
    """Estimated content bytes, for progress."""
    id: str = ""
    """Names the same content in every run; empty where nothing is remembered."""
    again: frozenset[int] | None = None
    """Its content was scanned before: only these rules, by index, look for something new. None: all do."""


@dataclass(frozen=True, slots=True)
class HistoryUnit:
    """A run of consecutive commits, ancestors first, to be searched for the places of blobs with findings."""

    target: int
    payload: object


@dataclass(frozen=True, slots=True)
class WalkUnit:
    """A HistoryUnit and the blobs to place: raw object ids."""

    history: HistoryUnit
    wanted: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class WalkBatch:
    """Several HistoryUnits of a target that one worker walks: what is wanted travels once for all of them."""

    histories: tuple[HistoryUnit, ...]
    wanted: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class PlanReport:
    """Sent once by a target's lane when all its units have been sent."""

    target: int
    units: int
    histories: int
    bytes: int
    losses: tuple[Loss, ...] = ()
    skipped: tuple[tuple[str, int], ...] = ()
    reached: tuple[str, ...] = ()
    """Ids in hex of the tips that a complete scan of this plan covers, and that none covered before."""
    known: tuple[Loss, ...] = ()
    """Losses that the ledger keeps: they are reported, and the target may be complete but for them."""
    reach: str = ""
    """Digest of everything that decides which documents have a place. Empty where every document has one."""
    opening: tuple[UnitRecord, ...] = ()
    """What a remembered scan commits before anything else of the target."""
    closing: tuple[UnitRecord, ...] = ()
    """What it commits once all of the target was scanned."""
    news: bool = False
    """The target is not what it was when that was done last; else it is done only if something was found."""


class Place(NamedTuple):
    """Where a document lies. `path` is raw bytes, relative to its target."""

    path: bytes
    commit: str = ""
    author: str = ""
    email: str = ""
    date: str = ""
    unreachable: bool = False
    """No ref leads to the document. `path` is empty where no commit does either."""


class Sighting(NamedTuple):
    """A match as it may leave its worker, before its place is known. Holds no secret bytes unless the user asked to see
    secrets.
    """

    rule: int
    secret_hash: bytes
    preview: str
    start: int
    end: int
    line: int
    column: int
    end_line: int
    end_column: int
    version_id: bytes
    object_id: str
    pending: tuple[int, ...]
    confidence: int
    validation: Validation = "none"
    facts: tuple[tuple[str, str], ...] = ()
    decode_path: tuple[str, ...] = ()
    container_path: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    secret: bytes | None = None


class BlobPlace(NamedTuple):
    """A place of a wanted blob: `order` ascends with the history, then with the paths."""

    blob: bytes
    order: tuple[int, bytes]
    place: Place


@dataclass(frozen=True, slots=True)
class WalkResult:
    """What one WalkUnit found."""

    target: int
    places: tuple[BlobPlace, ...]
    losses: tuple[Loss, ...] = ()
    path_only: tuple[BlobPlace, ...] = ()
    """Blobs that a rule without a regex reports because of their path."""


@dataclass(slots=True)
class UnitResult:
    """What became of one unit. `sightings` wait for their place; `findings` are final."""

    target: int
    findings: list[Finding] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    units: int = 0
    documents: int = 0
    bytes: int = 0
    planned_bytes: int = 0
    """Added to the run's expected total, for progress."""
    skipped: Counter[str] = field(default_factory=Counter)
    losses: list[Loss] = field(default_factory=list)
    suppressed: Counter[str] = field(default_factory=Counter)
    whole: Counter[str] = field(default_factory=Counter)
    """Blobs scanned whole, not by what tells them from another one: by reason."""
    record: UnitRecord | None = None
    """What a remembered scan commits of it. Its findings are those of this result."""
    after: int = 0
    """The result says that the whole target was scanned: it holds once so many records of content were committed."""
    if_found: bool = False
    """The record is of interest only if something new was found in the target."""
    ends: bool = False
    """The target's last result in a remembered scan: everything about it was committed."""
    position: Position | None = None
    """Of a stream: how far its partition is done with this result."""
    marks: int = 0
    """Of the last result: how many records there are that are not about content."""
