"""What a commit lane is told about a unit, and the lattice of outcomes that the done-ledger keeps.

A unit's rows join by the highest status, so that a late or repeated failure never hides content that was scanned.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Literal
from urllib.parse import quote, unquote

from gossip.schemas.errors import MisuseError
from gossip.schemas.finding import Finding
from gossip.schemas.summary import Loss
from gossip.schemas.tables import KIND_ABSENT, KIND_PRESENT, KIND_RESTORED, KIND_RETRACTED

CODE_CHARS_MAX = 128
DETAIL_CHARS_MAX = 1000
LOSS_NAMES_MAX = 10
"""Losses named in a ledger row; the counters stay exact."""

ATTEMPTS_MAX = 3
"""A unit that could not be scanned in full so often is parked: not tried again until somebody says so."""

KIND_COVERED = "covered"
"""Kind of the unit that says which tips were scanned completely; its version lists them."""
KIND_WALK = "walk"
"""Kind of the unit of a history: what it reports because of paths alone, and what is missing in it."""
KIND_RULES = "rules"
"""Kind of the unit that opens a policy of a target; its version says which rules it has and what it builds on."""
KIND_CHANGE = "change"
"""Kind of a unit without content: what rules had found under its policy is retracted, or restored."""
KIND_HEAD = "head"
"""Kind of the unit that ends a complete scan; its version says which state of the target was scanned."""
UNITS_WITHOUT_CONTENT = (KIND_COVERED, KIND_WALK, KIND_RULES, KIND_CHANGE, KIND_HEAD)

CODE = re.compile(rf"(?=.*[^ ])[A-Za-z0-9 _\-.:/]{{1,{CODE_CHARS_MAX}}}")


class Status(IntEnum):
    """What became of a unit. Join is the maximum; numbers are stored, so they never change their meaning."""

    FAILED_RETRYABLE = 1
    FAILED_PERMANENT = 2
    SKIPPED = 3
    SCANNED_CLEAN = 10
    SCANNED_WITH_FINDINGS = 11

    @property
    def label(self) -> str:
        """The name in the ledger's `status` column."""
        return self.name.lower()

    @property
    def scanned(self) -> bool:
        """Whether the content was seen by the rules."""
        return self >= Status.SCANNED_CLEAN

    @property
    def done(self) -> bool:
        """Whether a unit of this status is not to be scanned again under the same policy."""
        return self is not Status.FAILED_RETRYABLE


STATUS_OF_LABEL = {status.label: status for status in Status}
DONE_LABELS = tuple(status.label for status in Status if status.done)

Outcome = Literal["scanned", "skipped", "failed_permanent", "failed_retryable"]
"""What the scan says. Whether `scanned` means clean is for the lane to say: it knows what earlier attempts found."""


def coverage_text(tips: Iterable[str], missing: Iterable[tuple[str, str]]) -> str:
    """The version of a `covered` unit: ids of tips in hex, and of each missing object its id and where it belongs.

    >>> coverage_text(["aa", "bb"], [("cc", "a b.txt")])
    'aa bb !cc:a%20b.txt'
    """
    return " ".join((*sorted(tips), *(f"!{name}:{quote(where, errors='replace')}" for name, where in sorted(missing))))


def read_coverage(version: str) -> tuple[list[str], tuple[tuple[str, str], ...]]:
    """The tips and the missing objects in the version of a `covered` unit."""
    parts = version.split()
    missing = (part[1:].partition(":") for part in parts if part.startswith("!"))
    return [part for part in parts if not part.startswith("!")], tuple((n, unquote(where)) for n, _, where in missing)


def status_of(outcome: Outcome, findings: int) -> Status:
    """The status of an outcome, given all occurrences of the unit, of earlier attempts too."""
    if outcome == "scanned":
        return Status.SCANNED_WITH_FINDINGS if findings else Status.SCANNED_CLEAN
    return Status[outcome.upper()]


@dataclass(frozen=True, slots=True)
class Event:
    """A change in the life of what was found before; no content was read for it.

    `retracted`, `restored`: what the rule with `rule_fingerprint` had found in the target, under the policy of the
    event's unit, no longer holds, or holds again.
    `present`, `absent`: the occurrence is, or no longer is, in the head of the target, as `commit` shows.
    """

    kind: Literal["retracted", "restored", "present", "absent"]
    rule_id: str = ""
    rule_fingerprint: str = ""
    finding_id: str = ""
    occurrence_id: str = ""
    commit: str = ""
    author: str = ""
    email: str = ""
    date: str = ""
    path: str = ""

    def __post_init__(self) -> None:
        if self.kind in {KIND_RETRACTED, KIND_RESTORED} and not self.rule_fingerprint:
            raise MisuseError(f"event {self.kind}: it is about a rule; give its fingerprint")
        if self.kind in {KIND_PRESENT, KIND_ABSENT} and not (self.finding_id and self.occurrence_id):
            raise MisuseError(f"event {self.kind}: it is about an occurrence; give its id and its finding's")

    @property
    def subject(self) -> str:
        """What it is about: with the kind, the event's key inside its unit."""
        return self.occurrence_id or self.rule_fingerprint


@dataclass(slots=True)
class UnitRecord:
    """Everything that a lane commits for one unit: its rows in `occurrences` and its row in `ledger`.

    `unit_id` names the same content in every run: it is made of the target, the object version or range, and what else
    tells units apart, but never of a position in a run. A unit's findings are complete in its record.
    """

    unit_id: str
    target: str
    target_id: str
    kind: str
    version: str = ""
    outcome: Outcome = "scanned"
    code: str = ""
    """Why not `scanned`, or not in full: 1 to CODE_CHARS_MAX of `[A-Za-z0-9 _-.:/]`, not all spaces."""
    detail: str = ""
    findings: list[Finding] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    documents: int = 0
    bytes: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    losses: list[Loss] = field(default_factory=list)
    started_at: datetime | None = None
    policy: str = ""
    """Policy hash that its rows carry; empty: that of its lane's context."""

    def __post_init__(self) -> None:
        if not self.unit_id:
            raise MisuseError("a unit without an id cannot be recorded")
        if self.outcome != "scanned" and not self.code:
            raise MisuseError(f"unit {self.unit_id}: outcome {self.outcome} needs a code that says why")
        if self.outcome == "skipped" and self.findings:
            raise MisuseError(f"unit {self.unit_id}: it was skipped, yet it has {len(self.findings)} findings")
        if self.code and not CODE.fullmatch(self.code):
            raise MisuseError(
                f"unit {self.unit_id}: its code has {len(self.code)} characters, or one outside [A-Za-z0-9 _-.:/]; "
                f"give 1 to {CODE_CHARS_MAX}"
            )

    @property
    def rows(self) -> int:
        """How many rows it may add, the ledger's included."""
        return len(self.findings) + len(self.events) + 1


@dataclass(frozen=True, slots=True)
class LaneContext:
    """What all rows of a lane's execution share."""

    tenant: str
    policy_hash: str
    """What decides whether an earlier scan still counts."""
    rules_digest: str
    """The rules that run: all of the policy's, or only those that changed."""
    run_id: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One row of `runs`, but for what its `Summary` holds."""

    run_id: str
    tenant: str
    config_digest: str
    rules_digest: str
    rule_fingerprints: tuple[tuple[str, str], ...]
    """(rule id, fingerprint in hex) of every rule."""
    started_at: datetime
    finished_at: datetime
